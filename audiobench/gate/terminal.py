"""The verdict as a table, and all of it on a terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from audiobench.core.plain_text import spaced
from audiobench.core.sheet import Column, Sheet, console
from audiobench.gate.verdict import FAILURES, WARNINGS, WORST_FIRST, Item, Level, Verdict, shown, size

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
    sheet.rows += [_cells(item, condition) for item, condition in zip(verdict.items, conditions(verdict), strict=True)]
    return sheet


def conditions(verdict: Verdict) -> list[str]:
    """Each item's condition, without `audio=full` where all have it."""
    found = [item.condition for item in verdict.items]
    plain = all(" audio=full" in condition for condition in found)
    return [condition.replace(" audio=full", "") if plain else condition for condition in found]


def _cells(item: Item, condition: str) -> list[str]:
    found, head = item.measured, [item.task, item.kind.replace("_", " "), condition]
    if found is None:
        return [*head, item.size, *["-"] * 5, WORDS[item.level]]
    signed = item.kind == "think_gain"
    change, low, high = (shown(item, value, sign=True) for value in (found.difference, *found.ci))
    return [
        *head, item.size, shown(item, found.baseline, sign=signed), shown(item, found.candidate, sign=signed),
        f"{change} [{low}, {high}]", f"{found.p_adjusted:.2g}", size(item, found.mde), WORDS[item.level],
    ]  # fmt: skip


def text(verdict: Verdict) -> str:
    """What `print_verdict` prints, for a file."""
    file = StringIO()
    print_verdict(verdict, Console(file=file, highlight=False, width=140))
    return file.getvalue()


def print_verdict(verdict: Verdict, out: Console | None = None) -> None:
    """Table, reasons, the samples that got worse, and the last line with the exit code."""
    out = out or console()
    if verdict.error is not None:
        out.print(f"gate: ERROR: {plain(verdict.error, 2000)}", markup=False, soft_wrap=True)
        return
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
            f"\nrun again with fresh seeds and pooled with the first answers: {', '.join(again.tasks)}, "
            f"{again.epochs} more epochs, in {again.folder}"
        )
    for line in lines:
        out.print(line, markup=False, soft_wrap=not out.is_terminal)
    word = WORDS[verdict.level]
    out.print(f"\ngate: [{STYLES[word]}]{word}[/] (exit code {int(verdict.exit_code)})")


def one_line(verdict: Verdict) -> str:
    """The verdict for a chat: the worst items first, three of them at most."""
    if verdict.error is not None:
        return f"audiobench gate: ERROR: {plain(verdict.error, 300)}"
    names = f"{plain(verdict.model)} against {plain(verdict.baseline_model)}"
    worst_first = sorted(
        zip(verdict.items, conditions(verdict), strict=True), key=lambda p: WORST_FIRST.index(p[0].level)
    )
    shown_items = [p for p in worst_first if p[0].level == verdict.level] or worst_first
    told = [_in_short(item, condition) for item, condition in shown_items[:3]]
    more = f"; and {len(shown_items) - 3} more" if len(shown_items) > 3 else ""
    return f"audiobench gate: {WORDS[verdict.level]}: {names}: {'; '.join(told)}{more}"


def _in_short(item: Item, condition: str) -> str:
    what = " think gain" if item.kind == "think_gain" else ""
    head = plain(f"{item.task} {condition}{what}")
    if item.measured is None:
        return f"{head} {WORDS[item.level].lower()}"
    found, signed = item.measured, item.kind == "think_gain"
    before, after = (shown(item, value, sign=signed) for value in (found.baseline, found.candidate))
    size = f", n={item.size}" if item.rows not in (None, found.n) else ""
    failed = [check.name for check in item.checks if check.level in FAILURES and check.name != item.kind]
    also = f", fails: {', '.join(failed)}" if failed else ""
    return (
        f"{head} {before} -> {after} ({shown(item, found.difference, sign=True)}, p={found.p_adjusted:.2g}{size}{also})"
    )


def workflow_commands(verdict: Verdict) -> list[str]:
    """Workflow commands of GitHub Actions: an error for each failure, a warning for each warning."""
    found = [("error", "gate", verdict.error)] if verdict.error is not None else []
    for kind, levels in (("error", FAILURES), ("warning", WARNINGS)):
        found += [(kind, item.task, text) for item in verdict.items for text in item.messages(*levels)]
    return [f"::{kind} title={_command(title, ':,')}::{_command(text)}" for kind, title, text in found]


def _command(text: str, further: str = "") -> str:
    """Text in a workflow command; a line end or a `%` would begin another."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{further}" else c for c in plain(text, 1000))


def plain(text: str, longest: int = 500) -> str:
    """Text on one line without control characters."""
    kept = spaced(text)
    return kept if len(kept) <= longest else kept[: longest - 3] + "..."
