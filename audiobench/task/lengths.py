"""How much sound the data of tasks hold: no source states it, so it is measured when the data are fetched.

lengths.json in the data cache has an entry for each task: `{seconds, clips, rows, content_sha256, dataset_path,
dataset_revision, source}`. It counts where the task file still names that data set and revision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiobench.core.cache_place import cache_root

FILE = "lengths.json"


def measured() -> dict[str, dict[str, Any]]:
    """The entries by task; empty where nothing was fetched, or the file cannot be read."""
    try:
        found = json.loads((cache_root() / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)} if isinstance(found, dict) else {}


def hours(entry: Mapping[str, Any] | None, declared: Mapping[str, Any]) -> float | None:
    """Hours of sound in all samples of a task; None where its data set at that revision was not measured here.

    Args:
        entry: of the task in `measured`.
        declared: `dataset_path` and `dataset_revision` of the task file.
    """
    same = entry is not None and all(
        entry.get(key) == declared.get(key) for key in ("dataset_path", "dataset_revision")
    )
    seconds = entry.get("seconds") if entry is not None and same else None
    return seconds / 3600 if isinstance(seconds, int | float) else None


def place() -> Path:
    """The file."""
    return cache_root() / FILE
