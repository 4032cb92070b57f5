"""Whether a task's data is what its columns say: every row is looked at, and nothing is asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from audiobench.core.errors import UsageError
from audiobench.data.loading import only, other_size, read_rows
from audiobench.data.samples import SampleBuilder
from audiobench.task.find import find_task

MOST = 20
"""Rows that are named; of the others only the number is told."""


def data_findings(file: Path, data: Path | None = None) -> tuple[list[str], list[str]]:
    """(what is wrong with the rows of a task's data, what is only worth knowing); `data`: a local copy."""
    task, _ = find_task(str(file))
    try:
        rows = only(task, read_rows(task, file, data, None))
        builder = SampleBuilder(task, rows)
        ids = builder.ids()
    except UsageError as error:
        return [str(error)], []
    found, labels = list[str](), Counter[int]()
    for number, name in enumerate(ids):
        try:
            sample = builder.build(number, name)
        except UsageError as error:
            found.append(str(error))
            continue
        labels[sum(choice is not None for choice in sample.choices)] += 1
        if sample.target is None and task.doc_to_target is not None and not task.answers_withheld:
            found.append(f"{rows.file}: row {rows.number(number) + 1} (id {name}): it has no target")
    found += [f"{rows.file}: no such clip: {clip}" for clip in dict.fromkeys(map(str, builder.finder.missing))]
    notes = [*rows.notes, *filter(None, [other_size(task, rows)])]
    if len(labels) > 1:
        notes.append("options: " + ", ".join(f"{count} rows with {n}" for n, count in sorted(labels.items())))
    more = len(found) - MOST
    return [*found[:MOST], *([f"{rows.file}: and {more:,} more"] if more > 0 else [])], notes
