"""`audiobench score`: answers made elsewhere, scored as we score and as the official code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("task", ["mmau", "mmar", "mmsu", "spoken_mqa"])
def test_official_verdicts_of_other_peoples_outputs(task: str, shared: Path, cli: Any, tmp_path: Path) -> None:
    golden = shared / "golden" / f"{task}.jsonl"
    result = cli("score", "--task", task, "--predictions", golden, "--out", tmp_path / "scored.jsonl")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in golden.read_text("utf-8").splitlines()]
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text("utf-8").splitlines()]
    assert [line["id"] for line in scored] == [row["id"] for row in rows]
    assert [line["official"] for line in scored] == [row["official_verdict"] for row in rows]
    assert set(scored[0]) == {"id", "outcome", "value", "answer", "rule", "official"}


def test_inline_samples_and_a_thought(cli: Any, tmp_path: Path) -> None:
    item = {"question": "Who?", "choices": ["Man", "Woman"], "answer": "Woman"}
    outputs = ["B", "<think>not a man</think>Woman", "<think>not a man, so B", "either", "A"]
    file = tmp_path / "predictions.jsonl"
    file.write_text("".join(json.dumps({"id": i, "output": text, **item}) + "\n" for i, text in enumerate(outputs)))
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["outcome"], line["value"]) for line in lines] == [
        ("scored", 1.0), ("scored", 1.0), ("truncated", 0.0), ("unparsed", 0.0), ("scored", 0.0),
    ]  # fmt: skip
    assert "n=5" in result.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ('{"id": 1}', "`output`"),
        ("[1]", "expected an object"),
        ('{"id": 1, "output": "B"}', "data set"),
    ],
)
def test_what_cannot_be_scored_is_named_with_its_line(line: str, says: str, cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    good = json.dumps({"id": 0, "output": "B", "choices": ["x", "y"], "answer": "y"})
    file.write_text(good + "\n" + line + "\n")
    result = cli("score", "--task", "mmau", "--predictions", file)
    assert result.returncode == 2
    assert f"{file}:2" in result.stderr and says in result.stderr and "Traceback" not in result.stderr
