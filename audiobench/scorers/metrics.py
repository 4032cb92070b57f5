"""Metrics. A metric says what one sample adds to a score and what the sums come to; the rest follows from that.

The value, its interval, the paired difference with its test, the breakdown, the baseline's entry, the unit in a table and
the direction of a ranking are all made from a `Metric`, each in one place. Counts are named numbers that add up, and a
name that a sample lacks counts as 0: so a class that never occurs costs a macro-F1 nothing, and BLEU is as simple.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isfinite
from typing import Any

from audiobench.core.types import Outcome
from audiobench.statistics import additive, intervals, paired
from audiobench.statistics.intervals import Interval
from audiobench.statistics.paired import PairedComparison

Counts = Mapping[str, float]
"""Name -> number; absent names are 0. Counts of several samples add up."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How values are written."""

    name: str
    scale: float = 1.0
    """What a value is multiplied with before it is written."""
    digits: int = 2
    change: str = ""
    """Written after an amount of change."""
    written: tuple[str, ...] = ("pp", "%")
    """What people write behind an amount in this unit."""

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """A value, or with `signed` a difference: `63.7`, `+1.2`; a dash for None."""
        return "-" if value is None else f"{self.scale * value:{'+' if signed else ''}.{self.digits}f}"

    def size(self, value: float) -> str:
        """An amount of change with its unit: `2.5 pp`."""
        return f"{self.show(value)}{self.change}" if isfinite(value) else "any size"


UNITS: Mapping[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("share", 100.0, 1, " pp"),
        Unit("graded", 100.0, 1, " pp"),
        Unit("rate", 100.0, 1, " pp"),
        Unit("points", written=("points",)),
        Unit("rating", written=("points",)),
        Unit("seconds", change=" s", written=("s",)),
        Unit("distance", digits=3, written=("distance",)),
        Unit("cosine", digits=3, written=("cosine",)),
        Unit("nats", digits=3, change=" nats", written=("nats",)),
    )
}
"""share: of what is right, from 0 to 1, written in per cent; graded: from 0 to 1 too, but no share of anything (a rating
divided by the highest), in per cent; rate: of errors, in per cent, and it can exceed 100; points: 0 to 100 as it is
(BLEU); rating: of a judge, on the metric's `bounds`; seconds; distance: 0 is best, without a highest value; cosine: from -1 to 1; nats: of divergences."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One sample: its own value, and what it adds to the score; both averaged over its repetitions."""

    value: float
    counts: Counts


Side = Sequence[Sequence[Tally]]
"""One side of a comparison: an arm, or two arms whose difference is compared (think=on, think=off)."""


class Metric:
    """Base of all metrics: `counts` and `value` are its own, everything else can stay as it is.

    Args:
        name, label, unit, higher_is_better, bounds: instead of the class's own.
    """

    name: str = ""
    """As results name it: `wer`."""
    label: str = ""
    """In words."""
    unit: str = "share"
    """A name of `UNITS`."""
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest possible value; infinite where there is none."""
    names: tuple[str, ...] = ()
    """Names of the counts where they are always the same."""
    of_sets = False
    """Whether a sample adds vectors and no numbers, so that what only keeps numbers (a baseline) cannot hold it."""
    is_share = False
    """Whether a sample's value lies in [0, 1] and the score is their mean: chance, budgets and gains have a meaning."""

    def __init__(self, name: str = "", **facts: object) -> None:
        for key, value in {**({"name": name} if name else {}), **facts}.items():
            setattr(self, key, value)

    def counts(self, outcome: Outcome) -> Counts:
        """What an outcome with a value adds to the score."""
        raise NotImplementedError(f"metric {self.name}: counts(outcome) -> {{name: number}} is missing")

    def value(self, total: Counts) -> float | None:
        """The score that summed counts make; None where they make none."""
        raise NotImplementedError(f"metric {self.name}: value(total) -> float is missing")

    @property
    def worst(self) -> float | None:
        """The value of a response without a usable answer; None: that of an empty answer."""
        return None

    @property
    def shown(self) -> Unit:
        """How its values are written."""
        return UNITS[self.unit]

    @property
    def averaged(self) -> bool:
        """Whether a leaderboard may average it with others: more is better and 100 per cent the most."""
        return self.higher_is_better and self.unit in ("share", "graded", "rating")

    def on_board(self, value: float) -> float:
        """A value as leaderboards have it: in per cent, a rating in per cent of the highest; others as they are."""
        return value * (100 / self.bounds[1] if self.unit == "rating" else self.shown.scale)

    def tally(self, outcomes: Iterable[Outcome]) -> Tally | None:
        """One sample's repetitions as one; None where none of them has a value."""
        found = [(o.value, self.counts(o)) for o in outcomes if o.value is not None]
        return average([Tally(value, counts) for value, counts in found]) if found else None

    def of(self, tallies: Sequence[Tally]) -> float | None:
        """The score of these samples."""
        return self.value(total(t.counts for t in tallies)) if tallies else None

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """95 % interval of the score; samples of one cluster move together. `epochs`: answers that a sample averages."""
        of, tables = self._tables([tallies])
        return additive.interval(of, additive.by_cluster(tables[0], clusters), len(tallies))

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """`after` minus `before` on the same samples; `gained` counts samples that got better."""
        of, tables = self._tables([*before, *after])
        units = [additive.by_cluster(table, clusters) for table in tables]
        low, high = self.bounds
        found = additive.compare(of, units[: len(before)], units[len(before) :], len(before[0]), high - low)
        changes = [y - x for x, y in zip(_own(before), _own(after), strict=True)]
        return self._directed(replace(found, gained=sum(d > 0 for d in changes), lost=sum(d < 0 for d in changes)))

    def _tables(self, arms: Sequence[Sequence[Tally]]) -> tuple[additive.Value, list[Any]]:
        """The value of a row of summed counts, and one table (samples x names) for each arm."""
        import numpy as np

        names = list(self.names) or list(dict.fromkeys(name for arm in arms for t in arm for name in t.counts))
        tables = [np.array([[t.counts.get(n, 0.0) for n in names] for t in arm], dtype=float) for arm in arms]
        return lambda row: self.value(dict(zip(names, map(float, row), strict=True))), tables

    def _directed(self, found: PairedComparison) -> PairedComparison:
        better = self.higher_is_better
        return found if better else replace(found, gained=found.lost, lost=found.gained)


