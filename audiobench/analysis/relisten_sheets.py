"""The tables of `audiobench ablate` about models that listen again."""

from __future__ import annotations

from collections.abc import Sequence

from audiobench.analysis.figure import Figure
from audiobench.analysis.relisten import Relistening
from audiobench.analysis.sheets import change, number, p_value, points, span
from audiobench.core.plain_text import of_whole
from audiobench.core.sheet import Column, Sheet
from audiobench.scorers.metrics import UNITS


def relisten_sheets(entries: Sequence[Relistening]) -> list[Sheet]:
    """Everything worth printing."""
    return [sheet for entry in entries for sheet in (*_controls(entry), _listened(entry), *_by_times(entry))]


def relisten_lines(entries: Sequence[Relistening], rows: int | None) -> list[str]:
    """Each control's answer in a sentence; `rows`: of the whole data set."""
    lines: list[str] = []
    for entry in entries:
        unit = UNITS[entry.unit]
        for control in entry.controls:
            if control.difference is not None:
                figures = f"{unit.show(control.difference, signed=True)}{unit.change}"
                lines.append(
                    f"listening again ({entry.form}, think={entry.think}) against {control.hear}: {control.verdict}, "
                    f"{figures} (n={of_whole(control.n, rows)}, p={control.p_adjusted:.2g})"
                )
    return lines


def _where(entry: Relistening) -> str:
    return f"{entry.form}, think={entry.think}, audio={entry.audio}"


def _controls(entry: Relistening) -> list[Sheet]:
    if not entry.controls:
        return []
    unit = UNITS[entry.unit]
    sheet = Sheet(
        f"does it help to listen again? {_where(entry)}",
        ("control", "n", "span", "control", Column("difference", unit.change.strip()), "95 % interval", "gained", "lost",
         "p adjusted", "verdict"),
    )  # fmt: skip
    for row in entry.controls:
        sheet.rows.append(
            (row.hear, str(row.n), points(row.value_b, unit), points(row.value_a, unit), *change(row, unit),
             p_value(row.p_adjusted), row.verdict)
        )  # fmt: skip
    tests = ", ".join(dict.fromkeys(row.test for row in entry.controls))
    sheet.notes.append(
        "span: the model heard what it named; off: one turn; text_only: no sound; random_segment: other sound of equal length"
    )
    sheet.notes.append(f"test: {tests}; p adjusted: Benjamini-Hochberg over the controls")
    return [sheet]


def _listened(entry: Relistening) -> Sheet:
    sheet = Sheet(
        f"how it listened, {_where(entry)}",
        ("hear", "n", Column("re-listens", "%"), "95 % interval", "spans", Column("invalid", "%"), Column("coverage", "%"),
         Column("overlap", "%"), Column("dangling", "%"), Column("added", "s"), Column("added", "tokens"), "cut off",
         Column("Echo's reading", "%")),
    )  # fmt: skip
    for arm in entry.arms:
        rate = arm.relisten_rate
        shares = (arm.invalid_rate, arm.coverage, arm.overlap, arm.dangling_rate)
        sheet.rows.append(
            (arm.hear, str(arm.n), _share(rate), span(rate.ci) if rate and rate.ci else "-", _number(arm.spans, 2),
             *map(_share, shares), _number(arm.added_seconds, 2), _number(arm.added_tokens, 0), str(arm.cut_off),
             _share(arm.official))
        )  # fmt: skip
    sheet.notes.append(
        "coverage, overlap: of the responses that heard a span; where no sound was given, of the spans that they named"
    )
    sheet.notes.append("Echo's reading: accuracy as its script reads answers, the first option where it finds none")
    return sheet


def _by_times(entry: Relistening) -> list[Sheet]:
    sheet = Sheet(
        f"accuracy by number of re-listens, {_where(entry)} (observational)",
        ("hear", "re-listens", "n", "acc", "95 % interval"),
    )
    for arm in entry.arms:
        for row in arm.by_relistens if len(arm.by_relistens) > 1 else ():
            times, found = f"{row.times}{' or more' if row.or_more else ''}", row.accuracy
            sheet.rows.append((arm.hear, times, str(found.n), points(found.value), span(found.ci) if found.ci else "-"))
    return [sheet] if sheet.rows else []


def _share(found: Figure | None) -> str:
    return points(found.value) if found else "-"


def _number(found: Figure | None, digits: int) -> str:
    return number(found.value, digits) if found else "-"
