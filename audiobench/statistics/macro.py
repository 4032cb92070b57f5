"""Several tasks together: macro average with its error, and rank ranges for leaderboards.

Source of the macro error: the tasks' samples are independent, so variances add: SE = sqrt(sum SE_t^2) / T. Pooling all
samples would weigh tasks by their size and give another quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from audiobench.statistics.distributions import normal_quantile
from audiobench.statistics.intervals import UNKNOWN, By, Interval


def macro_average(
    values: Sequence[float], intervals: Sequence[Interval], weights: Sequence[float] | None = None
) -> tuple[float, Interval]:
    """(mean, interval) over tasks from each task's value and interval; `weights` (default: equal) need not add up to 1.

    The distances from value to bound combine like standard errors, each side for itself (MOVER: Zou & Donner 2008),
    so that skewed intervals stay skewed and none has zero width. Raises ValueError for unequal lengths; no task, or a
    task without a statement, gives the method `none`.
    """
    weights = [1.0] * len(values) if weights is None else weights
    if not len(values) == len(intervals) == len(weights):
        raise ValueError(f"macro average: {len(values)} values, {len(intervals)} intervals, {len(weights)} weights")
    if not values:
        return 0.0, UNKNOWN
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    mean = sum(w * v for w, v in zip(shares, values, strict=True))
    parts = list(zip(shares, values, intervals, strict=True))
    down = sqrt(sum((w * (v - i.low)) ** 2 for w, v, i in parts))
    up = sqrt(sum((w * (i.high - v)) ** 2 for w, v, i in parts))
    method = By.NONE if any(not i.known for i in intervals) else By.MACRO
    return mean, Interval(mean - down, mean + up, method)


def standard_error(interval: Interval, level: float = 0.95) -> float:
    """The standard error that a normal interval of this width would have."""
    return interval.half_width / normal_quantile((1 + level) / 2)


def rank_ranges(intervals: Sequence[Interval], *, higher_is_better: bool = True) -> list[tuple[int, int]]:
    """(best, worst) rank of each model, 1 = first: how many are surely above, and how many surely below.

    A model is surely above another only when their intervals do not overlap. On the same samples a paired comparison
    separates more.
    """
    sign = 1 if higher_is_better else -1
    bounds = [tuple(sorted((sign * i.low, sign * i.high))) for i in intervals]
    ranges: list[tuple[int, int]] = []
    for low, high in bounds:
        above = sum(other_low > high for other_low, _ in bounds)
        below = sum(other_high < low for _, other_high in bounds)
        ranges.append((1 + above, len(bounds) - below))
    return ranges
