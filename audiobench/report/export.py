"""Per-sample tables for pandas and DuckDB: one line for each sample, condition and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiobench.core.disk import write_whole
from audiobench.core.errors import UsageError
from audiobench.core.plain_text import neutral
from audiobench.results.runs import Run, Scored

COLUMNS = (
    "model", "name", "run", "task", "id", "epoch", "think", "audio", "option_order", "protocol", "prompt", "status", "value",
    "answer", "rule", "target", "question", "choices", "cluster", "metadata", "text", "reasoning", "finish_reason",
    "think_effective", "error", "official", "prompt_tokens", "audio_tokens", "cached_tokens", "completion_tokens",
    "reasoning_tokens", "seconds", "first_token_seconds", "audio_seconds", "audio_sha256", "attempts", "served_model",
    "key", "time",
)  # fmt: skip
"""Columns, in order. Lists and objects (choices, metadata, target of several, official) are JSON text."""
_INTEGERS = ("epoch", "option_order", "prompt_tokens", "audio_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "attempts")  # fmt: skip
_FLOATS = ("value", "seconds", "first_token_seconds", "audio_seconds", "time")
BATCH = 2000
RESPONSE = ("text", "reasoning", "finish_reason", "think_effective", "served_model")
"""Columns that are fields of the response."""


def lines(runs: Sequence[Run], tasks: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Every record of `runs` as a flat mapping with the keys of `COLUMNS`."""
    for run in runs:
        for name, task_run in run.tasks.items():
            if tasks is None or name in tasks:
                for scored in task_run.scored():
                    yield line(run, name, scored)


def line(run: Run, task: str, scored: Scored) -> dict[str, Any]:
    """One record, flat."""
    found = of_response(scored)
    written = {name: _text(found[name]) for name in ("target", "choices", "metadata", "official")}
    return {"model": run.model, "name": run.info.name, "run": run.folder.name, "task": task, **found, **written}


def of_response(scored: Scored) -> dict[str, Any]:
    """What one record says, under the names of `COLUMNS`; lists and objects as they are."""
    record, outcome = scored.record, scored.outcome
    shown, response, usage = record.sample, record.response, record.usage
    latency: Mapping[str, float | None] = response.latency if response else {}
    lengths = [clip.seconds for clip in record.audio if clip.seconds is not None]
    return {
        "id": record.id, "epoch": record.epoch,
        **record.condition.as_dict(), "status": outcome.counted_as,
        "value": outcome.value, "answer": outcome.answer, "rule": outcome.rule,
        "target": shown.target if shown else None, "question": shown.question if shown else None,
        "choices": shown.choices if shown else None, "cluster": shown.cluster if shown else None,
        "metadata": shown.metadata if shown else None,
        **{name: getattr(response, name, None) for name in RESPONSE},
        "error": record.error.message if record.error else None, "official": outcome.official,
        "prompt_tokens": usage.get("prompt"), "audio_tokens": usage.get("audio"), "cached_tokens": usage.get("cached"),
        "completion_tokens": usage.get("completion"), "reasoning_tokens": usage.get("reasoning"),
        "seconds": latency.get("total"), "first_token_seconds": latency.get("first_token"),
        "audio_seconds": sum(lengths) if lengths else None,
        "audio_sha256": " ".join(clip.sha256 for clip in record.audio) or None,
        "attempts": record.attempts, "key": record.key, "time": record.time,
    }  # fmt: skip


def _text(value: Any) -> str | None:
    """Text as it is; lists, objects and verdicts as JSON."""
    if value is None or isinstance(value, str):
        return value
    import orjson

    return orjson.dumps(value, default=str).decode()


def write_parquet(path: Path, runs: Sequence[Run], tasks: Sequence[str] | None = None) -> int:
    """Write one Parquet file (zstd), batch by batch; returns the number of lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: pa.int64() for name in _INTEGERS} | {name: pa.float64() for name in _FLOATS}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    count = 0
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in _batches(lines(runs, tasks)):
                clean = [{key: _storable(value) for key, value in row.items()} for row in batch]
                writer.write_table(pa.Table.from_pylist(clean, schema))
                count += len(batch)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _storable(value: Any) -> Any:
    """Text without lone surrogates, which no file format can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def write_csv(path: Path, runs: Sequence[Run], tasks: Sequence[str] | None = None) -> int:
    """Write one CSV file; returns the number of lines. Formulas in model output are made harmless."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in lines(runs, tasks):
        writer.writerow([_safe(row[name]) for name in COLUMNS])
        count += 1
    write_whole(path, out.getvalue().encode())
    return count


def _safe(value: Any) -> Any:
    return neutral(str(_storable(value)).replace("\x00", "")) if isinstance(value, str) else value


def check_tasks(runs: Sequence[Run], tasks: Sequence[str] | None) -> None:
    """Raise UsageError when a named task is in none of the runs."""
    known: Mapping[str, Any] = {name: None for run in runs for name in run.tasks}
    unknown = [name for name in tasks or () if name not in known]
    if unknown:
        raise UsageError(f"--tasks {','.join(unknown)}: the runs have: {', '.join(known) or 'no task'}")
