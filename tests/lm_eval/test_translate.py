"""lm-eval's own audio task inside audiobench: `--tasks lm_eval:NAME`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.errors import UsageError
from audiobench.task.find import find_task
from tests.run.conftest import wav

needs_lm_eval = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed (the extra lm-eval)"
)
SAID = ["the quick brown fox jumped over a lazy dog", "she sells sea shells on the shore today"]
WORDS = ["the quick brown fox jumps over the lazy dog", "she sells sea shells on the sea shore"]


@needs_lm_eval
def test_common_voice_gives_lm_evals_number(tmp_path: Path, cli: Any) -> None:
    from lm_eval.api.metrics import bleu

    data = tmp_path / "data"
    data.mkdir()
    rows = [{"audio": f"{i}.wav", "transcript": text} for i, text in enumerate(WORDS)]
    (data / "common_voice_en.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for i in range(2):
        (data / f"{i}.wav").write_bytes(wav(seed=i))
    replies = tmp_path / "replies.jsonl"
    replies.write_text("\n".join(json.dumps({"id": str(i), "text": text}) for i, text in enumerate(SAID)))
    model = tmp_path / "m.yaml"
    model.write_text(f"name: m\nadapter: scripted\nserved_model: m\noptions: {{replies: {replies}}}\n")
    done = cli("run", "--tasks", "lm_eval:common_voice_en", "--model", model, "--json", AUDIOBENCH_DATA=str(data))
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["metrics"]["bleu"]["value"] == bleu(list(zip(WORDS, SAID, strict=True)))


@needs_lm_eval
def test_what_is_asked_is_what_lm_eval_asks() -> None:
    task, file = find_task("lm_eval:common_voice_en")
    assert file.name == "common_voice_en.yaml"
    assert (task.dataset_path, task.dataset_name, task.test_split) == (
        "fixie-ai/endpointing-audio", "common_voice_17_0-en", "test",
    )  # fmt: skip
    assert task.doc_to_audio == "{{audio}}" and task.doc_to_target == "{{transcript}}"
    assert task.prompt[0].text == "Listen to the audio and output what a human has said on it. Answer:"
    assert task.generation_kwargs == {"until": ["<|endoftext|>"], "temperature": 0.0, "max_gen_toks": 64}


@needs_lm_eval
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hellaswag", "output_type multiple_choice: it compares log-likelihoods"),
        ("gsm8k", "it has no doc_to_audio: it is not an audio task"),
        ("no_such_task", "lm-eval has no task of that name"),
    ],
)
def test_other_tasks_are_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        find_task(f"lm_eval:{name}")


def test_without_lm_eval_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install '\.\[lm-eval\]' in a checkout"):
        find_task("lm_eval:common_voice_en")
