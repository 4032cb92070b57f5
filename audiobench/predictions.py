"""Answers made elsewhere: read them, join them with their samples, score them like our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from audiobench import logs, think
from audiobench.errors import UsageError
from audiobench.score import outcome, scorer_of
from audiobench.task.spec import TaskSpec
from audiobench.types import Response, Sample
from model_adapters.spec import Thinking

_INLINE = ("question", "choices", "answer")
_OURS = {"id", "output", "finish_reason", "error", *_INLINE}


def read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON-lines file, of a JSON array, or of another harness's log (`audiobench.logs`).

    Raises:
        UsageError: unreadable, not JSON, or an entry that is not an object with `id` and `output`.
    """
    try:
        log = logs.read_whole(path)
        if log is not None:
            yield from log
            return
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    entries: list[tuple[int, Any]] = []
    try:
        if raw.lstrip()[:1] == b"[":
            entries = list(enumerate(orjson.loads(raw), 1))
        else:
            for number, line in enumerate(raw.split(b"\n"), 1):
                if line.strip():
                    entries.append((number, orjson.loads(line)))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}:{len(entries) + 1}: not JSON: {error}") from error
    for number, entry in logs.convert(entries, path) or entries:
        if not isinstance(entry, dict) or "id" not in entry or "output" not in entry:
            raise UsageError(f"{path}:{number}: expected an object with `id` and `output`")
        yield number, entry


def score(task: TaskSpec, predictions: Path, samples: Mapping[str, Sample] | None = None) -> Iterator[dict[str, Any]]:
    """Score each prediction: `{"id", "outcome", "value", "answer", "rule", "official"}`, in the file's order.

    Args:
        task: whose extraction and scorer are used.
        predictions: lines of `{"id", "output"}`, with the sample inline (`question`, `choices`, `answer`, ...) or not,
            or a sample log of Inspect, lm-eval or lmms-eval.
        samples: the data set by id, for lines that do not carry their sample.

    `official` is the official scorer's verdict on the raw output; ours looks behind a closed thinking block.

    Raises:
        UsageError: a line has neither its sample inline nor an id of the data set.
    """
    scorer = scorer_of(task.scorer)
    for number, entry in read(predictions):
        sample = _sample(task, entry, samples, f"{predictions}:{number}")
        raw = entry["output"]
        if raw is None and entry.get("error"):
            yield {"id": entry["id"], "outcome": "error", "value": None, "answer": None, "rule": None, "official": None}
            continue
        response = think.split(Response(text=raw if isinstance(raw, str) else ""), None, Thinking())
        record = {
            "key": str(number),
            "id": sample.id,
            "epoch": 0,
            "sample": {
                "question": sample.question,
                "choices": list(sample.choices),
                "target": list(sample.target) if isinstance(sample.target, tuple) else sample.target,
                "metadata": dict(sample.metadata),
                "cluster": None,
            },
            "response": {
                "text": response.text,
                "finish_reason": entry.get("finish_reason", "stop"),
                "reasoning_closed": response.reasoning_closed,
            },
        }
        result = outcome(record, task)
        yield {
            "id": entry["id"],
            "outcome": result.status,
            "value": result.value,
            "answer": result.answer,
            "rule": result.rule,
            "official": scorer.official(raw, sample) if scorer.official else None,
        }


def _sample(task: TaskSpec, entry: Mapping[str, Any], samples: Mapping[str, Sample] | None, where: str) -> Sample:
    known = (samples or {}).get(str(entry["id"]))
    if known is not None:
        return known
    if "answer" not in entry and "choices" not in entry:
        raise UsageError(
            f"{where}: id {entry['id']!r} is not in the data set of task {task.task}, and the line does not carry "
            "its sample (question, choices, answer)"
        )
    target = entry.get("answer")
    return Sample(
        id=str(entry["id"]),
        question=entry.get("question") or "",
        choices=tuple(entry.get("choices") or ()),
        target=tuple(map(str, target)) if isinstance(target, list) else (None if target is None else str(target)),
        metadata={key: value for key, value in entry.items() if key not in _OURS},
    )