class Mean(Metric):
    """The mean over samples of their values."""

    unit = "share"

    @property
    def is_share(self) -> bool:  # type: ignore[override]
        """Whether values are shares."""
        return self.unit == "share"

    @property
    def worst(self) -> float | None:
        """The end of the bounds that is worse."""
        return self.bounds[0 if self.higher_is_better else 1]

    def counts(self, outcome: Outcome) -> Counts:
        """The value, and that it is one."""
        return {"sum": outcome.value or 0.0, "n": 1.0}

    def value(self, total: Counts) -> float | None:
        """Sum over number."""
        return total["sum"] / total["n"] if total.get("n") else None

    def tally(self, outcomes: Iterable[Outcome]) -> Tally | None:
        """The mean value is all that is needed."""
        values = [o.value for o in outcomes if o.value is not None]
        return Tally(fsum(values) / len(values), {}) if values else None

    def of(self, tallies: Sequence[Tally]) -> float | None:
        """The mean."""
        return fsum(t.value for t in tallies) / len(tallies) if tallies else None

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """Wilson's of a share, the bootstrap of any other mean."""
        values = [t.value for t in tallies]
        if self.is_share:
            return intervals.proportion(values, clusters, epochs=epochs)
        return intervals.mean(values, clusters)

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """McNemar's test of right and wrong answers, sign flips of others."""
        old, new = _own(before), _own(after)
        if len(before) == 1 or not self.is_share:
            return self._directed(paired.compare(old, new, clusters))
        # differences of shares lie in [-1, 1]; moved to [0, 1] they get the interval that is never of zero width
        found = paired.compare([(v + 1) / 2 for v in old], [(v + 1) / 2 for v in new], clusters)
        low, high = 2 * found.interval.low, 2 * found.interval.high
        return self._directed(
            replace(
                found, a=2 * found.a - 1, b=2 * found.b - 1, difference=2 * found.difference, mde=2 * found.mde,
                interval=Interval(low, high, found.interval.method),
            )
        )  # fmt: skip


class Rate(Metric):
    """Errors over reference length, pooled: never a mean of the samples' rates (WER, CER)."""

    unit = "rate"
    higher_is_better = False
    bounds = (0.0, inf)
    names = ("errors", "length")

    def counts(self, outcome: Outcome) -> Counts:
        """Edits, and units of the reference, of what the scorer counted."""
        return self.counted(outcome.detail)

    @staticmethod
    def counted(edits: Mapping[str, float]) -> Counts:
        """`{sub, del, ins, ref}` as counts."""
        return {"errors": edits["sub"] + edits["del"] + edits["ins"], "length": edits["ref"]}

    def value(self, total: Counts) -> float | None:
        """All errors over all reference units; with empty references the number of errors, as jiwer has it."""
        errors, length = (total.get(name, 0.0) for name in self.names)
        return (errors / length if length else errors) if total else None

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """The bootstrap of a ratio."""
        errors, lengths = ([t.counts.get(name, 0.0) for t in tallies] for name in self.names)
        return intervals.ratio(errors, lengths, clusters)

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """Sign flips of the samples' errors, and the bootstrap of the ratio."""

        def ratios(side: Side) -> additive.Ratios:
            return [[(t.counts.get("errors", 0.0), t.counts.get("length", 0.0)) for t in arm] for arm in side]

        return self._directed(additive.compare_ratios(ratios(before), ratios(after), clusters))


def average(tallies: Sequence[Tally]) -> Tally:
    """The mean of at least one."""
    if len(tallies) == 1:
        return tallies[0]
    sums = total(t.counts for t in tallies)
    n = len(tallies)
    return Tally(fsum(t.value for t in tallies) / n, {name: number / n for name, number in sums.items()})


def total(counts: Iterable[Counts]) -> dict[str, float]:
    """The sums by name."""
    sums: dict[str, float] = {}
    for each in counts:
        for name, number in each.items():
            sums[name] = sums.get(name, 0.0) + number
    return sums


def _own(side: Side) -> list[float]:
    """The samples' own values; of two arms the first minus the second."""
    first, *second = ([t.value for t in arm] for arm in side)
    return [x - y for x, y in zip(first, second[0], strict=True)] if second else first


ACC = Mean("acc", label="accuracy")
RATING = Mean("rating", label="judge's rating, from 1 to 10", unit="rating", bounds=(1.0, 10.0))
RATING_OF_5 = Mean("rating_of_5", label="judge's rating, from 1 to 5", unit="rating", bounds=(1.0, 5.0))
WER = Rate("wer", label="word error rate")
CER = Rate("cer", label="character error rate")
