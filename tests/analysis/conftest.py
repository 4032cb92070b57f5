"""Arms and run directories made by hand, and runs of the control models through the real runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest

from audiobench.analysis.arms import Arm, How
from audiobench.ask.prepare import prepare
from audiobench.ask.run import execute
from audiobench.core.types import Outcome
from audiobench.files.records import Record
from audiobench.files.run_spec import RunSpec
from audiobench.results.runs import Scored
from audiobench.task.spec import TaskSpec

TASK = {
    "task": "toy", "dataset_path": "d.jsonl", "doc_to_audio": "a", "doc_to_target": "b", "prompt": [{"name": "p"}],
    "breakdown": ["kind"], "chance": "per_sample", "scorer": "option_match",
}  # fmt: skip
OPTIONS = ["dog", "cat", "cow", "hen"]
FINGERPRINT = {"prompt": "0", "extraction": "0", "scorer": "0", "dataset": "0", "scorer_version": "option_match@1"}


def spec(**changes: Any) -> TaskSpec:
    return TaskSpec.model_validate({**TASK, **changes})


def arm(
    values: Sequence[float], think: str = "off", audio: str = "full", *, cluster: Callable[[int], Any] = lambda i: None
) -> Arm:
    """An arm of plain values: sample i was right or wrong. Cheap enough for thousands of experiments."""
    task_run: Any = SimpleNamespace(task=_SPEC, epochs=1, plan=SimpleNamespace(fingerprint=FINGERPRINT))
    shown = {"question": "?", "choices": OPTIONS, "target": "dog", "metadata": {}}
    slots = {}
    for i, value in enumerate(values):
        kept = {**shown, "cluster": cluster(i)}
        record = {"id": str(i), "sample": kept, "audio": [{"sha256": str(i)}], "response": {"text": ""}}
        answer = "A. dog" if value else f"{'BCD'[i % 3]}. {OPTIONS[1 + i % 3]}"
        slots[str(i)] = {0: {0: Scored(msgspec.convert(record, Record), Outcome("scored", float(value), answer))}}
    run: Any = SimpleNamespace(folder=Path("run"), model="toy")
    return Arm(f"think={think} audio={audio}", run, task_run, How(think, audio, "p", "chat"), slots)


_SPEC = spec()


def line(name: str, text: str = "dog", *, epoch: int = 0, **more: Any) -> dict[str, Any]:
    """A journal record; `response`, `sample` and other keys by name."""
    condition = {"think": "off", "audio": "full", "option_order": 0, "prompt": "p", "protocol": "chat"}
    condition |= more.pop("condition", {})
    shown = {"question": f"{name}?", "choices": OPTIONS, "target": "dog", "metadata": {"kind": "x"}, "cluster": None}
    response = {"text": text, "reasoning": None, "finish_reason": "stop", "usage": {}, "latency": {"total": 0.5}}
    clip = {"path": f"{name}.wav", "sha256": f"sha-{name}", "transform": "full", "seconds": 1.0}
    record = {
        "key": f"{name}-{epoch}-{'-'.join(map(str, condition.values()))}", "id": name, "epoch": epoch,
        "condition": condition, "audio": more.pop("audio", [clip]), "attempts": 1, "time": 0.0,
        "prompt": [{"role": "user", "parts": [{"audio": 0}, f"{name}?"]}],
        "sample": {**shown, **more.pop("sample", {})},
    }  # fmt: skip
    if "error" not in more:
        record["response"] = {**response, **more.pop("response", {})}
    return {**record, **more}


def recorded(name: str, text: str = "dog", **more: Any) -> Record:
    """The same, read."""
    return msgspec.convert(line(name, text, **more), Record)


def write_run(
    folder: Path, lines: Sequence[Mapping[str, Any]], *, model: Mapping[str, Any] | None = None,
    fingerprint: Mapping[str, str] | None = None, task: Mapping[str, Any] | None = None, **plan: Any,
) -> Path:  # fmt: skip
    """A run directory with one task."""
    conditions = list({orjson.dumps(x["condition"]): x["condition"] for x in lines}.values())
    declared = {"name": "toy-model", "adapter": "scripted", "served_model": "toy-model", "sha256": "0", **(model or {})}
    spec_ = {**TASK, **(task or {})}
    plan = {
        "task": spec(**(task or {})).model_dump(mode="json", by_alias=True), "prompt": {"name": "p", "generation_kwargs": {}},
        "ids": list(dict.fromkeys(x["id"] for x in lines)), "conditions": conditions,
        "epochs": max(x["epoch"] for x in lines) + 1, "seed": 0, "overrides": {},
        "fingerprint": {**FINGERPRINT, **(fingerprint or {})}, **plan,
    }  # fmt: skip
    (folder / spec_["task"]).mkdir(parents=True)
    (folder / "run.json").write_bytes(
        orjson.dumps({"model": declared, "command": ["audiobench", "run", "--model", "m"]})
    )
    (folder / spec_["task"] / "plan.json").write_bytes(orjson.dumps(plan))
    (folder / spec_["task"] / "samples.jsonl").write_bytes(b"".join(orjson.dumps(x) + b"\n" for x in lines))
    return folder


@pytest.fixture(scope="session")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Run a declared or written-down model on the listening probes, in this process; returns the run directory."""
    folder = tmp_path_factory.mktemp("runs")

    def go(name: str, model: str | Mapping[str, Any], *, limit: int = 200, **options: Any) -> Path:
        if not isinstance(model, str):
            file = folder / f"{name}.yaml"
            file.write_bytes(orjson.dumps(model))
            model = str(file)
        chosen = RunSpec(model=model, tasks=["listening"], limit=limit, out=folder / name, quiet=True, **options)
        result = execute(prepare(chosen))
        assert result.exit_code == 0, result.reason
        return result.folder

    return go


def scripted(name: str, **options: Any) -> dict[str, Any]:
    """A model file of the scripted adapter, with thinking that can be continued."""
    return {
        "name": name, "adapter": "scripted", "served_model": name,
        "thinking": {
            "default": "off", "on": {"how": "exact", "prefill": "<think>\n"}, "off": {"how": "exact"},
            "budget": {"how": "exact", "method": "native", "range": [1, 100000]},
        },
        "audio": {"formats": ["wav"]}, "options": options,
    }  # fmt: skip
