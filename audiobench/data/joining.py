"""Columns from another configuration of a data set: FLEURS has each sentence in every language, under one id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.data.parquet import rows_as_stored
from audiobench.data.rows import Row, read_text_rows
from audiobench.task.spec import Join, TaskSpec

_BATCH = 1024
"""Rows: without their clips they are small."""


def partners(join: Join, files: Iterable[Path]) -> dict[Any, Row]:
    """Key -> the new columns' values, of the first row of the files that has the key. Clips are not read.

    Raises:
        UsageError: a column is missing, a file is broken.
    """
    wanted = [join.on, *join.columns.values()]
    found: dict[Any, Row] = {}
    for file in files:
        rows = rows_as_stored(file, _BATCH, wanted) if file.suffix == ".parquet" else next(read_text_rows([file]))[1]
        for number, row in enumerate(rows, 1):
            if missing := [column for column in wanted if column not in row]:
                raise UsageError(f"{file}: row {number}: join: no column {missing[0]!r}; columns: {', '.join(row)}")
            found.setdefault(row[join.on], {new: row[column] for new, column in join.columns.items()})
    return found


def join_rows(join: Join, rows: Sequence[Row], others: dict[Any, Row], where: str) -> list[Row | None]:
    """Each row with its new columns; None where the other configuration has no such key.

    Raises:
        UsageError: no column to join on, a new column that is there already, or no row with a partner.
    """
    if join.on not in rows[0]:
        raise UsageError(f"{where}: join: on: no column {join.on!r}; columns: {', '.join(rows[0])}")
    if taken := [column for column in join.columns if column in rows[0]]:
        raise UsageError(f"{where}: join: columns: the data set has a column {taken[0]!r} already")
    joined = [{**row, **others[row[join.on]]} if row[join.on] in others else None for row in rows]
    if not any(joined):
        raise UsageError(f"{where}: join: no {join.on!r} of its rows is in configuration {join.dataset_name!r}")
    return joined


def check_local(task: TaskSpec, rows: Sequence[Row], source: str) -> None:
    """A local copy holds what the Hub's rows are joined with.

    Raises:
        UsageError: it does not.
    """
    join = task.join
    if join is None:
        return
    for column, name in join.columns.items():
        if column not in rows[0]:
            raise UsageError(
                f"{source}: no column {column!r}: a local copy of {task.task} must hold it ({name!r} of the row with the "
                f"same {join.on!r} in configuration {join.dataset_name!r})"
            )
