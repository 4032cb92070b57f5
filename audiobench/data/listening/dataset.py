"""The probes as a data set: rows in memory, or a folder with `items.jsonl` and `audio/*.wav`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from audiobench.data.listening.items import DEFAULT_SEED, generate


def rows(
    seed: int = DEFAULT_SEED, per_family: int = 30, families: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The items as rows: `audio` is `{"bytes": wav, "path": None}`, the other columns as in `items.jsonl`."""
    for item in generate(seed, families, per_family):
        yield {"id": item.id, "audio": {"bytes": item.wav(), "path": None}, **item.row()}


def write(
    folder: str | Path,
    seed: int = DEFAULT_SEED,
    per_family: int = 30,
    families: Sequence[str] | None = None,
) -> Path:
    """Write the items as a local data set and return the path of its `items.jsonl`.

    Columns: id, audio (path relative to `folder`), question, choices, answer, domain, skill, family, kind, tally,
    trace, events, transcript.
    """
    import orjson

    folder = Path(folder)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    target = folder / "items.jsonl"
    with target.open("wb") as out:
        for item in generate(seed, families, per_family):
            audio = f"audio/{item.id}.wav"
            (folder / audio).write_bytes(item.wav())
            out.write(orjson.dumps({"id": item.id, "audio": audio, **item.row()}) + b"\n")
    return target
