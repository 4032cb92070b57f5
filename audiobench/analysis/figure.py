"""A value with its interval and what it rests on, for figures that are no metric of a task: rates, shares, means."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from audiobench.statistics import intervals
from audiobench.statistics.intervals import Interval


class Figure(Struct):
    """A value with its 95 % interval."""

    value: float | None
    """None where it rests on nothing."""
    n: int
    """What it rests on: responses, spans."""
    ci: tuple[float, float] | None
    """None where the data allow none."""

    @classmethod
    def of(cls, value: float | None, interval: Interval, n: int) -> Figure:
        """With the bounds that are known."""
        return cls(value, n, (interval.low, interval.high) if interval.known else None)


def share(values: Sequence[float], clusters: Sequence[str] | None) -> Figure:
    """The mean of values in [0, 1]; `clusters` as in `audiobench.statistics.clusters.shared_clusters`."""
    if not values:
        return Figure(None, 0, None)
    return Figure.of(sum(values) / len(values), intervals.proportion(values, clusters), len(values))
