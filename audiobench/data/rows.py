"""Rows of a data set before they are samples, and the files they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from audiobench.core.errors import UsageError
from audiobench.core.plain import check_plain, plain_bytes

Row = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total 0 = unknown."""
CLIPS = "__audio__"
"""Column of a materialised row that holds its clips when they are not in a column of the data set itself."""


@dataclass(slots=True)
class Rows:
    """All rows of one data set and where their audio is."""

    rows: list[Row]
    file: Path
    """Named in errors about a row."""
    base: Path
    """Folder that audio paths are relative to."""
    roots: tuple[Path, ...]
    """Folders that audio paths must stay inside of."""
    source: str
    """Path, Hub repository or `builtin:NAME`."""
    revision: str | None = None
    from_hub: bool = False
    notes: list[str] = field(default_factory=list)
    numbers: list[int] | None = None
    """Places (from 0) of the rows in their file(s), where some were left out."""

    def number(self, place: int) -> int:
        """Number (from 0) of the row at `place` in the data set as published."""
        return place if self.numbers is None else self.numbers[place]


def read_jsonl(path: Path) -> list[Row]:
    """The rows of a JSON-lines file; blank lines are skipped.

    Raises:
        UsageError: unreadable, or a line is not a JSON object (named by its number).
    """
    rows: list[Row] = []
    try:
        check_plain(path)
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.isspace():
                    continue
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise UsageError(f"{path}:{number}: not JSON: {error}") from None
                if not isinstance(row, dict):
                    raise UsageError(f"{path}:{number}: must be a JSON object, found {type(row).__name__}")
                rows.append(row)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return rows


def read_json(path: Path) -> list[Row]:
    """The rows of a JSON file: an array of objects, an object with one such array in it, or one object = one row.

    Raises:
        UsageError: unreadable, not JSON, or of another shape.
    """
    try:
        value = orjson.loads(plain_bytes(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    if isinstance(value, dict):
        lists = [part for part in value.values() if isinstance(part, list) and part and isinstance(part[0], dict)]
        value = lists[0] if len(value) == 1 and lists else [value]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise UsageError(f"{path}: must be an array of objects")
    return value


def read_text_rows(paths: Iterable[Path]) -> Iterator[tuple[Path, list[Row]]]:
    """(file, rows) for each .jsonl or .json file."""
    for path in paths:
        yield path, read_jsonl(path) if path.suffix == ".jsonl" else read_json(path)
