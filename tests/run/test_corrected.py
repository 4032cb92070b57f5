"""A data set that was corrected between two starts, and starts that ask for less than an earlier one did."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench import cli
from audiobench.ask import comparisons
from audiobench.ask.prepare import prepare
from audiobench.ask.work import TaskWork
from audiobench.files.run_spec import RunSpec
from audiobench.results import on_all_cores
from tests.run.conftest import make_task


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run the oracle in `out`: exit code, result as JSON, standard error; the working directory holds `toy` of 8 items."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(comparisons, "WORTH_KEEPING", 1)
    make_task(tmp_path / "toy", 8)

    def call(*words: str, out: str = "out") -> tuple[int, Any, str]:
        command = ["run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--out", out, *words]
        code = cli.main(command)
        said = capsys.readouterr().err
        summary = Path(out, "toy", "summary.json")
        return code, json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else None, said

    return call


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("toy/items.jsonl").read_text(encoding="utf-8").splitlines()]


def write(items: list[dict[str, Any]]) -> None:
    Path("toy/items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in items), encoding="utf-8")


def accuracy(entries: Any) -> float:
    return entries[0]["metrics"]["acc"]["value"]


def asked(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("model oracle: ")).split(" -> ")[0]


def test_a_corrected_answer_key_counts_at_the_next_start_and_costs_no_request(run: Callable[..., Any]) -> None:
    _, first, _ = run("--audio", "full,noise", "--option-order", "2")
    items = rows()
    for row in items[:2]:
        row["answer"] = row["choices"][(row["choices"].index(row["answer"]) + 1) % 4]
    items[5]["group"] = "third"
    write(items)
    words = ("--audio", "full,noise", "--option-order", "2")
    code, second, said = run(*words)
    assert code == 0 and asked(said) == "model oracle: 0 requests to send"
    assert "the data has changed 3 samples since (first s0; target of 8, metadata of 4); 12 answers" in said
    assert (accuracy(first), accuracy(second)) == (1.0, 0.75)
    assert {label: part["n"] for label, part in second[0]["breakdown"]["group"].items()} == {
        "even": 4,
        "odd": 3,
        "third": 1,
    }
    code, third, said = run(*words)
    assert (code, third) == (0, second) and "the data has changed" not in said


def test_answers_are_compared_with_today_alike_by_one_process_and_by_several(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--audio", "full,noise", "--epochs", "2")
    items = rows()
    items[0]["answer"] = items[0]["choices"][(items[0]["choices"].index(items[0]["answer"]) + 1) % 4]
    items[1]["question"] = "Another one?"
    write([*items[:5], *items[6:]])
    spec = RunSpec(
        model="oracle", tasks=["toy/toy.yaml"], audio=["full", "noise"], epochs=2, out=Path("out"), quiet=True
    )
    (alone,) = prepare(spec).works
    monkeypatch.setattr(on_all_cores, "CHUNK", 2)
    monkeypatch.setattr(on_all_cores, "pays", lambda *_: True)
    monkeypatch.setattr(on_all_cores, "workers", lambda: 2)
    asked, each = [], on_all_cores.each
    monkeypatch.setattr(on_all_cores, "each", lambda work, parts: asked.append(len(parts)) or each(work, parts))
    (shared,) = prepare(spec).works
    assert asked == [3]
    for name in ("finished", "stale", "corrected", "left_out", "answered"):
        assert getattr(shared, name) == getattr(alone, name), name
    assert [len(found) for found in (alone.finished, alone.stale, alone.corrected, alone.left_out)] == [24, 4, 4, 4]


def answer_key(items: list[dict[str, Any]]) -> None:
    items[3]["answer"] = items[3]["choices"][0]


def column(items: list[dict[str, Any]]) -> None:
    items[3]["group"] = "third"


def question(items: list[dict[str, Any]]) -> None:
    items[3]["question"] = "Another one?"


def clip(_: list[dict[str, Any]]) -> None:
    place = Path("toy/audio/3.wav")
    state = place.stat()
    place.write_bytes(place.read_bytes()[:-2] + b"\1\2")
    os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns))


def prompt(_: list[dict[str, Any]]) -> None:
    task = Path("toy/toy.yaml")
    task.write_text(task.read_text(encoding="utf-8").replace("{{o.letter}}.", "{{o.letter}})"), encoding="utf-8")


CHANGES = [(answer_key, 8, 0, 1), (column, 8, 0, 1), (question, 7, 1, 0), (clip, 7, 1, 0), (prompt, 0, 8, 0)]


@pytest.mark.parametrize(("change", "finished", "stale", "corrected"), CHANGES)
def test_a_repeat_makes_no_request_again_and_notices_each_change(
    change: Callable[[list[dict[str, Any]]], None],
    finished: int,
    stale: int,
    corrected: int,
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(**setting: Any) -> TaskWork:
        (found,) = prepare(
            RunSpec(model="oracle", tasks=["toy/toy.yaml"], out=Path("out"), quiet=True, **setting)
        ).works
        return found

    run()
    compared = work()
    with monkeypatch.context() as repeated:
        repeated.setattr(TaskWork, "_key", lambda *_: pytest.fail("made again"))
        again = work()
    assert (again.finished, again.answered) == (compared.finished, compared.answered) and len(again.finished) == 8
    assert len(work(gen={"temperature": 0.5}).stale) == 8
    items = rows()
    change(items)
    write(items)
    for _ in range(2):  # what differs is not remembered
        now = work()
        assert (len(now.finished), len(now.stale), len(now.corrected)) == (finished, stale, corrected)
        assert finished == 0 or {slot[0] for slot in now.stale} <= {"s3"}


def test_what_other_code_has_compared_does_not_count(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    run()
    made: list[str] = []
    key = TaskWork._key
    monkeypatch.setattr(TaskWork, "_key", lambda self, *rest: made.append("") or key(self, *rest))
    run()
    assert not made
    monkeypatch.setattr(comparisons, "code_sha256", lambda: b"of another day")
    run()
    assert len(made) == 8


def test_a_key_that_is_corrected_half_way_counts_for_every_answer(run: Callable[..., Any]) -> None:
    run("--ids", "s0,s1,s2,s3", out="out")
    items = rows()
    for row in items:
        row["answer"] = row["choices"][(row["choices"].index(row["answer"]) + 1) % 4]
    write(items)
    _, entries, said = run()
    assert asked(said) == "model oracle: 4 requests to send"
    assert accuracy(entries) == 0.5  # the oracle's new answers are right, the old ones are not


def test_clusters_follow_the_data(run: Callable[..., Any]) -> None:
    task = Path("toy/toy.yaml")
    run()
    task.write_text(task.read_text(encoding="utf-8") + 'doc_to_cluster: "{{group}}"\n', encoding="utf-8")
    code, entries, said = run()
    assert code == 0 and "cluster of 8" in said and asked(said) == "model oracle: 0 requests to send"
    assert "cluster" in entries[0]["metrics"]["acc"]["interval"] or entries[0]["metrics"]["acc"]["ci"] == [None, None]


def test_a_changed_question_is_asked_again(run: Callable[..., Any]) -> None:
    run()
    items = rows()
    items[3]["question"] = "item 3: and now?"
    write(items)
    _, _, said = run()
    assert asked(said) == "model oracle: 1 request to send" and "1 answer to requests that have changed since" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--limit", "3"], "(5 samples; "),
        (["--ids", "s1"], "(7 samples; "),
        (["--audio", "full"], "1 condition; "),
        (["--epochs", "1"], "1 epoch; "),
        (["--shard", "1/2"], "samples; "),
    ],
)
def test_a_start_that_would_hide_answers_is_refused(words: list[str], says: str, run: Callable[..., Any]) -> None:
    whole = {"--audio": "full,noise", "--epochs": "2", **dict([words] if words[0] in ("--audio", "--epochs") else [])}
    _, before, _ = run("--audio", "full,noise", "--epochs", "2")
    chosen = [word for pair in whole.items() for word in pair] + ([] if words[0] in whole else words)
    code, after, said = run(*chosen)
    assert code == 2 and after == before
    assert says in said and "would vanish" in said and "use another --out" in said


def test_samples_that_left_the_data_are_no_loss(run: Callable[..., Any]) -> None:
    run()
    write(rows()[:6])
    code, entries, said = run()
    assert code == 0 and entries[0]["n"] == 6 and "the data no longer has 2 samples" in said


def test_a_selection_has_a_default_directory_of_its_own(run: Callable[..., Any], capsys: Any) -> None:
    places = set()
    for words in ([], ["--limit", "3"], ["--ids", "s1,s2"], ["--ids", "s1,s3"]):
        assert cli.main(["run", "--model", "oracle", "--tasks", "toy/toy.yaml", "--json", *words]) == 0
        places.add(json.loads(capsys.readouterr().out)["run"])
    assert len(places) == 4
