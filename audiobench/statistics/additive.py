"""Scores made of sums: ratios, and any function of counts that add up (BLEU, macro-F1).

The interval is a bootstrap over independent units (samples, or clusters of them): the sums of a resample are put into
the same function. The test exchanges the two sides of randomly chosen units. Both are seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import TYPE_CHECKING

from audiobench.statistics.clusters import cluster_sums, degrees_of_freedom, effective_clusters
from audiobench.statistics.distributions import t_quantile
from audiobench.statistics.intervals import BOOTSTRAP_CLUSTERS, BOOTSTRAP_VALUES, UNKNOWN, By, Interval
from audiobench.statistics.paired import UNKNOWN_DIFFERENCE, PairedComparison, sign_flips
from audiobench.statistics.power import mde, mde_paired
from audiobench.statistics.resampling import bca_bounds, t_bounds

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000

Value = Callable[["np.ndarray"], float | None]
"""A row of summed counts -> the score."""


def by_cluster(table: np.ndarray, clusters: Sequence[Hashable] | None) -> np.ndarray:
    """A table (samples x counts) summed by cluster, in order of first appearance."""
    import numpy as np

    if clusters is None:
        return table
    places = {key: place for place, key in enumerate(dict.fromkeys(clusters))}
    units = np.zeros((len(places), table.shape[1]))
    np.add.at(units, [places[key] for key in clusters], table)
    return units


def interval(value: Value, units: np.ndarray, n: int, level: float = 0.95) -> Interval:
    """Percentile bootstrap of the score of `units` (units x counts), which hold `n` samples.

    Fewer than `BOOTSTRAP_VALUES` samples (or `BOOTSTRAP_CLUSTERS` clusters) allow no statement.
    """
    import numpy as np

    estimate, clustered = value(units.sum(axis=0)), len(units) < n
    if estimate is None or len(units) < (BOOTSTRAP_CLUSTERS if clustered else BOOTSTRAP_VALUES):
        return UNKNOWN if estimate is None else Interval(estimate, estimate, By.NONE)
    rng = np.random.default_rng(0)
    draws = [found for _ in range(RESAMPLES) if (found := value(_resample(rng, len(units)) @ units)) is not None]
    low, high = (float(bound) for bound in np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(min(low, estimate), max(high, estimate), By.BOOTSTRAP.over(clustered))


def compare(
    value: Value, before: Sequence[np.ndarray], after: Sequence[np.ndarray], n: int, widest: float
) -> PairedComparison:
    """`after` minus `before`, each one table (units x counts) or two, whose scores are subtracted; `n` samples in all.

    `widest`: the largest difference there can be, for the interval where nothing can be said.
    """
    import numpy as np

    old, new = np.stack(before), np.stack(after)
    size: int = old.shape[1]
    clusters = size if size < n else None
    x, y = _value(value, old.sum(axis=1)), _value(value, new.sum(axis=1))
    if x is None or y is None:
        return PairedComparison(0, 0.0, 0.0, 0.0, UNKNOWN_DIFFERENCE, 0, 0, 1.0, "none", inf, None)
    if size < 2:
        unknown = Interval(-widest, widest, By.NONE)
        return PairedComparison(n, x, y, y - x, unknown, 0, 0, 1.0, "none", inf, clusters)
    rng = np.random.default_rng(0)
    draws: list[float] = []
    less = greater = both = 0
    for _ in range(RESAMPLES):
        weights = _resample(rng, size)
        draws.append((_value(value, weights @ new) or 0.0) - (_value(value, weights @ old) or 0.0))
        moved = np.where(rng.random(size) < 0.5, 1.0, 0.0) @ (new - old)
        right = _value(value, new.sum(axis=1) - moved) or 0.0
        left = _value(value, old.sum(axis=1) + moved) or 0.0
        less += right - left <= y - x + 1e-9
        greater += right - left >= y - x - 1e-9
        both += abs(right - left) >= abs(y - x) - 1e-9
    low, high = (float(bound) for bound in np.quantile(draws, [0.025, 0.975]))
    suffix, changed = "-clustered" if clusters else "", int((old != new).any(axis=(0, 2)).sum())
    p_less, p, p_greater = ((1 + hits) / (1 + RESAMPLES) for hits in (less, both, greater))
    return PairedComparison(
        n=n, a=x, b=y, difference=y - x, gained=0, lost=0, clusters=clusters,
        interval=Interval(min(low, y - x), max(high, y - x), By.BOOTSTRAP.over(clusters is not None)),
        p=p, p_less=p_less, p_greater=p_greater, least_p=max(1 / (1 + RESAMPLES), 2.0**-changed),
        method=f"permutation-{RESAMPLES}{suffix}", mde=mde(float(np.std(draws))) if changed else inf,
    )  # fmt: skip


def _resample(rng: np.random.Generator, units: int) -> np.ndarray:
    """How often each unit is drawn."""
    import numpy as np

    return rng.multinomial(units, np.full(units, 1 / units)).astype(float)


def _value(value: Value, totals: np.ndarray) -> float | None:
    """The score of the only table, or of the first minus the second."""
    first, *second = (value(row) for row in totals)
    if first is None or None in second:
        return None
    return first - (second[0] or 0.0) if second else first


Ratios = Sequence[Sequence[tuple[float, float]]]
"""(numerator, denominator) of each sample, of one arm or of two."""


def compare_ratios(before: Ratios, after: Ratios, clusters: Sequence[Hashable] | None = None) -> PairedComparison:
    """`after` minus `before` of ratios of sums such as WER: signs of the units' changes are flipped for the test.

    Denominators may differ between arms (an answer is scored against its nearest reference): each arm is scaled to
    the first. The interval is the wider of the t interval and BCa at each end; none where nothing changed.
    """
    n = len(before[0])
    sums = [[sum(length for _, length in arm) for arm in side] for side in (before, after)]
    if not all(map(all, sums)):
        return PairedComparison(0, 0.0, 0.0, 0.0, UNKNOWN_DIFFERENCE, 0, 0, 1.0, "none", inf, None)
    whole = sums[0][0]
    old, new = (
        [sum(sign * arm[i][0] * whole / own for sign, arm, own in zip((1, -1), side, lengths, strict=False))
         for i in range(n)]
        for side, lengths in zip((before, after), sums, strict=True)
    )  # fmt: skip
    changes = [y - x for x, y in zip(old, new, strict=True)]
    tops = [s for s, _ in cluster_sums(changes, clusters)] if clusters else changes
    bottoms = [length for _, length in before[0]]
    bottoms = [s for s, _ in cluster_sums(bottoms, clusters)] if clusters else bottoms
    clustered = len(tops) < n
    tails, test = sign_flips(tops)
    suffix = "-clustered" if clustered else ""
    smallest, found = inf, UNKNOWN_DIFFERENCE
    enough = (effective_clusters(bottoms) >= BOOTSTRAP_CLUSTERS) if clustered else n >= BOOTSTRAP_VALUES
    enough = enough and degrees_of_freedom(bottoms) > 0
    if enough and not any(tops):
        smallest = mde_paired(0, 0, n)
    elif enough:
        # Not resampling.ratio_interval: it holds what has no negative parts above 0, and a difference may cross it.
        bounds = [t_bounds(tops, bottoms, 0.95), bca_bounds(tops, bottoms, 0.95, 0, 4000)]
        found = Interval(min(b[0] for b in bounds), max(b[1] for b in bounds), By.BOOTSTRAP.over(clustered))
        smallest = mde((bounds[0][1] - bounds[0][0]) / 2 / t_quantile(0.975, degrees_of_freedom(bottoms)))
    x, y = sum(old) / whole, sum(new) / whole
    return PairedComparison(
        n=n, a=x, b=y, difference=y - x, interval=found, gained=sum(d > 0 for d in changes),
        lost=sum(d < 0 for d in changes), p=tails.two_sided, p_less=tails.less, p_greater=tails.greater,
        least_p=tails.least, method=test + suffix, mde=smallest, clusters=len(tops) if clustered else None,
    )  # fmt: skip
