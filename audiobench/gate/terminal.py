"""The verdict on a terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from audiobench.gate.verdict import FAILURES, WARNINGS, Item, Level, Verdict, shown, size
from audiobench.plain_text import spaced
from audiobench.report.terminal import console

STYLES: dict[Level, str] = {
    "pass": "[green]pass[/green]", "warn": "[yellow]pass (warning)[/yellow]",
    "regression": "[bold red]REGRESSION[/bold red]", "not_comparable": "[bold magenta]not comparable[/bold magenta]",
    "incomplete": "[bold magenta]incomplete[/bold magenta]",
}  # fmt: skip
FLIPS = 5


def print_verdict(verdict: Verdict) -> None:
    """Table, reasons, the samples that got worse, and the last line with the exit code."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "what", "condition"):
        table.add_column(name)
    for name in ("n", "baseline", "candidate", "change", "95 % interval", "p (Holm)", "MDE"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for item in verdict.items:
        table.add_row(*_cells(item))
    out.print(table)
    for word, levels in (("failed", FAILURES), ("warning", WARNINGS)):
        for item in verdict.items:
            for message in item.messages(*levels):
                out.print(f"\n{word}: {plain(message)}", markup=False, soft_wrap=True)
    for item in verdict.items:
        if item.level == "regression" and item.flips:
            out.print(f"\n{item.task}, {item.condition}: samples that got worse", markup=False)
            for flip in item.flips[:FLIPS]:
                out.print(
                    f"  {plain(flip.id)}: answered {plain(flip.answer or '(none)')}; right is {plain(flip.target or '?')}",
                    markup=False,
                )
    for item in verdict.items:
        for check in item.checks:
            if check.name == "improvement":
                out.print(f"\n{plain(check.message)}", markup=False, soft_wrap=True)
    for note in verdict.notes:
        out.print(f"\nnote: {plain(note)}", markup=False, soft_wrap=True)
    if verdict.confirmed:
        again = verdict.confirmed
        out.print(
            f"\nasked again with fresh seeds and pooled with the first answers: {', '.join(again['tasks'])}, "
            f"{again['epochs']} more epochs, in {again['folder']}", markup=False, soft_wrap=True,
        )  # fmt: skip
    out.print(f"\ngate: {STYLES[verdict.level]} (exit code {int(verdict.exit_code)})")


def plain(text: str, longest: int = 500) -> str:
    """Text on one line without control characters."""
    kept = spaced(text)
    return kept if len(kept) <= longest else kept[: longest - 3] + "..."


def _cells(item: Item) -> list[str]:
    found = item.measured
    head = [escape(item.task), item.kind.replace("_", " "), escape(item.condition)]
    if found is None:
        return [*head, str(item.n), *["-"] * 6, STYLES[item.level]]
    signed = item.kind == "think_gain"
    low, high = (shown(item, bound, sign=True) for bound in found.ci)
    return [
        *head, str(found.n), shown(item, found.baseline, sign=signed), shown(item, found.candidate, sign=signed),
        shown(item, found.difference, sign=True), escape(f"[{low}, {high}]"), f"{found.p_adjusted:.2g}",
        size(item, found.mde), STYLES[item.level],
    ]  # fmt: skip
