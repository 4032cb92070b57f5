"""Rows as people have them: tables, byte-order marks, options that are no text, lists that stand as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audiobench import cli
from audiobench.core.errors import UsageError
from audiobench.data import load
from tests.data import loopback_hub as invented
from tests.run.conftest import make_task


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """The YAML of a task of two items."""
    return make_task(tmp_path / "toy", 2)


def ask(task: Path, out: Path, capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and result of the oracle's run."""
    command = ["run", "--model", "oracle", "--tasks", task, "--out", out, "--json", *words]
    code = cli.main([str(word) for word in command])
    found = json.loads(capsys.readouterr().out)
    return code, found["results"][0] if "results" in found else found


def rows(task: Path, **changes: Any) -> list[dict[str, Any]]:
    lines = (task.parent / "items.jsonl").read_text().splitlines()
    return [{**json.loads(line), **changes} for line in lines]


def write(task: Path, items: list[dict[str, Any]], bom: bytes = b"") -> None:
    text = "".join(json.dumps(row) + "\n" for row in items)
    (task.parent / "items.jsonl").write_bytes(bom + text.encode())


@pytest.mark.parametrize(
    ("choices", "answer", "chance"),
    [
        ([True, False], False, 0.5),
        (["true", "false"], True, 0.5),
        ([1.0, 2.5, 4.0], 2.5, 1 / 3),
        ([1.0, 2.5], 1.0, 0.5),
        ([2, 4, 8], "8", 1 / 3),
        (["Woman", "Man", "", "  "], "Man", 0.5),
        (["Woman", "Man", None, None], 1, 0.5),
        ('["Woman", "Man"]', "Man", 0.5),
        ("['It\\'s a dog', \"Man\"]", "It's a dog", 0.5),
    ],
)
def test_options_are_read_as_they_are_meant(
    choices: Any, answer: Any, chance: float, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(task, rows(task, choices=choices, answer=answer), b"\xef\xbb\xbf")
    code, found = ask(task, tmp_path / "out", capsys)
    assert code == 0 and found["metrics"]["acc"]["value"] == 1.0 and found["chance"] == pytest.approx(chance)


@pytest.mark.parametrize(
    ("choices", "answer", "says"),
    [
        (["1", "2", "3", "4"], 1, "target 1 is the text of option 0 and would be the index of another"),
        ([1.0, 2.5], 1, "target 1 is the text of option 0"),
        (["a", "b", ""], "", "not one of its choices"),
        (["yes", "no"], True, "not one of its choices"),
        (["a", "b"], 2, "not one of its choices"),
        ("a, b", "a", "must be a list"),
    ],
)
def test_a_target_is_never_guessed(
    choices: Any, answer: Any, says: str, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(task, rows(task, choices=choices, answer=answer))
    code, found = ask(task, tmp_path / "out", capsys)
    assert code == 2 and says in found["error"] and "items.jsonl: row 1 (id s0)" in found["error"]


@pytest.mark.parametrize(("answer", "value"), [("1", 0.0), (1, None), (9, None), (2.0, None), ("B", 1.0)])
def test_score_reads_an_answer_as_a_run_does(
    answer: Any, value: float | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"id": "a", "output": "B", "question": "How many?", "choices": ["1", "2", "3", "4"], "answer": answer}
    (tmp_path / "p.jsonl").write_text(json.dumps(line) + "\n")
    code = cli.main(["score", "--task", "mmau", "--predictions", str(tmp_path / "p.jsonl"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (code, found.get("value")) == ((0, value) if value is not None else (2, None)), found
    assert value is not None or "p.jsonl:1: answer: " in found["error"]


@pytest.mark.parametrize(("suffix", "comma"), [("csv", ","), ("tsv", "\t")])
def test_a_table_is_a_data_set(
    suffix: str, comma: str, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = task.parent / f"items.{suffix}"
    lines = [["id", "audio", "question", "choices", "answer", "group"]]
    for row in rows(task):
        options = json.dumps(row["choices"]).replace('"', '""')
        lines.append([row["id"], row["audio"], '"which, of\nthese?"', f'"{options}"', row["answer"], ""])
    table.write_bytes(b"\xef\xbb\xbf" + "".join(comma.join(line) + "\r\n" for line in lines).encode())
    code, found = ask(task, tmp_path / "out", capsys, "--data", f"toy={table}")
    assert code == 0 and found["metrics"]["acc"]["value"] == 1.0 and list(found["breakdown"]["group"]) == ["none"]
    with table.open("ab") as file:
        file.write(b"s9\r\n")
    code, found = ask(task, tmp_path / "bad", capsys, "--data", f"toy={table}")
    assert code == 2 and "1 values for 6 columns" in found["error"]


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_half_a_character_and_nan_in_the_data_lose_no_row(
    suffix: str, task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = rows(task, question="hi \ud83d", level=float("nan"))
    text = json.dumps(items) if suffix == "json" else "\n".join(map(json.dumps, items))
    data = task.parent / f"other.{suffix}"
    data.write_bytes(text.encode())
    code, found = ask(task, tmp_path / "out", capsys, "--data", f"toy={data}")
    assert code == 0 and found["metrics"]["acc"]["value"] == 1.0
    data.write_bytes(text.encode().replace(b"hi", b"\xff"))
    code, found = ask(task, tmp_path / "bad", capsys, "--data", f"toy={data}")
    assert code == 2 and "can't decode byte 0xff" in found["error"]


@pytest.mark.parametrize("line", [{"output": "B \ud83d"}, {"output": "B", "logprob": float("nan")}])
def test_half_a_character_and_nan_in_predictions_lose_no_answer(
    line: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = {"id": "a", "question": "Who?", "choices": ["Woman", "Man"], "answer": "Man", **line}
    (tmp_path / "p.jsonl").write_text(json.dumps(whole) + "\n")
    assert cli.main(["score", "--task", "mmau", "--predictions", str(tmp_path / "p.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == 1.0


def test_tasks_check_opens_the_data(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tasks", "check", str(task), "--data"]) == 0
    items = rows(task)
    del items[0]["question"]
    items[1]["answer"] = "no such option"
    write(task, items)
    assert cli.main(["tasks", "check", str(task)]) == 0
    assert cli.main(["tasks", "check", "--data", str(task)]) == 2
    said = capsys.readouterr().err
    assert "row 1 (id s0): no column 'question'" in said and "row 2 (id s1): target 'no such option'" in said
    (task.parent / "audio" / "1.wav").unlink()
    items[0]["question"], items[1]["answer"] = "q", items[1]["choices"][0]
    write(task, items)
    assert cli.main(["tasks", "check", str(task), "--data", str(task.parent)]) == 2
    assert "no such clip: " in capsys.readouterr().err


def test_another_number_of_rows_stands_beside_every_number(
    task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task.write_text(task.read_text(encoding="utf-8") + "expected_rows: 1000\n", encoding="utf-8")
    assert cli.main(["run", "--model", "oracle", "--tasks", str(task), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "toy: 2 of 1,000 samples" in said.err and "2 of 1,000" in said.out
    assert cli.main(["report", str(tmp_path / "out")]) == 0
    assert "2 of 1,000" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        *(f"leaderboard RUN --format {form}" for form in ("text", "md", "html", "latex", "csv", "json")),
        *(f"compare RUN:full RUN:noise --format {form}" for form in ("text", "md", "latex", "csv")),
        "compare RUN:full RUN:noise --breakdown group",
        "ablate RUN", "ablate RUN --format md", "ablate RUN --breakdown group",
        "gate --baseline BASE --run RUN", "gate --baseline BASE --run RUN --one-line",
        "gate --baseline BASE --run RUN --summary /dev/stdout --one-line",
    ],
)  # fmt: skip
def test_every_later_command_says_of_how_many_rows_its_samples_are(
    command: str, short_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(short_run), "BASE": str(short_run / "base.json")}
    for name, place in places.items():
        command = command.replace(name, place)
    capsys.readouterr()
    assert cli.main(command.split()) == 0
    assert "2 of 1,000" in capsys.readouterr().out


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two samples of a task that declares a thousand, with their sound and with noise; beside it its own baseline."""
    folder = tmp_path_factory.mktemp("short")
    task, run = make_task(folder / "toy", 2), folder / "out"
    task.write_text(task.read_text(encoding="utf-8") + "expected_rows: 1000\n", encoding="utf-8")
    assert cli.main(["run", "--model", "oracle", "--tasks", str(task), "--audio", "full,noise", "--out", str(run)]) == 0
    assert cli.main(["gate", "--baseline", str(run / "base.json"), "--run", str(run), "--update-baseline"]) == 0
    return run


def test_an_interrupted_run_says_how_many_answers_its_score_rests_on(
    task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(task, tmp_path / "out", capsys)
    journal = tmp_path / "out" / "toy" / "samples.jsonl"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    cli.main(["report", str(tmp_path / "out")])
    assert "1 of 2" in capsys.readouterr().out


def test_a_task_of_another_version_is_not_comparable(
    task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    versioned = task.parent / "v.yaml"
    for version, out in (("1.0", "a"), ("1.1", "b")):
        versioned.write_text(task.read_text(encoding="utf-8") + f"metadata: {{version: {version}}}\n")
        ask(versioned, tmp_path / out, capsys)
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 3
    assert "task_version differs" in capsys.readouterr().err


def test_a_row_stands_once_for_each_value_that_it_is_repeated_for(tmp_path):
    rows = invented.make_rows(3)
    invented.write_jsonl(tmp_path / "rows.jsonl", rows)
    invented.write_clips(tmp_path, [row["audio"] for row in rows])
    task = invented.make_task(
        repeat={"turn": ["0", "1", "2"]},
        doc_filter="{{turn == '0' or id != 'item-1'}}",
        doc_to_id="{{id}} {{turn}}",
        doc_to_choice="{{choices[(turn | int):] + choices[:(turn | int)]}}",
        doc_to_cluster="{{id}}",
    )
    found = load(task, tmp_path / "task.yaml", data=tmp_path / "rows.jsonl")
    assert [s.id for s in found.samples] == [
        "item-0 0", "item-0 1", "item-0 2", "item-1 0", "item-2 0", "item-2 1", "item-2 2"
    ]  # fmt: skip
    assert [s.choices[0] for s in found.samples[:3]] == ["dog", "cat", "rain"]
    assert {s.target for s in found.samples[:3]} == {"dog"} and found.samples[1].metadata["turn"] == "1"
    assert len({found.samples[i].clips[0].path for i in range(3)}) == 1
    with pytest.raises(UsageError, match="has a column 'kind' already"):
        load(task.model_copy(update={"repeat": {"kind": ["a"]}}), tmp_path / "task.yaml", data=tmp_path / "rows.jsonl")
