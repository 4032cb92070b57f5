"""Intervals of one score: proportions (Wilson, clustered or not), means and ratios.

Values that share a clip are not independent: pass `clusters` (one key a value) and the interval widens as it should.
Nothing heavy is imported for 0/1 scores, because a run prints these when it ends; numpy comes in with `mean` and
`ratio` (bootstrap) only.

Sources: Wilson 1927; Brown, Cai, DasGupta 2001 (behaviour near 0 and 1); Clopper & Pearson 1934; Korn & Graubard 1998
and Franco et al. 2019 (PMC6690503) for effective sample size; Miller 2024 (arXiv 2411.00640) for clustered standard
errors in evaluations. Coverage of every interval is simulated in `benchmarks/coverage/run.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt

from audiobench.statistics.clusters import cluster_sums, degrees_of_freedom, effective_clusters, jackknife_se
from audiobench.statistics.distributions import beta_quantile, normal_quantile, t_quantile
from audiobench.statistics.resampling import ratio_interval

EXACT_BELOW = 16
"""With at most this many right (or wrong) answers the outer bound is never tighter than the exact one."""
EXACT_N = 50
"""Up to this many values neither bound is ever tighter than the exact one."""

BOOTSTRAP_VALUES = 30
"""Fewest values for an interval of a mean or ratio: of fewer, skewed data allow no interval that keeps its level."""
BOOTSTRAP_CLUSTERS = 10
"""The same for clusters."""
EDGE = 0.25
"""Clustered proportions below this, or above 1 minus this, are treated with the care that rare answers need."""
PRIOR_CLUSTERS = 3.0
"""How many clusters' worth of doubt there is about clustering of rare answers."""


class By(StrEnum):
    """How an interval was made."""

    NONE = "none"
    """The data allow no statement."""
    WILSON = "wilson"
    WILSON_EXACT = "wilson+exact"
    WILSON_EFFECTIVE = "wilson-effective"
    WILSON_CLUSTERED = "wilson-clustered"
    EXACT = "exact"
    BOOTSTRAP = "bootstrap"
    BOOTSTRAP_CLUSTERED = "bootstrap-clustered"
    T = "t"
    T_CLUSTERED = "t-clustered"
    BCA = "bca"
    BCA_CLUSTERED = "bca-clustered"
    BONETT_PRICE = "bonett-price"
    BONETT_PRICE_CLUSTERED = "bonett-price-clustered"
    MOVER = "mover"
    MOVER_CLUSTERED = "mover-clustered"
    JACKKNIFE = "jackknife"
    JACKKNIFE_CLUSTERED = "jackknife-clustered"
    MACRO = "macro"
    PAIRED = "paired"

    def over(self, clustered: bool) -> By:
        """The same over clusters of samples that share a clip, where they do."""
        return By(f"{self}-clustered") if clustered else self


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    method: By

    @property
    def known(self) -> bool:
        """Whether the data allow a statement."""
        return self.method != By.NONE

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def half_width(self) -> float:
        """Half of the interval's width: the ± of a table."""
        return (self.high - self.low) / 2


UNKNOWN = Interval(0.0, 1.0, By.NONE)


