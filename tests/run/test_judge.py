"""Judged tasks: any text model is the judge, its replies are kept, and scoring stays a function of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import wav

TASK = """\
task: chatty
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{user_query}}"
prompt: [{name: audio_only, order: [audio]}]
extraction: [full_text]
scorer: wildspeech_judge
metric_list: [{metric: rating}]
breakdown: [taskType]
"""


@pytest.fixture
def chatty(tmp_path: Path) -> Path:
    (tmp_path / "clip.wav").write_bytes(wav())
    rows = [{"id": f"q{i}", "audio": "clip.wav", "user_query": "What is it?", "taskType": "OE", "checklist": "- Polite?"} for i in range(3)]  # fmt: skip
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = tmp_path / "chatty.yaml"
    file.write_text(TASK)
    return file


def judge(folder: Path, replies: dict[str, str]) -> Path:
    (folder / "replies.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in replies.items()))
    file = folder / "judge.yaml"
    file.write_text(f"name: judge\nadapter: scripted\nserved_model: judge\ntext_only: true\noptions: {{replies: {folder}/replies.jsonl}}\n")  # fmt: skip
    return file


def entry(result: Any) -> Any:
    return json.loads(result.stdout)["results"][0]


def test_ratings_are_made_once_and_an_unreadable_reply_is_counted(
    chatty: Path, server: Any, cli: Any, tmp_path: Path
) -> None:
    url = server()
    arguments = (
        "run",
        "--model",
        "openai_chat:mock",
        "--tasks",
        chatty,
        "--base-url",
        url,
        "--out",
        tmp_path / "out",
        "--json",
    )
    without = cli(*arguments)
    assert without.returncode == 4
    assert entry(without)["counts"]["error"] == 3 and entry(without)["metrics"]["rating"]["value"] is None
    first = judge(
        tmp_path,
        {"q0": "<think>Score: 2? No, fine.</think>\nScore: 8", "q1": "Score: [4]", "q2": "I would rather not say."},
    )
    judged = cli(*arguments, "--judge", first)
    assert judged.returncode == 4, judged.stderr
    found = entry(judged)
    assert (found["metrics"]["rating"]["value"], found["counts"]["scored"], found["counts"]["error"]) == (6.0, 2, 1)
    verdicts = [json.loads(line) for line in (tmp_path / "out/chatty/judgements.jsonl").read_text().splitlines()]
    assert {v["id"]: v["value"] for v in verdicts} == {"q0": 8.0, "q1": 4.0, "q2": None}
    assert all(v["judge"] == "judge" and len(v["prompt_sha256"]) == 64 and v["template"] for v in verdicts)

    second = judge(tmp_path, {"q0": "Score: 1", "q1": "Score: 1", "q2": "Score: 9"})
    again = cli(*arguments, "--judge", second)
    assert again.returncode == 0
    assert entry(again)["metrics"]["rating"]["value"] == 7.0, "only the unreadable one is asked again"
    assert entry(cli(*arguments))["metrics"]["rating"]["value"] == 7.0, "the verdicts are kept"


def test_an_answer_that_is_not_english_is_rated_one_without_a_judge(chatty: Path, cli: Any, tmp_path: Path) -> None:
    said = {"q0": "当然可以，我来帮你。", "q1": "Of course.", "q2": ""}
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in said.items()]
    (tmp_path / "said.jsonl").write_text("".join(lines))
    model = tmp_path / "model.yaml"
    model.write_text(
        f"name: said\nadapter: scripted\nserved_model: said\noptions: {{replies: {tmp_path}/said.jsonl}}\n"
    )
    rater = judge(tmp_path, dict.fromkeys(said, "Score: 9"))
    result = cli("run", "--model", model, "--tasks", chatty, "--judge", rater, "--out", tmp_path / "out", "--json")
    assert entry(result)["metrics"]["rating"]["value"] == pytest.approx((1 + 9 + 1) / 3), (
        "no answer is the lowest rating"
    )
    verdicts = (tmp_path / "out/chatty/judgements.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in verdicts] == ["q1"]


def test_a_judge_that_is_not_there_is_refused_before_anything_is_asked(chatty: Path, cli: Any, tmp_path: Path) -> None:
    result = cli("run", "--model", "oracle", "--tasks", chatty, "--judge", "nope", "--out", tmp_path / "out")
    assert result.returncode == 2 and "nope: no such model" in result.stderr
    assert not (tmp_path / "out").exists()
