"""Rows of a data set before they are samples, and the files they come from."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from audiobench.core.errors import UsageError
from audiobench.core.json_values import decode
from audiobench.core.narrow import is_list, is_object
from audiobench.core.plain import check_plain, plain_bytes

Row = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total 0 = unknown."""
LONGEST_VALUE = 2**24
"""Characters of one value in a CSV or TSV file."""
CLIPS = "__audio__"
"""Column of a materialised row that holds its clips when they are not in a column of the data set itself: a list, or by the
path that the row names them by where `repeat` decides which of them are heard, and in what order."""
VIDEOS = "__video__"
"""The same for its videos."""
IMAGES = "__image__"
"""The same for its images."""


class ClipRecord(TypedDict, total=False):
    """What a materialised row holds in place of a clip: its file, and what is known of it where it is there."""

    path: str
    """Relative to the folder of the data cache."""
    sha256: str
    bytes: int
    seconds: float | None
    """By its header; None where that does not say."""


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
    notes: list[str] = field(default_factory=list[str])
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
                if number == 1:
                    line = line.removeprefix(BOM_UTF8)
                if not line.strip():
                    continue
                try:
                    row = decode(line, errors="strict")
                except ValueError as error:
                    raise UsageError(f"{path}:{number}: not JSON: {error}") from None
                if not is_object(row):
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
        value = decode(plain_bytes(path), errors="strict")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    if is_object(value):
        only = next(iter(value.values())) if len(value) == 1 else None
        value = only if is_list(only) and only and is_object(only[0]) else [value]
    rows = [row for row in value if is_object(row)] if is_list(value) else []
    if not is_list(value) or len(rows) < len(value):
        raise UsageError(f"{path}: must be an array of objects")
    return rows


def read_table(path: Path, list_column: str | None = None) -> list[Row]:
    """The rows of a CSV or TSV file with a header; every value is text, and an empty one None.

    `list_column`, the last of the header, is the list of all further values of a line.

    Raises:
        UsageError: unreadable, not UTF-8, a column without a name or twice, a row with more or fewer values than columns.
    """
    rows: list[Row] = []
    check_plain(path)
    csv.field_size_limit(LONGEST_VALUE)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
            columns = next(lines, list[str]())
            if not all(columns) or len(set(columns)) < len(columns):
                raise UsageError(f"{path}:1: each column needs a name of its own, found: {', '.join(columns)}")
            if list_column is not None and columns[-1:] != [list_column]:
                raise UsageError(f"{path}:1: list_column: {list_column!r} is not the last column: {', '.join(columns)}")
            for values in lines:
                if list_column is not None and len(values) >= len(columns):
                    last = len(columns) - 1
                    ends = [value for value in values[last:] if value]
                    rows.append({name: value or None for name, value in zip(columns, values, strict=False)})
                    rows[-1][list_column] = ends
                    continue
                if values and len(values) != len(columns):
                    raise UsageError(f"{path}:{lines.line_num}: {len(values)} values for {len(columns)} columns")
                if values:
                    rows.append({name: value or None for name, value in zip(columns, values, strict=True)})
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    return rows


READERS: dict[str, Callable[[Path], list[Row]]] = {".jsonl": read_jsonl, ".json": read_json}
"""Rows files that are text and no tables, by suffix."""


def name_files(rows: Iterable[Row], column: str | None, name: str) -> None:
    """Gives rows of one file its name in `column` (None: they have none).

    Raises:
        UsageError: they have such a column already.
    """
    if column is None:
        return
    for row in rows:
        if column in row:
            raise UsageError(f"{name}: file_column: the data set has a column {column!r} already")
        row[column] = name


def read_text_rows(paths: Iterable[Path], list_column: str | None = None) -> Iterator[tuple[Path, list[Row]]]:
    """(file, rows) for each file that is text."""
    for path in paths:
        read = READERS.get(path.suffix)
        yield path, read(path) if read else read_table(path, list_column)
