"""Join the shards of a run: an idempotent union of their journals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiobench import journal
from audiobench.errors import NotComparableError
from audiobench.results import Run, TaskRun, summarise
from audiobench.types import Condition


def merge(runs: Sequence[Run], out: Path) -> list[dict[str, Any]]:
    """Write the union of `runs` to the run directory `out`; returns its summaries.

    Records are ordered by sample id, condition and epoch, so that merging in any order, or again, gives the same
    files.

    Raises:
        NotComparableError: the runs differ in model, prompt, extraction, scorer, data, conditions or epochs.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.info["model"]["sha256"] != first.info["model"]["sha256"]:
            raise NotComparableError(f"{other.folder}: another model than {first.folder} (model sha256 differs)")
    out.mkdir(parents=True, exist_ok=True)
    lock = journal.RunLock(out)
    try:
        summaries: list[dict[str, Any]] = []
        names = sorted({name for run in runs for name in run.tasks})
        for name in names:
            merged = _merge_task([run.tasks[name] for run in runs if name in run.tasks], out / name)
            entries = summarise(merged)
            journal.write_json(merged.folder / "summary.json", entries)
            summaries.extend(entries)
        info = {**first.info, "tasks": names, "command": ["audiobench", "merge"], "created": 0, "updated": 0}
        journal.write_json(out / "run.json", info)
    finally:
        lock.release()
    return summaries


def _merge_task(parts: Sequence[TaskRun], folder: Path) -> TaskRun:
    first = parts[0]
    for part in parts[1:]:
        for key in ("fingerprint", "conditions", "epochs", "seed", "overrides"):
            if part.plan[key] != first.plan[key]:
                raise NotComparableError(
                    f"{part.folder}: {key} differs from {first.folder}: {part.plan[key]} and {first.plan[key]}"
                )
    ids = sorted({sample for part in parts for sample in part.plan["ids"]})
    plan = {**first.plan, "ids": ids}
    journal.write_json(folder / "plan.json", plan)
    latest: dict[tuple[str, str, int], dict[str, Any]] = {}
    for part in parts:
        for record in journal.read(part.folder / "samples.jsonl"):
            slot = (record["id"], Condition(**record["condition"]).label, record["epoch"])
            if "response" in record or "response" not in latest.get(slot, {}):
                latest[slot] = record
    _write_lines(folder / "samples.jsonl", [latest[slot] for slot in sorted(latest)])
    verdicts = {key: line for part in parts for key, line in part.judgements().items()}
    if verdicts:
        _write_lines(folder / "judgements.jsonl", [verdicts[key] for key in sorted(verdicts)])
    heard = {key: line for part in parts for key, line in part.transcripts().items()}
    if heard:
        _write_lines(folder / "transcripts.jsonl", [heard[key] for key in sorted(heard)])
    if first.task.protocol == "realtime":
        _link_answers([part.folder.parent for part in parts], folder.parent)
    return TaskRun(folder, plan, first.task)


def _link_answers(runs: Sequence[Path], out: Path) -> None:
    """The audio of spoken answers: linked where the file system can, else copied."""
    for run in runs:
        for file in (run / "answers").glob("*.wav"):
            target = out / "answers" / file.name
            if target.exists():
                continue
            target.parent.mkdir(exist_ok=True)
            try:
                target.hardlink_to(file)
            except OSError:
                journal.write_whole(target, file.read_bytes())


def _write_lines(path: Path, records: Sequence[Any]) -> None:
    import orjson

    journal.write_whole(path, b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records))
