"""How much sound the data of tasks hold: no source states it, so it is measured when the data are fetched.

lengths.json in the data cache has a `Length` for each task. It counts where the task file still names that data set and
revision.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from audiobench.core.cache_place import cache_root
from audiobench.core.narrow import is_object

FILE = "lengths.json"


class Length(NamedTuple):
    """How much sound the data set of a task holds."""

    seconds: float
    """Of all samples; a clip counts once for each sample that plays it."""
    clips: int
    rows: int
    content_sha256: str
    """Of the samples that were measured."""
    dataset_path: str
    dataset_revision: str | None
    source: str
    """Where the data came from."""


def measured() -> dict[str, Length]:
    """The entries by task; without those that cannot be read."""
    try:
        found = json.loads((cache_root() / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    lengths = {name: _length(entry) for name, entry in found.items()} if is_object(found) else {}
    return {name: length for name, length in lengths.items() if length is not None}


def _length(entry: object) -> Length | None:
    if not is_object(entry) or not isinstance(entry.get("seconds"), int | float):
        return None
    try:
        return Length(**entry)
    except TypeError:  # a field is missing, or of another version
        return None


def hours(length: Length | None, dataset_path: str | None, dataset_revision: str | None) -> float | None:
    """Hours of sound in all samples of a task; None where its data set at that revision was not measured here.

    Args:
        length: of the task in `measured`.
        dataset_path: of the task file.
        dataset_revision: of the task file.
    """
    if length is None or (length.dataset_path, length.dataset_revision) != (dataset_path, dataset_revision):
        return None
    return length.seconds / 3600


def place() -> Path:
    """The file."""
    return cache_root() / FILE
