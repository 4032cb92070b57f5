"""The step summary: a table and the samples that changed, safe to show on a page that renders Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audiobench.core import sheet
from audiobench.core.errors import IncompleteError
from audiobench.core.sheet import Column, Sheet
from audiobench.gate.terminal import WORDS, plain, verdict_sheet
from audiobench.gate.verdict import FAILURES, WARNINGS, Verdict, shown

MAX_BYTES = 65_300
"""GitHub cuts a comment at 65,536 bytes; a step summary may be larger, but a person reads neither."""
FLIPS = 10
EXCERPT = 120


def escape(text: str, longest: int = EXCERPT) -> str:
    """`sheet.escape`, of at most `longest` characters."""
    return sheet.escape(text, longest)


def write_summary(path: Path, verdict: Verdict) -> None:
    """Append the summary to `path`, as GitHub's `$GITHUB_STEP_SUMMARY` wants it.

    Raises:
        IncompleteError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(summary(verdict))
    except OSError as error:
        raise IncompleteError(f"{path}: {error.strerror}") from error


def summary(verdict: Verdict) -> str:
    """The verdict as Markdown, at most `MAX_BYTES` in UTF-8."""
    head = f"## audiobench gate: {_headline(verdict)}\n\n"
    if verdict.error is not None:
        return cut(head + escape(verdict.error, 2000) + "\n")
    sheets = [verdict_sheet(verdict)]
    for title, levels in (("Why it failed", FAILURES), ("Warnings", WARNINGS)):
        told = [plain(message, 600) for item in verdict.items for message in item.messages(*levels)]
        sheets += [Sheet(title, notes=told)] if told else []
    notes = [plain(note, 300) for note in verdict.notes]
    if done := verdict.confirmed:
        tasks = ", ".join(done.tasks)
        notes.insert(0, f"Asked again ({done.epochs} more epochs, fresh seeds, all pooled): {tasks}.")
    sheets += [Sheet("Notes", notes=notes)] if notes else []
    names = f"{escape(verdict.model)} against the baseline of {escape(verdict.baseline_model)}\n\n"
    return cut(head + names + sheet.markdown([*sheets, *_worse(verdict)], longest=EXCERPT))


def _headline(verdict: Verdict) -> str:
    word = "ERROR" if verdict.error is not None else WORDS[verdict.level]
    return f"**{word}**" if word.isupper() else word


def _worse(verdict: Verdict) -> list[Sheet]:
    """Up to `FLIPS` samples that got worse, of the tasks that failed; else of any."""
    scores = [item for item in verdict.items if item.kind == "score"]
    rows: list[Sequence[str]] = [
        (item.task, item.condition, flip.id, shown(item, flip.before), shown(item, flip.after), flip.answer or "(none)",
         flip.target or "")
        for item in [item for item in scores if item.level == "regression"] or scores
        for flip in item.flips
        if (flip.after < flip.before) != item.lower_is_better and flip.after != flip.before
    ]  # fmt: skip
    more = f" ({FLIPS} of {len(rows)})" if len(rows) > FLIPS else ""
    header = ("task", "condition", "sample", "was", "is", Column("answered", text=True), Column("correct", text=True))
    table = Sheet(f"Samples that got worse{more}", header, rows[:FLIPS], left=3, all_columns=True)
    return [table] if rows else []


def cut(text: str, limit: int = MAX_BYTES) -> str:
    """`text` of at most `limit` bytes, cut at a line and said so."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    end = "\n\n(cut: the whole verdict is in the JSON)\n"
    kept = data[: limit - len(end.encode())]
    return kept[: kept.rfind(b"\n")].decode("utf-8", "ignore") + end
