"""Answers to samples whose key the data set has corrected since: they are kept, and count against today's key.

A request that is unchanged is not sent again. Scoring reads the journal's copy of a sample, so a line with the old
response and today's sample supersedes the old one; a judge's verdict on what has changed is taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import structs

from audiobench.ask.work import TaskWork
from audiobench.core.plain_text import plural
from audiobench.files import annotations, records
from audiobench.files.annotations import Judgement
from audiobench.files.journal import Journal
from audiobench.files.records import Record, ShownSample
from audiobench.results.score import scorer_of


def corrected(work: TaskWork) -> Iterator[tuple[Record, Record]]:
    """Each answer whose sample has changed: its record, and the record that supersedes it."""
    lines = records.at(work.journal_path, list(work.corrected))
    for record, sample in zip(lines, work.corrected.values(), strict=True):
        yield record, structs.replace(record, sample=sample)


def note(work: TaskWork) -> str | None:
    """What people are told of it; None where nothing has changed."""
    changed: Counter[str] = Counter()
    ids: dict[str, None] = {}
    for before, today in corrected(work):
        ids[before.id] = None
        left, right = (record.sample or ShownSample("", (), None, {}) for record in (before, today))
        changed.update(name for name in left.__struct_fields__ if getattr(left, name) != getattr(right, name))
    if not ids:
        return None
    fields = ", ".join(f"{name} of {n}" for name, n in changed.most_common())
    answers = f"{len(work.corrected)} {plural(len(work.corrected), 'answer')}"
    return (
        f"{work.task.task}: the data has changed {len(ids)} {plural(len(ids), 'sample')} since (first {next(iter(ids))}; "
        f"{fields}); {answers} to the same requests are kept and scored against today's data"
    )


def supersede(work: TaskWork) -> None:
    """Write the lines that supersede; nothing is asked."""
    if not work.corrected:
        return
    both = list(corrected(work))
    _take_back(work, both)  # first: a kill in between costs a verdict, and never keeps a wrong one
    writer = Journal(work.journal_path)
    try:
        for _, today in both:
            writer.append(today)
    finally:
        writer.close()
    work.mark_finished()


def _take_back(work: TaskWork, both: list[tuple[Record, Record]]) -> None:
    """Retract the verdicts of judges who would be shown something else today."""
    judge = scorer_of(work.task).judge
    verdicts = annotations.read(work.folder, Judgement) if judge is not None else {}
    if judge is None or not verdicts:
        return
    writer = Journal(work.folder / Judgement.FILE)
    try:
        for before, today in both:
            shown = [judge.render(record.shown(), record.text, record.reasoning) for record in (before, today)]
            if (today.id, today.key) in verdicts and shown[0] != shown[1]:
                writer.append(Judgement(today.id, today.key, None, stale=True))
    finally:
        writer.close()
