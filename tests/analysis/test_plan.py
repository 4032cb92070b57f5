"""What `run` says and refuses before an ablation begins."""

from __future__ import annotations

import json

from audiobench.cli import main

TASK = """\
task: toy
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
doc_to_transcript: "{{words}}"
prompt:
  - {name: plain, text: "{{question}}"}
"""


def test_the_plan_says_why_so_many_requests(capsys):
    words = ["run", "--model", "scripted", "--tasks", "listening", "--limit", "10", "--dry-run"]
    assert main([*words, "--think", "off,on", "--audio", "full,none,swap", "--option-order", "2", "--epochs", "3"]) == 0
    plan = capsys.readouterr().err
    assert "10 of 1,110 samples x 2 option orders x 2 think modes x 3 audio conditions x 3 epochs" in plan
    assert "= 360 requests" in plan and "two calls" not in plan
    assert main([*words, "--think", "off,on"]) == 0
    assert "samples x 2 think modes," in capsys.readouterr().err
    assert main([*words[:-3], "--limit", "1", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "= 1 request;" in said.err and "1 request to send" in said.err and ": 1 request, " in said.out


def test_a_missing_transcript_is_refused_before_the_first_request(tmp_path, capsys):
    rows = [
        {"id": f"s{i}", "audio": f"{i}.wav", "question": "?", "choices": ["a", "b"], "answer": "a", "words": words}
        for i, words in enumerate(["one", None, None])
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for i in range(3):
        (tmp_path / f"{i}.wav").write_bytes(b"RIFF")
    task = tmp_path / "toy.yaml"
    task.write_text(TASK)
    out = tmp_path / "run"
    words = ["run", "--model", "scripted", "--tasks", str(task), "--audio", "full,transcript", "--out", str(out)]
    assert main(words) == 2
    assert "audio=transcript: 2 of 3 samples have no transcript" in capsys.readouterr().err
    assert not out.exists()
