"""A selection of samples as Parquet that TRL and verl read: prompts, paths of the clips, and what a reward needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from audiobench.analysis.difficulty import Difficulty
from audiobench.core.disk import write_whole

SOURCE = "audiobench/"
"""Stands before a task's name in the column `data_source`, by which verl says whose reward is wanted."""


def training_row(found: Difficulty, task: str, keep: tuple[int, int]) -> dict[str, Any]:
    """One sample.

    verl reads `data_source`, `prompt` (turns, `<audio>` where a clip stands), `audios` (paths), `reward_model` and
    `extra_info`; TRL reads `prompt` and hands the other columns to the reward.
    """
    record, shown = found.records[0].record, found.records[0].shown
    target = [shown.target] if isinstance(shown.target, str) else list(shown.target or ())
    facts: dict[str, Any] = {
        "id": found.id,
        "question": shown.question,
        "choices": list(shown.choices),
        "target": target,
        "metadata": orjson.dumps(shown.metadata, default=str).decode(),
    }
    prompt = [
        {
            "role": turn.role,
            "content": "\n".join(part if isinstance(part, str) else "<audio>" for part in turn.parts),
        }
        for turn in record.prompt
    ]
    return {
        "data_source": f"{SOURCE}{task}",
        "prompt": prompt,
        "audios": [clip.path for clip in record.audio],
        "ability": "audio",
        "reward_model": {"style": "rule", "ground_truth": target[0] if target else ""},
        "extra_info": {**facts, "index": found.id, "task": task},
        "task": task,
        **facts,
        "passed": found.passed,
        "k": found.k,
        "kept": keep[0] <= found.passed <= keep[1],
    }


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of `training_row`, whole or not at all.

    Raises:
        IncompleteError: the file cannot be written.
    """
    # 60 ms of import that the other formats do not need
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    text, texts = pa.string(), pa.list_(pa.string())
    facts = {"id": text, "question": text, "choices": texts, "target": texts, "metadata": text}
    turn = pa.struct({"role": text, "content": text})
    schema = pa.schema(
        {
            "data_source": text, "prompt": pa.list_(turn), "audios": texts, "ability": text,
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct({**facts, "index": text, "task": text}),
            "task": text, **facts, "passed": pa.int64(), "k": pa.int64(), "kept": pa.bool_(),
        }
    )  # fmt: skip
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), out, compression="zstd")
    content: bytes = out.getvalue().to_pybytes()
    write_whole(path, content)
