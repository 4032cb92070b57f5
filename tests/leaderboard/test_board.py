"""The table over many runs: what stands in it, what is marked, what every format makes of hostile names."""

from __future__ import annotations

import csv as csv_module
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.leaderboard import text
from audiobench.leaderboard.board import Board, make_board
from audiobench.leaderboard.page import html
from tests.gate.runs import answers, record, write_run

TABLE_1 = ["big_bench_audio", "spoken_mqa", "mmsu", "mmau", "wildspeech"]
HOSTILE = '=cmd|"</script><img src=x onerror=alert(1)>|`@me` \\input{x} $x_1$ 100%'


def right(share: float, n: int = 200) -> list[bool]:
    return [(i * 37 % n) < share * n for i in range(n)]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three models on tasks t and u: two close ones and one far below; the first also without thinking."""
    folder = tmp_path / "runs"
    for model, share in (("strong", 0.9), ("close", 0.88), ("weak", 0.5)):
        lines = answers(right(share), think="on")
        if model == "strong":
            lines += answers(right(share - 0.2), think="off")
        write_run(folder / model, {"t": lines, "u": lines}, model=model)
    return folder


def rows(board: Board) -> dict[tuple[str, str], tuple[int, int] | None]:
    return {(row.model, row.condition.think): row.rank for row in board.measured}


def test_the_papers_table_comes_out_right() -> None:
    board = make_board([], tasks=TABLE_1, published=True, source="2511.15848 Table 1")
    table = {
        row.model: [round(row.average.value, 1) if row.average else None, *(row.cells[t].value for t in TABLE_1)]
        for row in board.references
    }
    assert table == {
        "step-audio-r1": [83.6, 98.7, 95.2, 75.9, 77.7, 70.6],
        "step-audio-2": [68.3, 59.1, 88.8, 64.3, 78.0, 51.1],
        "gemini-2.5-pro": [81.5, 96.1, 94.8, 79.3, 77.4, 60.0],
        "gemini-3-pro": [85.1, 92.1, 95.3, 82.9, 78.9, 76.4],
    }
    assert {row.source for row in board.references} == {"arXiv:2511.15848 Table 1"}
    assert all(row.rank is None for row in board.references), "a published score has no interval here"
    assert "| step-audio-r1 | think=on | 83.6 | 98.7 | 95.2 | 75.9 | 77.7 | 70.6 |" in text.markdown(board)


def test_one_name_with_two_published_settings_has_two_rows() -> None:
    board = make_board([], tasks=["big_bench_audio"], published=True)
    found = {row.source: row.cells["big_bench_audio"].value for row in board.references if row.model == "step-audio-2"}
    assert len(found) == 2 and set(found.values()) == {80.0, 59.1}


def test_ratings_are_per_cent_of_the_highest() -> None:
    board = make_board([], tasks=["wildspeech"], published=True)
    values = {row.model: row.cells["wildspeech"].value for row in board.references}
    assert (values["step-audio-r1"], values["gpt-4o-audio"]) == (70.6, pytest.approx(62.9))


def test_ranks_are_as_wide_as_the_intervals_leave_them(runs: Path) -> None:
    assert rows(make_board([runs])) == {
        ("strong", "on"): (1, 2), ("close", "on"): (1, 2), ("strong", "off"): (3, 3), ("weak", "on"): (4, 4),
    }  # fmt: skip


def test_average_interval_and_standard_error(runs: Path) -> None:
    first = make_board([runs]).measured[0]
    assert first.average is not None and first.average_se is not None
    assert (first.model, first.average.value, first.average.n) == ("strong", pytest.approx(90.0), 400)
    single = first.cells["t"]
    assert single.low is not None and single.high is not None
    assert first.average_se == pytest.approx((single.high - single.low) / 2 / 1.96 / 2**0.5, rel=0.02)


def test_the_think_gain_is_paired(runs: Path) -> None:
    first = make_board([runs]).measured[0]
    gain = first.gains["t"]
    assert (gain.value, gain.n, gain.paired) == (pytest.approx(20.0), 200, True)
    assert gain.low is not None and gain.high is not None and 14 < gain.low < 20 < gain.high < 26
    assert gain.p is not None and gain.p < 1e-9
    assert first.average_gain is not None and first.average_gain.value == pytest.approx(20.0)


def test_a_submission_without_journals_has_the_scores_and_an_unpaired_gain(runs: Path, tmp_path: Path) -> None:
    assert main(["leaderboard", "--submit", str(runs / "strong"), "--out", str(tmp_path / "pub")]) == 0
    whole, submitted = make_board([runs / "strong"]), make_board([tmp_path / "pub"])
    assert [c.value for r in whole.measured for c in r.cells.values()] == [
        c.value for r in submitted.measured for c in r.cells.values()
    ]
    gain = submitted.measured[0].gains["t"]
    assert (gain.value, gain.low, gain.paired) == (pytest.approx(20.0), None, False)
    assert "+20.0 (unpaired)" in text.markdown(submitted)


def test_mixed_fingerprints_are_marked_named_and_not_ranked(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = answers(right(0.99), think="on")
    write_run(runs / "odd", {"t": lines, "u": lines}, model="odd", fingerprint={"prompt": "9" * 64})
    board = make_board([runs])
    (odd,) = [row for row in board.measured if row.model == "odd"]
    assert odd.rank is None and odd.cells["t"].mark == "a" and odd.average is not None and odd.average.mark
    assert board.notes[0] == "[a] t: not comparable with the rest of the column: different prompt"
    assert "^a" in text.markdown(board) and "$^{a}$" in text.latex(board) and 'class="mark">a<' in html(board)
    assert main(["leaderboard", str(runs), "--strict"]) == 3
    assert "different prompt" in capsys.readouterr().err


def test_a_subset_is_marked(runs: Path) -> None:
    write_run(runs / "part", {"t": answers([1] * 20, think="on")}, model="part")
    board = make_board([runs], tasks=["t"])
    (part,) = [row for row in board.measured if row.model == "part"]
    assert part.rank is None and any("different audio, samples" in note for note in board.notes)


def test_the_whole_task_is_the_reference_however_many_rows_a_subset_has(tmp_path: Path) -> None:
    write_run(tmp_path / "whole", {"t": answers(right(0.8), think="on")}, model="whole")
    part = [line for think in ("on", "off", "default") for line in answers(right(0.9, 60), think=think)]
    write_run(tmp_path / "part", {"t": part}, model="part")
    write_run(tmp_path / "part2", {"t": part}, model="part2")
    board = make_board([tmp_path])
    assert rows(board) == {("whole", "on"): (1, 1)} | {
        (model, think): None for model in ("part", "part2") for think in ("on", "off", "default")
    }
    assert [note for note in board.notes if note.startswith("[")] == [
        "[a] t: not comparable with the rest of the column: different audio, samples (60 samples, the column has 200)"
    ]


def test_the_tasks_own_number_of_rows_decides_over_a_larger_set(tmp_path: Path, monkeypatch) -> None:
    class Spec:
        title, expected_rows, scorer, reference_scores = "T", 200, "option_match", ()

    monkeypatch.setattr("audiobench.leaderboard.board.shipped", lambda task: Spec())
    write_run(tmp_path / "whole", {"t": answers(right(0.8))}, model="whole")
    write_run(tmp_path / "more", {"t": answers(right(0.8, 260))}, model="more")
    assert rows(make_board([tmp_path])) == {("whole", "default"): (1, 1), ("more", "default"): None}
    write_run(tmp_path / "small" / "part", {"t": answers(right(1.0, 60))}, model="part")
    assert "T: on 60 of the data set's 200 samples" in make_board([tmp_path / "small"]).notes
    assert not any("data set's" in note for note in make_board([tmp_path]).notes)


def test_models_are_counted_not_their_conditions(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write_run(tmp_path / model, {"t": answers(right(0.8), think="on")}, model=model)
    many = [line for think in ("on", "off", "default") for line in answers(right(0.8), think=think)]
    write_run(tmp_path / "odd", {"t": many}, model="odd", fingerprint={"prompt": "9" * 64})
    found = rows(make_board([tmp_path]))
    assert found["a", "on"] == found["b", "on"] == (1, 2)
    assert {found["odd", think] for think in ("on", "off", "default")} == {None}


def test_the_newer_of_two_runs_is_shown_and_said_so(runs: Path) -> None:
    lines = answers(right(0.7), think="on")
    write_run(runs / "strong2", {"t": lines}, model="strong", info={"updated": 1.8e9})
    board = make_board([runs])
    (row,) = [row for row in board.measured if row.model == "strong" and row.condition.think == "on"]
    assert row.cells["t"].value == pytest.approx(70.0)
    assert any("strong2 is shown" in note for note in board.notes)


def test_error_rates_are_not_averaged_with_accuracies_and_less_is_better(tmp_path: Path) -> None:
    def lines(wrong: int) -> list[dict[str, object]]:
        found = [record(f"s{i:03}", "red green blue" + (" no no" if i < wrong else "")) for i in range(80)]
        for line in found:
            line["sample"].update(choices=[], target="red green blue")
        return found

    spec = {"scorer": "wer", "extraction": ["full_text"], "metric_list": [{"metric": "wer", "higher_is_better": False}]}
    for name, wrong in (("good", 2), ("bad", 60)):
        write_run(tmp_path / "r" / name, {"asr": lines(wrong)}, model=name, spec=spec)  # type: ignore[arg-type]
    board = make_board([tmp_path / "r"])
    assert [(row.model, row.rank) for row in board.measured] == [("good", (1, 1)), ("bad", (2, 2))]
    assert board.averaged == [] and board.measured[0].cells["asr"].value == pytest.approx(100 * 4 / 240)


def test_every_format_from_the_command_line(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", str(runs)]) == 0
    assert capsys.readouterr().out.startswith("# Leaderboard")
    for name in ("board.md", "board.html", "board.csv", "board.tex", "board.json"):
        assert main(["leaderboard", str(runs), "--out", str(tmp_path / name)]) == 0
    table = list(csv_module.DictReader(io.StringIO((tmp_path / "board.csv").read_text())))
    assert len(table) == 4 * 3 and {line["task"] for line in table} == {"t", "u", "average"}
    document = json.loads((tmp_path / "board.json").read_bytes())
    assert document["rows"][0]["rank_best"] == 1 and document["rows"][0]["n"] == 200
    tex = (tmp_path / "board.tex").read_text()
    assert tex.count(r"\toprule") == 1 and tex.count(r"\bottomrule") == 1
    assert main(["leaderboard", str(tmp_path / "nowhere")]) == 2
    assert main(["leaderboard", str(runs), "--tasks", "nothing"]) == 2


def test_official_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "r", {"t": answers([1, 1, 0, 0])}, spec={"scorer": "mmau_string_match"})
    board = make_board([tmp_path / "r"], metric="official")
    assert board.measured[0].cells["t"].value == pytest.approx(50.0)
    assert make_board([tmp_path / "r"], metric="acc").measured


class Page(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_hostile_names_stay_text_in_every_format(tmp_path: Path) -> None:
    write_run(tmp_path / "r", {"t": answers([1, 0] * 30)})
    board = make_board([tmp_path / "r"])
    for row in board.rows:  # run.json may not hold such a name; a published row may
        row.model = HOSTILE
    page = Page(html(board))
    assert "img" not in page.tags and page.tags.count("script") == 1
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    (line,) = [line for line in text.markdown(board).splitlines() if "onerror" in line and "default" in line][:1]
    assert len(re.findall(r"(?<!\\)\|", line)) == 5 and "<img" not in line and "@me" not in line
    cell = next(csv_module.DictReader(io.StringIO(text.csv(board))))["model"]
    assert cell == "'" + HOSTILE
    tex = text.latex(board)
    assert r"\input" not in tex and r"\textbackslash{}input\{x\}" in tex and r"100\%" in tex
    assert json.loads(text.json(board))["rows"][0]["model"] == HOSTILE


def test_the_page_allows_nothing_but_its_own_style_and_script(runs: Path) -> None:
    page = html(make_board([runs], published=False))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1] and "unsafe" not in policy[1] and "http" not in policy[1]
    for tag in ("style", "script"):
        import base64
        import hashlib

        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]
    assert not re.search(r'(?:src|href)="', page)
