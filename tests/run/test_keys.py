"""Journals and files of version 0.1 stay good: their keys are today's, so a run of then goes on without a request."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from audiobench.model.registry import find_model, model_files, sha256_of
from tests.run.conftest import make_task

OLD = Path(__file__).parent / "written_by_0_1"
"""`keys`: the run that `old_run` describes, as version 0.1 wrote it; `models.json`: sha256 of the shipped models."""
TASK = """\
task: keys
dataset_path: items.jsonl
doc_to_id: "{{id}}"
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
doc_to_transcript: "{{group}}"
prompt:
  - name: plain
    system: Listen first.
    text: "{{question}}{% for o in options %}\\n{{o.letter}}. {{o.text}}{% endfor %}"
"""
MODEL = """\
name: keys-model
adapter: scripted
served_model: keys
thinking:
  default: "on"
  "on": {prefill: "<think>\\n"}
  "off": {prefill: "<think>\\n\\n</think>\\n"}
  budget: {how: exact, method: two_pass}
audio: {formats: [wav], sample_rate: 8000, chunk_seconds: 0.03}
options: {reasoning_words: 12}
"""


def arguments(folder: Path) -> list[str]:
    """The command of the old run, over the same two items."""
    make_task(folder, 2)
    (folder / "keys.yaml").write_text(TASK)
    (folder / "model.yaml").write_text(MODEL)
    return [
        "run", "--model", str(folder / "model.yaml"), "--tasks", str(folder / "keys.yaml"),
        "--think", "default,on,off,budget:4", "--audio", "full,none,silence,noise,swap,reverse,transcript",
        "--option-order", "2", "--gen", "until=null",
    ]  # fmt: skip


def slots(file: Path) -> dict[tuple[str, str, int], str]:
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(r["id"], json.dumps(r["condition"]), r["epoch"]): r["key"] for r in records}


def test_a_run_of_version_0_1_goes_on_without_a_request(
    cli: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    command = arguments(tmp_path / "toy")
    shutil.copytree(OLD / "run", tmp_path / "run")
    before = (tmp_path / "run" / "keys" / "samples.jsonl").read_bytes()
    done = cli(*command, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "0 requests to send" in done.stdout + done.stderr
    assert (tmp_path / "run" / "keys" / "samples.jsonl").read_bytes() == before


def test_the_keys_conditions_and_folder_of_a_new_run_are_those_of_version_0_1(
    cli: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    command = arguments(tmp_path / "toy")
    done = cli(*command, "--json")
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["run"])
    assert folder.name == (OLD / "folder.txt").read_text().strip()
    new, old = slots(tmp_path / folder / "keys" / "samples.jsonl"), slots(OLD / "run" / "keys" / "samples.jsonl")
    assert len(old) == 2 * 4 * 7 * 2
    assert new == old
    plans = [
        json.loads(file.read_text()) for file in (tmp_path / folder / "keys/plan.json", OLD / "run/keys/plan.json")
    ]
    for plan in plans:
        for name in ("extraction_version", "scorer_version"):  # these say what reads the answers, not what is asked
            del plan["fingerprint"][name]
    for name in ("conditions", "fingerprint", "ids"):
        assert plans[0][name] == plans[1][name]


ASKED_ANEW = {
    "step-audio-2-mini", "step-audio-2-mini-think", "step-audio-r1", "step-audio-r1.1", "step-audio-r1-stepfun",
    "tiny-audio-r1", "tiny-audio-r1-vllm", "qwen2.5-omni", "audio-reasoner",
}  # fmt: skip
"""Models whose prompts, served limits or parts of a thought have changed since version 0.1: old answers must not be taken for new ones."""


def test_every_shipped_model_keeps_the_identity_it_had_in_version_0_1_unless_what_is_asked_changed() -> None:
    old = json.loads((OLD / "models.json").read_text())
    assert len(old) > 50
    now = {name: sha256_of(find_model(name)) for name in old if name in model_files()}
    assert {name for name in now if now[name] != old[name]} == ASKED_ANEW
