"""A benchmark with withheld answers: a run writes the file to submit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.run.conftest import wav

ITEM = {
    "question": "Who speaks?", "choices": ["Man", "Woman"], "answer": "", "dataset": "meld", "task": "speech",
    "split": "test", "category": ["Reasoning"], "sub-category": "Counting", "difficulty": "easy",
}  # fmt: skip


def test_mmau_test_writes_what_its_script_reads(cli: Any, tmp_path: Path) -> None:
    said = {"a": "(B)", "b": "I can't tell.", "c": "A. Man"}
    (tmp_path / "test-audios").mkdir()
    for name in said:
        (tmp_path / "test-audios" / f"{name}.wav").write_bytes(wav())
    rows = [{"id": name, "audio_id": f"./test-audios/{name}.wav", **ITEM} for name in said]
    (tmp_path / "mmau-test.json").write_text(json.dumps(rows))
    (tmp_path / "said.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in said.items()))
    model = tmp_path / "model.yaml"
    model.write_text(
        f"name: said\nadapter: scripted\nserved_model: said\noptions: {{replies: {tmp_path}/said.jsonl}}\n"
    )
    data = f"mmau_test={tmp_path / 'mmau-test.json'}"
    result = cli("run", "--model", model, "--tasks", "mmau_test", "--data", data, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    file = tmp_path / "out" / "mmau_test" / "mmau_test_submission.json"
    assert f"to submit to https://huggingface.co/spaces/sonalkum/MMAU-Eval: {file}" in result.stdout
    assert "100.0%" in result.stdout, "all were answered"
    kept = ("audio_id", "question", "choices", "task", "sub-category", "difficulty")
    for sent, row, text in zip(json.loads(file.read_text()), rows, ("Woman", "", "Man"), strict=True):
        assert {key: sent[key] for key in kept} == {key: row[key] for key in kept}
        assert (sent["id"], sent["category"]) == (row["id"], "Reasoning")
        assert sent["model_prediction"] == sent["model_output"] == text


def test_dcase_2025_writes_a_table_of_published_options(cli: Any, tmp_path: Path) -> None:
    said = {"a": "B", "b": "I can't tell.", "c": "The answer is A. Wri. ting, loud"}
    rows = [
        {"id": name, "audio_url": f"{name}.wav", "question": "?", "choice": ["A. Wri. ting, loud", "B. Door"]}
        for name in said
    ]
    for name in said:
        (tmp_path / f"{name}.wav").write_bytes(wav())
    (tmp_path / "eval.json").write_text(json.dumps(rows))
    (tmp_path / "said.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in said.items()))
    model = tmp_path / "model.yaml"
    model.write_text(
        f"name: said\nadapter: scripted\nserved_model: said\noptions: {{replies: {tmp_path}/said.jsonl}}\n"
    )
    task, data = "dcase2025_aqa_eval", f"dcase2025_aqa_eval={tmp_path / 'eval.json'}"
    result = cli("run", "--model", model, "--tasks", task, "--data", data, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    with (tmp_path / "out" / task / "dcase2025_aqa.csv").open(newline="") as file:
        sent = list(csv.reader(file))
    assert sent == [["question", "answer"], ["a", "B. Door"], ["b", ""], ["c", "A. Wri. ting, loud"]]