def wilson(k: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval for `k` right of `n`; (0, 1, "none") for n = 0.

    Equal to `statsmodels.stats.proportion.proportion_confint(method="wilson")`. Raises ValueError unless 0 <= k <= n.
    """
    _check_level(level)
    if not (0 <= k <= n and isfinite(n)):
        raise ValueError(f"wilson: k={k} must lie between 0 and n={n}")
    if n == 0:
        return UNKNOWN
    low, high = _score_bounds(k / n, n, normal_quantile((1 + level) / 2))
    return Interval(low, high, By.WILSON)


def clopper_pearson(k: float, n: float, level: float = 0.95) -> Interval:
    """The exact interval (Clopper & Pearson 1934): coverage never below `level`, at the price of width."""
    _check_level(level)
    if not (0 <= k <= n and isfinite(n)):
        raise ValueError(f"clopper_pearson: k={k} must lie between 0 and n={n}")
    if n == 0:
        return UNKNOWN
    tail = (1 - level) / 2
    low = beta_quantile(tail, k, n - k + 1) if k > 0 else 0.0
    high = beta_quantile(1 - tail, k + 1, n - k) if k < n else 1.0
    return Interval(low, high, By.EXACT)


def proportion(
    values: Iterable[float], clusters: Iterable[Hashable] | None = None, level: float = 0.95, *, epochs: float = 1
) -> Interval:
    """Interval for the mean of `values` in [0, 1]: accuracy, or accuracy averaged over epochs.

    0/1 values without clusters: Wilson, widened to the exact bound where Wilson is known to fall short (at most
    `EXACT_N` values, or at most `EXACT_BELOW` right or wrong ones); `method` is then `wilson+exact`. Otherwise the
    score interval with the effective number of values p(1-p)/SE^2 and Student's t over clusters (`wilson-clustered`,
    or `wilson-effective` for fractional values without clusters).

    `epochs`: how many answers each value averages, or their mean number (average per question first); it caps the
    effective number at epochs * n, so that repeating questions narrows the interval only as far as the questions allow.
    No value, one cluster, or clusters so uneven that they count as fewer than `FEWEST_EFFECTIVE` allow no statement:
    (0, 1, "none"). Raises ValueError for values outside [0, 1], for lengths that differ and for NaN.
    """
    _check_level(level)
    data = as_floats(values)
    if any(not 0 <= v <= 1 for v in data):
        raise ValueError("proportion: every value must lie in [0, 1]; use mean() for other scores")
    n = len(data)
    if n == 0:
        return UNKNOWN
    groups = _grouped(data, clusters)
    binary = all(v in (0.0, 1.0) for v in data)
    if groups is None and binary and epochs == 1:
        return binomial(round(sum(data)), n, level)
    method = By.WILSON_EFFECTIVE if groups is None else By.WILSON_CLUSTERED
    if groups is None:
        groups = [(v, 1) for v in data]
    return _clustered_proportion(groups, n * epochs, level, method)


def mean(
    values: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    resamples: int = 4000,
) -> Interval:
    """Interval for the mean of any score (judge ratings, latencies): bootstrap over values, or over clusters.

    See `ratio`; the mean is the ratio of sums to counts. For scores in [0, 1] `proportion` says more at small n.
    """
    data = as_floats(values)
    return _bootstrapped(data, [1.0] * len(data), clusters, level, seed, resamples, counts=False)


def ratio(
    numerators: Iterable[float],
    denominators: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    resamples: int = 4000,
) -> Interval:
    """Interval for sum(numerators) / sum(denominators) of counts, such as corpus WER (edits, reference words).

    Utterances (or clusters of them) are resampled and the ratio is recomputed: never a mean of ratios. See
    `audiobench.statistics.resampling.ratio_interval` for the method. Where at most `EXACT_BELOW` units have any error
    it is never narrower than the clustered proportion, so that 0 errors do not look like certainty. Fewer than
    `BOOTSTRAP_VALUES` values (or `BOOTSTRAP_CLUSTERS` clusters) allow no statement: the range seen, method "none".
    """
    tops, bottoms = as_floats(numerators), as_floats(denominators)
    if len(tops) != len(bottoms):
        raise ValueError(f"ratio: {len(tops)} numerators but {len(bottoms)} denominators")
    if any(t < 0 for t in tops) or any(b < 0 for b in bottoms):
        raise ValueError("ratio: counts must not be negative")
    return _bootstrapped(tops, bottoms, clusters, level, seed, resamples, counts=True)


def as_floats(values: Iterable[float]) -> list[float]:
    """The values as a list of Python floats (numpy arrays too). Raises ValueError for NaN and infinity."""
    items: Iterable[float] = getattr(values, "tolist", lambda: values)()
    data = [float(v) for v in items]
    if not all(map(isfinite, data)):
        raise ValueError("a value is NaN or infinite: leave out what has no score, and count it")
    return data


def _grouped(data: list[float], clusters: Iterable[Hashable] | None) -> list[tuple[float, int]] | None:
    """(sum, count) of each cluster; None where no two values share one."""
    if clusters is None:
        return None
    groups = cluster_sums(data, clusters)
    return groups if len(groups) < len(data) else None


def _bootstrapped(
    tops: list[float],
    bottoms: list[float],
    clusters: Iterable[Hashable] | None,
    level: float,
    seed: int,
    resamples: int,
    *,
    counts: bool,
) -> Interval:
    _check_level(level)
    shared, fewest = False, BOOTSTRAP_VALUES
    if clusters is not None:
        keys = list(clusters)
        if len(set(keys)) < len(tops):
            shared, fewest = True, BOOTSTRAP_CLUSTERS
        tops = [s for s, _ in cluster_sums(tops, keys)]
        bottoms = [s for s, _ in cluster_sums(bottoms, keys)]
    total = sum(bottoms)
    if total == 0:
        return UNKNOWN
    estimate = sum(tops) / total
    if (effective_clusters(bottoms) if shared else len(tops)) < fewest or degrees_of_freedom(bottoms) <= 0:
        seen = [a / b for a, b in zip(tops, bottoms, strict=True) if b > 0]
        return Interval(min([*seen, estimate]), max([*seen, estimate]), By.NONE)
    units = [(a, b) for a, b in zip(tops, bottoms, strict=True) if b > 0]
    rare = None
    if counts and estimate <= 1 and sum(a > 0 for a, _ in units) <= EXACT_BELOW:
        rare = _clustered_proportion(units, total, level, By.WILSON_CLUSTERED)
    elif len({a / b for a, b in units}) == 1:  # no spread at all: nothing to judge by
        return Interval(estimate, estimate, By.NONE)

    low, high = ratio_interval(tops, bottoms, level, seed, resamples)
    if rare is not None:
        low, high = min(low, rare.low), max(high, rare.high)
    return Interval(low, high, By.BOOTSTRAP.over(shared))


def binomial(k: int, n: int, level: float = 0.95) -> Interval:
    """Interval for `k` right of `n`: Wilson, widened to the exact bound where Wilson falls short (see `proportion`)."""
    if n == 0:
        return UNKNOWN
    score = wilson(k, n, level)
    if n > EXACT_N and min(k, n - k) > EXACT_BELOW:
        return score
    exact = clopper_pearson(k, n, level)
    low, high = score.low, score.high
    if n <= EXACT_N or k <= EXACT_BELOW:
        low = min(low, exact.low)
    if n <= EXACT_N or n - k <= EXACT_BELOW:
        high = max(high, exact.high)
    return Interval(low, high, By.WILSON if (low, high) == (score.low, score.high) else By.WILSON_EXACT)


def _clustered_proportion(groups: Sequence[tuple[float, float]], cap: float, level: float, method: By) -> Interval:
    """Korn-Graubard: the score interval at the effective sample size, with t over the effective clusters.

    Near 0 and 1 few clusters tell how answers of one clip move together. There (less than `EDGE` right, or wrong) the
    effective size is drawn towards one value a cluster, as if `PRIOR_CLUSTERS` further clusters moved as blocks, and
    the outer bound is never tighter than the exact one at that size.
    """
    df = degrees_of_freedom([m for _, m in groups])
    if df <= 0:
        return UNKNOWN
    estimate = min(1.0, max(0.0, sum(s for s, _ in groups) / sum(m for _, m in groups)))
    variance = jackknife_se(groups) ** 2
    spread = estimate * (1 - estimate)
    effective = min(cap, spread / variance) if spread > 0 and variance > 0 else cap
    minority = min(estimate, 1 - estimate)
    doubt = PRIOR_CLUSTERS * max(0.0, 1 - minority / EDGE)
    if doubt:
        informative = sum(s > 0 if estimate <= 0.5 else s < m for s, m in groups)
        weight = informative / (informative + doubt)
        effective = min(effective, 1 / (weight / effective + (1 - weight) / (df + 1)))
    quantile = t_quantile((1 + level) / 2, df)
    low, high = _score_bounds(estimate, effective, quantile)
    if minority < EDGE:
        size = effective * (normal_quantile((1 + level) / 2) / quantile) ** 2
        exact = clopper_pearson(estimate * size, size, level)
        low, high = (min(low, exact.low), high) if estimate <= 0.5 else (low, max(high, exact.high))
    return Interval(low, high, method)


def _score_bounds(p: float, n: float, z: float) -> tuple[float, float]:
    square = z * z / n
    centre = (p + square / 2) / (1 + square)
    half = z * sqrt(p * (1 - p) / n + square / (4 * n)) / (1 + square)
    low = 0.0 if p == 0 else max(0.0, min(p, centre - half))
    high = 1.0 if p == 1 else min(1.0, max(p, centre + half))
    return low, high


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1, such as 0.95")
