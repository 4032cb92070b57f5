"""Run directories and arms made from lists of outcomes, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from audiobench.core.types import Condition
from audiobench.gate.arms import Arm, Row, ids_digest
from audiobench.scorers.metrics import ACC

OPTIONS = ["dog", "cat"]


def condition(think: str = "default", **more: Any) -> dict[str, Any]:
    return {"think": think, "audio": "full", "option_order": 0, "prompt": "p", "protocol": "chat", **more}


def record(sample: str, text: str | None, *, think: str = "default", epoch: int = 0, **more: Any) -> dict[str, Any]:
    """One journal line; `text` None is an error."""
    line = {
        "key": f"{sample}{think}{epoch}", "id": sample, "epoch": epoch, "condition": condition(think),
        "audio": [{"sha256": more.pop("clip", sample).ljust(64, "0")}], "attempts": 1, "time": 1.7e9,
        "sample": {"question": more.pop("question", f"{sample}?"), "choices": OPTIONS, "target": "dog", "metadata": {},
                   "cluster": more.pop("cluster", None)},
    }  # fmt: skip
    if text is None:
        return {**line, "error": {"kind": "error", "message": "503"}}
    response = {"text": text, "reasoning": None, "finish_reason": "stop", "usage": {}, "latency": {}}
    return {**line, "response": {**response, **more}}


def write_run(
    folder: Path, tasks: dict[str, list[dict[str, Any]]], *, model: str = "m", ids: Sequence[str] | None = None,
    epochs: int = 1, fingerprint: dict[str, str] | None = None, spec: dict[str, Any] | None = None,
    info: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """A run directory of these journal lines."""
    (folder).mkdir(parents=True, exist_ok=True)
    for name, lines in tasks.items():
        conditions = list({orjson.dumps(line["condition"]): line["condition"] for line in lines}.values())
        task = {
            "task": name, "dataset_path": "d.jsonl", "doc_to_audio": "a", "doc_to_target": "b", "prompt": [{"name": "p"}],
            "chance": "per_sample", "scorer": "option_match", **(spec or {}),
        }  # fmt: skip
        plan = {
            "task": task, "prompt": {"name": "p"}, "ids": list(ids or dict.fromkeys(line["id"] for line in lines)),
            "conditions": conditions or [condition()], "epochs": epochs, "seed": 0, "overrides": {},
            "fingerprint": {"prompt": "a" * 64, "scorer": "b" * 64, "scorer_version": "option_match@1", **(fingerprint or {})},
        }  # fmt: skip
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "plan.json").write_bytes(orjson.dumps(plan))
        (folder / name / "samples.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    about = {
        "schema_version": 1, "run_id": "0", "created": 1.7e9, "updated": 1.7e9, "versions": {"audiobench": "0"},
        "model": {"name": model, "sha256": "c" * 64, "adapter": "oracle", "served_model": "m"}, "tasks": list(tasks),
        "command": ["audiobench", "run"],
    }  # fmt: skip
    (folder / "run.json").write_bytes(orjson.dumps({**about, **(info or {})}))
    return folder


def answers(right: Sequence[int | bool], **more: Any) -> list[dict[str, Any]]:
    """A journal in which sample i is right or wrong."""
    return [record(f"s{i:04}", "dog" if ok else "cat", **more) for i, ok in enumerate(right)]


def arm(
    statuses: Sequence[str], *, task: str = "t", think: str = "default", clusters: Sequence[str] | None = None
) -> Arm:
    """An arm; a letter an epoch: 1 right, 0 wrong, u unparsed, e error."""
    rows = {}
    for i, letters in enumerate(statuses):
        values = tuple(None if c == "e" else float(c == "1") for c in letters)
        kept = "".join("s" if c in "01" else c for c in letters)
        rows[f"s{i}"] = Row(kept, values, 1, 1, clusters[i] if clusters else None)
    epochs = len(statuses[0]) if statuses else 1
    return Arm(task, Condition(think=think), ACC, epochs, {"prompt": "x"}, rows, ids_sha256=ids_digest(rows))
