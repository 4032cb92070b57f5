"""The tables of `audiobench ablate` about models that decide whom to trust."""

from __future__ import annotations

from collections.abc import Sequence

from audiobench.analysis.figure import Figure
from audiobench.analysis.self_reflect import Reflection
from audiobench.analysis.sheets import change, p_value, points, span
from audiobench.core.sheet import Column, Sheet
from audiobench.scorers.metrics import UNITS

WAYS = {
    "final": "as written", "routed": "as its token says", "internal": "always internal", "external": "always external",
    "oracle": "oracle router",
}  # fmt: skip


def reflection_sheets(entries: Sequence[Reflection]) -> list[Sheet]:
    """Everything worth printing."""
    return [sheet for entry in entries for sheet in (_ways(entry), _routing(entry), _confusion(entry))]


def _where(entry: Reflection) -> str:
    return f"think={entry.think} audio={entry.audio} {entry.protocol}"


def _ways(entry: Reflection) -> Sheet:
    unit = UNITS[entry.unit]
    sheet = Sheet(
        f"whom does it trust? {_where(entry)}: {entry.n} responses",
        ("way of answering", entry.metric, "95 % interval", Column("to as written", unit.change.strip()), "95 % interval", "gained", "lost",
         "p adjusted"),
    )  # fmt: skip
    for way in entry.ways:
        cells = change(way.against_final, unit) if way.against_final else ["-"] * 4
        p = p_value(way.p_adjusted) if way.against_final else "-"
        sheet.rows.append((WAYS[way.path], points(way.value, unit), span(way.ci, unit=unit), *cells, p))
    sheet.notes += [
        f"recovery {_told(entry.recovery)}: first answers that could be better and ended so; harm {_told(entry.harm)}: those that "
        "ended worse",
        "p adjusted: Benjamini-Hochberg over the ways; all rest on the same responses, scored alike",
    ]
    if entry.official is not None:
        sheet.notes.append(
            f"Speech-Hands' own scorer, which credits the token alone: {_told(entry.official)}; not comparable with the above"
        )
    if entry.left_out:
        sheet.notes.append(f"{entry.left_out} responses without a value are left out")
    return sheet


def _routing(entry: Reflection) -> Sheet:
    sheet = Sheet(
        f"routing, {_where(entry)}: accuracy {_told(entry.accuracy)}, macro F1 {_told(entry.macro_f1)}",
        ("action", "right", "chosen", "precision", "95 % interval", "recall", "95 % interval", "F1", "95 % interval"),
    )
    for one in entry.actions:
        cells = [cell for part in (one.precision, one.recall, one.f1) for cell in _cells(part)]
        sheet.rows.append((one.action, str(one.right), str(one.chosen), *cells))
    return sheet


def _confusion(entry: Reflection) -> Sheet:
    chosen = list(next(iter(entry.confusion.values())))
    sheet = Sheet(f"which action was right (rows) and which was chosen, {_where(entry)}", ("right", *chosen))
    for gold, row in entry.confusion.items():
        sheet.rows.append((gold, *map(str, row.values())))
    return sheet


def _cells(part: Figure) -> tuple[str, str]:
    return points(part.value), span(part.ci) if part.ci else "-"


def _told(part: Figure) -> str:
    """A share with its interval and n."""
    value, interval = _cells(part)
    return f"{value} % {interval} (n={part.n})" if part.value is not None else "- (n=0)"
