"""`--reader MODEL`: a model reads what the rules leave unparsed; its number stands beside that of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

MODEL = """\
from audiobench.model import Response


class Vague:
    def __init__(self, spec, *, base_url, timeout): ...

    async def generate(self, request):
        place = int(request.sample_id[1:])
        right = request.sample.choices.index(request.sample.target)
        return Response(["Hmm, hard to say.", "ABCD"[right], "It could be anything, really."][place % 3])

    async def close(self): ...


class Reader(Vague):
    async def generate(self, request):
        place = int(request.sample_id[1:])
        with open(LOG, "a") as file:
            file.write(request.sample_id + "\\n")
        return Response('{"option": "A"}' if place % 3 == 0 else '{"option": "none"}', served_model=SERVED, raw=RAW)
"""


@pytest.fixture
def run(toy: Any, cli: Any, tmp_path: Path) -> Any:
    """Run the vague model with a reader of that name; returns the process, the first entry and what the reader was sent."""
    task = toy(6)

    def go(*more: str, served: str = "reader") -> tuple[Any, Any, list[str]]:
        log = tmp_path / "log.txt"
        raw = {"model_differs": True} if served != "reader" else {}
        constants = f"LOG, SERVED, RAW = {str(log)!r}, {served!r}, {raw!r}\n"
        (tmp_path / "own.py").write_text(constants + MODEL)
        (tmp_path / "reader.yaml").write_text(
            "name: reader\nadapter: own.py:Reader\nserved_model: reader\ntext_only: true\n"
        )
        done = cli("run", "--model", "own.py:Vague", "--tasks", task, "--out", tmp_path / "out", "--json", *more)
        sent = log.read_text().split() if log.exists() else []
        return done, json.loads(done.stdout)["results"][0] if done.stdout else None, sent

    return go


def readings(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/toy/readings.jsonl").read_text().splitlines()]


def test_a_reader_is_asked_once_about_what_no_rule_reads_and_both_numbers_are_kept(run: Any, tmp_path: Path) -> None:
    without, alone, _ = run()
    assert without.returncode == 0 and "reader" not in alone and alone["counts"]["unparsed"] == 4
    done, entry, sent = run("--reader", "reader.yaml")
    assert done.returncode == 0, done.stderr
    assert sorted(sent) == ["s0", "s2", "s3", "s5"], "what a rule reads is not sent"
    assert entry["metrics"] == alone["metrics"] and entry["counts"] == alone["counts"], "the rules' number stays"
    both = entry["reader"]
    assert (both["unparsed"], both["read"], both["n"]) == (4, 2, 6) and both["reader"].startswith("reader ")
    right = sum(line["option"] == "A" for line in readings(tmp_path))
    assert right == 2 and both["value"] >= entry["metrics"]["acc"]["value"]
    assert [line["option"] for line in sorted(readings(tmp_path), key=lambda x: x["id"])] == ["A", "none", "A", "none"]
    _, again, sent = run("--reader", "reader.yaml")
    assert len(sent) == 4 and again["reader"] == both, "nothing is sent twice"


def test_the_table_shows_both_numbers(run: Any, cli: Any, tmp_path: Path) -> None:
    run("--reader", "reader.yaml")
    shown = " ".join(cli("report", tmp_path / "out").stdout.split())
    assert "acc by rules" in shown and "by rules and reader reader" in shown
    assert "it found an answer in 2 of 4 unparsed responses" in shown


def test_another_model_than_the_reader_is_not_kept(run: Any, tmp_path: Path) -> None:
    done, entry, _ = run("--reader", "reader.yaml", served="cheaper")
    assert done.returncode == 4 and "reader reader: cheaper answered although reader was asked" in done.stderr
    assert "reader" not in entry and not (tmp_path / "out/toy/readings.jsonl").exists()


PREDICTIONS = [
    {"id": "1", "output": "B", "question": "Which?", "choices": ["rain", "wind"], "answer": "wind"},
    {"id": "2", "output": "Hmm, hard to say.", "question": "Which?", "choices": ["rain", "wind"], "answer": "rain"},
    {"id": "3", "output": "It could be anything.", "question": "Which?", "choices": ["rain", "wind"], "answer": "rain"},
]
SCORE_READER = """\
from audiobench.model import Response


class Reader:
    def __init__(self, spec, *, base_url, timeout): ...

    async def generate(self, request):
        with open(LOG, "a") as file:
            file.write(request.text.split("response: ")[1].splitlines()[0] + "\\n")
        return Response('{"option": "A"}' if "Hmm" in request.text else '{"option": "none"}')

    async def close(self): ...
"""


@pytest.fixture
def scored_elsewhere(cli: Any, tmp_path: Path) -> Any:
    """Score answers made elsewhere with a reader; returns the process, the lines, and what the reader was sent."""
    log = tmp_path / "log.txt"
    (tmp_path / "own.py").write_text(f"LOG = {str(log)!r}\n" + SCORE_READER)
    (tmp_path / "reader.yaml").write_text(
        "name: reader\nadapter: own.py:Reader\nserved_model: reader\ntext_only: true\n"
    )

    def go(*more: str, rows: list[dict[str, Any]] = PREDICTIONS) -> tuple[Any, list[dict[str, Any]], list[str]]:
        file = tmp_path / "answers.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = cli("score", "--task", "mmau", "--predictions", file, *more)
        sent = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return done, [json.loads(line) for line in done.stdout.splitlines()], sent

    return go


def test_score_asks_a_reader_about_what_no_rule_reads_and_shows_both_numbers(scored_elsewhere: Any) -> None:
    done, lines, sent = scored_elsewhere("--reader", "reader.yaml")
    assert done.returncode == 0, done.stderr
    assert sent == ["Hmm, hard to say.", "It could be anything."]
    assert [line["outcome"] for line in lines] == ["scored", "unparsed", "unparsed"], "the rules' outcome stays"
    assert lines[1]["with_reader"] == {"value": 1.0, "answer": "A. rain", "rule": "reader:reader"}
    assert lines[2]["with_reader"] == {"value": 0.0, "answer": None, "rule": None}
    assert "acc=0.3333" in done.stderr and "acc=0.6667" in done.stderr
    assert "found an answer in 1 of 2 unparsed responses" in done.stderr


def test_score_resumes_a_reader_and_asks_again_about_an_output_that_changed(scored_elsewhere: Any) -> None:
    scored_elsewhere("--reader", "reader.yaml")
    _, _, sent = scored_elsewhere("--reader", "reader.yaml")
    assert len(sent) == 2, "nothing is sent twice"
    changed = [*PREDICTIONS[:2], {**PREDICTIONS[2], "output": "Hmm, no idea."}]
    _, lines, sent = scored_elsewhere("--reader", "reader.yaml", rows=changed)
    assert sent[2:] == ["Hmm, no idea."] and lines[2]["with_reader"]["rule"] == "reader:reader"


def test_a_reader_that_could_not_read_is_refused_with_what_is_missing(
    scored_elsewhere: Any, cli: Any, tmp_path: Path
) -> None:
    done, _, _ = scored_elsewhere("--readings", str(tmp_path / "kept.jsonl"))
    assert done.returncode == 2 and "belong to --reader MODEL" in done.stderr
    done = cli(
        "score", "--task", "librispeech_clean", "--predictions", tmp_path / "answers.jsonl", "--reader", "reader.yaml"
    )
    assert done.returncode == 2 and "chooses among options" in done.stderr
