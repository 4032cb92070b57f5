"""What the predictions of a file come to, as people read it."""

from __future__ import annotations

from audiobench.core.plain_text import of_whole
from audiobench.core.sheet import Sheet
from audiobench.importers.predictions import Summary
from audiobench.scorers.metrics import UNITS, Unit


def sheet(found: Summary, unit: Unit) -> Sheet:
    """The summary as a table of one row, in the columns of a run's."""
    header = ("task", "metric", "n", "value", "95 % interval", "coverage", "chance", "official", "not scored")
    table = Sheet("", header, left=2, all_columns=True)
    low, high = found.ci
    official = found.official
    chance = "-" if found.chance is None else UNITS["share"].show(found.chance)
    table.rows.append(
        (found.task, found.metric, of_whole(found.n, found.expected), unit.show(found.value),
         "-" if low is None else f"[{unit.show(low)}, {unit.show(high)}]", f"{100 * found.coverage:.1f}%", chance,
         f"{unit.show(official.value)} (n={official.n})" if official and official.value is not None else "-",
         ", ".join(f"{n} {kind}" for kind, n in found.counts.items() if n and kind != "scored") or "-")
    )  # fmt: skip
    return table


def words(found: Summary) -> list[str]:
    """The summary as people read it."""
    many = f"n={of_whole(found.n, found.expected)}"
    if found.outputs != found.n:
        many += f" ({found.outputs} outputs)"
    low, high = found.ci
    span = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
    kinds = ", ".join(f"{n} {kind}" for kind, n in found.counts.items() if n)
    parts = [f"{many}, coverage {100 * found.coverage:.1f}%", kinds]
    official = found.official
    if official and official.value is not None:
        parts.append(f"official {official.scorer}={official.value:.4f} (n={official.n})")
    if found.chance is not None:
        parts.append(f"chance {found.chance:.4f}")
    value = "-" if found.value is None else f"{found.value:.4f}"
    lines = [f"{found.task}: {found.metric}={value}{span}; {'; '.join(parts)}"]
    if read := found.reader:
        low, high = read.ci
        span = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
        lines.append(
            f"  by rules and reader {read.reader}: {found.metric}={read.value:.4f}{span}; it found an answer in "
            f"{read.read} of {read.unparsed} unparsed responses"
        )
    lines += [f"  {error.n} x {error.message}" for error in found.errors]
    if found.counts["missing"]:
        lines.append(f"  {found.counts['missing']} samples of the data set have no prediction")
    return lines
