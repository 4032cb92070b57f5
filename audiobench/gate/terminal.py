"""The verdict as a table, and all of it on a terminal."""

from __future__ import annotations

from audiobench.core.plain_text import spaced
from audiobench.core.sheet import Column, Sheet, console
from audiobench.gate.verdict import FAILURES, WARNINGS, Item, Level, Verdict, shown, size

WORDS: dict[Level, str] = {
    "pass": "pass", "warn": "pass (warning)", "regression": "REGRESSION", "not_comparable": "NOT COMPARABLE",
    "incomplete": "INCOMPLETE",
}  # fmt: skip
STYLES = {
    "pass": "green", "pass (warning)": "yellow", "REGRESSION": "bold red", "NOT COMPARABLE": "bold magenta",
    "INCOMPLETE": "bold magenta",
}  # fmt: skip
FLIPS = 5


def verdict_sheet(verdict: Verdict) -> Sheet:
    """One row for each score and think gain; on a narrow terminal the change and the verdict come first."""
    header = (
        "task", "what", "condition", Column("n", later=1), Column("baseline", later=1), Column("candidate", later=1),
        Column("change [95 %]"), Column("p (Holm)", later=1), Column("MDE", later=1),
        Column("verdict", text=True, styles=STYLES),
    )  # fmt: skip
    sheet = Sheet("", header, left=3, all_columns=True)
    sheet.rows += [_cells(item) for item in verdict.items]
    return sheet


def _cells(item: Item) -> list[str]:
    found, head = item.measured, [item.task, item.kind.replace("_", " "), item.condition]
    if found is None:
        return [*head, str(item.n), *["-"] * 5, WORDS[item.level]]
    signed = item.kind == "think_gain"
    change, low, high = (shown(item, value, sign=True) for value in (found.difference, *found.ci))
    return [
        *head, str(found.n), shown(item, found.baseline, sign=signed), shown(item, found.candidate, sign=signed),
        f"{change} [{low}, {high}]", f"{found.p_adjusted:.2g}", size(item, found.mde), WORDS[item.level],
    ]  # fmt: skip


def print_verdict(verdict: Verdict) -> None:
    """Table, reasons, the samples that got worse, and the last line with the exit code."""
    out = console()
    out.print(verdict_sheet(verdict), crop=False)
    lines = [
        f"\n{word}: {plain(message)}"
        for word, levels in (("failed", FAILURES), ("warning", WARNINGS))
        for item in verdict.items
        for message in item.messages(*levels)
    ]
    for item in verdict.items:
        if item.level == "regression" and item.flips:
            lines.append(f"\n{plain(item.task)}, {plain(item.condition)}: samples that got worse")
            for flip in item.flips[:FLIPS]:
                answer, target = plain(flip.answer or "(none)"), plain(flip.target or "?")
                lines.append(f"  {plain(flip.id)}: answered {answer}; correct answer: {target}")
    lines += [f"\n{plain(c.message)}" for item in verdict.items for c in item.checks if c.name == "improvement"]
    lines += [f"\nnote: {plain(note)}" for note in verdict.notes]
    if again := verdict.confirmed:
        lines.append(
            f"\nrun again with fresh seeds and pooled with the first answers: {', '.join(again['tasks'])}, "
            f"{again['epochs']} more epochs, in {again['folder']}"
        )
    for line in lines:
        out.print(line, markup=False, soft_wrap=not out.is_terminal)
    word = WORDS[verdict.level]
    out.print(f"\ngate: [{STYLES[word]}]{word}[/] (exit code {int(verdict.exit_code)})")


def plain(text: str, longest: int = 500) -> str:
    """Text on one line without control characters."""
    kept = spaced(text)
    return kept if len(kept) <= longest else kept[: longest - 3] + "..."
