"""Two conditions (or two models) on the same samples: paired difference, its interval, its test.

`a` is the baseline, `b` the candidate; differences are b - a. *Gained* = wrong under a and right under b, *lost* the
reverse. Samples that share a clip are passed as `clusters`; then standard errors are clustered and the exact McNemar
test, which would take the samples for independent, gives way to a sign-flip permutation of whole clusters.

Sources: McNemar 1947 (exact form); Bonett & Price 2012 and Fagerland, Lydersen, Laake 2014 (interval of the paired
difference); Miller 2024, arXiv 2411.00640 (paired, clustered analysis of evaluations).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

from audiobench.statistics.clusters import cluster_sums, degrees_of_freedom, jackknife_se
from audiobench.statistics.distributions import t_quantile
from audiobench.statistics.intervals import BOOTSTRAP_CLUSTERS, BOOTSTRAP_VALUES, By, Interval, as_floats
from audiobench.statistics.power import mde, mde_paired
from audiobench.statistics.resampling import ratio_interval

Alternative = Literal["two-sided", "less", "greater"]
UNKNOWN_DIFFERENCE = Interval(-1.0, 1.0, By.NONE)


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """What a comparison found; scores, difference and MDE are in the metric's own unit (of shares: 0.01 = 1 pp)."""

    n: int
    """Paired samples."""
    a: float
    """Score of the baseline; 0.0 for n = 0."""
    b: float
    """Score of the candidate; 0.0 for n = 0."""
    difference: float
    """b - a."""
    interval: Interval
    """Of the difference."""
    gained: int
    """Samples whose value is higher under b."""
    lost: int
    """Samples whose value is lower under b."""
    p: float
    """1.0 where nothing differs."""
    method: str
    """Test behind `p`: mcnemar-exact, sign-flip-exact or sign-flip-10000, `-clustered` where clusters are flipped."""
    mde: float
    """Smallest true difference that a two-sided test at this n would find with the given power; inf when unknown."""
    clusters: int | None
    """Number of clusters, None when every sample stands alone."""
    p_less: float = 1.0
    """One-sided: b is lower than a."""
    p_greater: float = 1.0
    """One-sided: b is higher than a."""
    least_p: float = 1.0
    """The smallest one-sided p that this many changed units can give."""

    def significant(self, level: float = 0.95) -> bool:
        """Whether p < 1 - level."""
        return self.p < 1 - level


def compare(
    a: Iterable[float],
    b: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    power: float = 0.8,
    seed: int = 0,
) -> PairedComparison:
    """Compare two conditions of the same samples; `a[i]` and `b[i]` are the same sample's values.

    0/1 values without clusters: exact McNemar and the Bonett-Price interval. Clustered, fractional (epochs averaged
    per question) or other values: sign-flip permutation, and `paired_difference`'s interval.
    `alternative="less"` asks whether b is worse than a (the gate's question). Raises ValueError for unequal lengths.
    """
    first, second, differences, keys = _paired(a, b, clusters)
    n = len(differences)
    if n == 0:
        return PairedComparison(0, 0.0, 0.0, 0.0, UNKNOWN_DIFFERENCE, 0, 0, 1.0, "none", inf, None)
    groups = cluster_sums(differences, keys) if keys is not None else [(d, 1) for d in differences]
    clustered = len(groups) < n
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    binary = _binary(first) and _binary(second)
    if binary and not clustered:
        two_sided, less, greater = (mcnemar(gained, lost, side) for side in ("two-sided", "less", "greater"))
        tails, method = Tails(two_sided, less, greater, 2.0 ** -(gained + lost)), "mcnemar-exact"
        smallest = mde_paired(gained, lost, n, 1 - level, power)
    else:
        tails, method = sign_flips([s for s, _ in groups], seed=seed)
        method += "-clustered" if clustered else ""
        smallest = inf if len(groups) < 2 else mde(jackknife_se(groups), 1 - level, power)
        if all(0 <= v <= 1 for v in first) and all(0 <= v <= 1 for v in second):
            smallest = min(1.0, smallest) if len(groups) > 1 else smallest
        if binary or smallest == 0:
            smallest = max(smallest, mde_paired(gained, lost, n, 1 - level, power))
    interval = _difference_interval(first, second, keys, level, seed)
    return PairedComparison(
        n=n,
        a=sum(first) / n,
        b=sum(second) / n,
        difference=sum(differences) / n,
        interval=interval,
        gained=gained,
        lost=lost,
        p={"less": tails.less, "greater": tails.greater}.get(alternative, tails.two_sided),
        method=method,
        mde=smallest,
        clusters=len(groups) if clustered else None,
        p_less=tails.less,
        p_greater=tails.greater,
        least_p=tails.least,
    )


def paired_difference(
    a: Iterable[float],
    b: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    level: float = 0.95,
    *,
    seed: int = 0,
) -> Interval:
    """Interval for mean(b) - mean(a) over the same samples.

    Bonett-Price for values in [0, 1] (one imaginary gain and one imaginary loss are added, so that it is
    never of zero width; with clusters at the effective sample size and with t), else the bootstrap of
    `resampling.ratio_interval`, which needs 30 samples or 10 clusters.
    Fewer than two independent samples allow no statement: (-1, 1, "none").
    """
    first, second, _, keys = _paired(a, b, clusters)
    return _difference_interval(first, second, keys, level, seed)


def mcnemar(gained: int, lost: int, alternative: Alternative = "two-sided") -> float:
    """Exact McNemar p-value: under no difference, gained ~ Binomial(gained + lost, 1/2). 1.0 when both are 0.

    `less`: b is worse than a (few gained); `greater`: b is better. Equal to `scipy.stats.binomtest(gained, gained +
    lost, alternative=alternative)` and to statsmodels' `mcnemar(exact=True)`. Raises ValueError for negative counts.
    """
    if gained < 0 or lost < 0:
        raise ValueError(f"mcnemar: gained={gained} and lost={lost} must not be negative")
    n = gained + lost
    if n == 0:
        return 1.0
    if alternative == "two-sided":
        return min(1.0, 2 * _binomial_tail(min(gained, lost), n))
    return _binomial_tail(gained if alternative == "less" else lost, n)


@dataclass(frozen=True, slots=True)
class Tails:
    """The p-values of one test."""

    two_sided: float
    less: float
    """b is lower than a."""
    greater: float
    least: float
    """The smallest one-sided p that these changes could give, whatever their signs."""


def sign_flips(differences: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> tuple[Tails, str]:
    """Sign-flip permutation test of sum(differences) = 0 over independent units; (p-values, method).

    Exact (`sign-flip-exact`, all 2^n sign patterns by convolution) where the differences are multiples of 1/k for
    some k up to 64, as right/wrong answers, epochs and rubric scores are; else `resamples` seeded random patterns
    (`sign-flip-10000`) with p = (1 + hits) / (1 + resamples), which is never 0.
    Pass one sum per cluster where samples share a clip.
    """
    units = [d for d in as_floats(differences) if d != 0]
    if not units:
        return Tails(1.0, 1.0, 1.0, 1.0), "sign-flip-exact"
    whole = _as_integers(units)
    if whole is not None:
        return Tails(*_sign_flip_exact(whole), 2.0 ** -len(units)), "sign-flip-exact"
    import numpy as np

    values = np.asarray(units)
    observed, total = float(values.sum()), float(np.abs(values).sum())
    rng = np.random.default_rng(seed)
    slack = 1e-12 * total
    hits = np.zeros(3, dtype=int)
    step = max(1, 2_000_000 // len(values))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        bits = np.unpackbits(np.frombuffer(rng.bytes((rows * len(values) + 7) // 8), np.uint8))
        signs = bits[: rows * len(values)].reshape(rows, len(values)).astype(float)
        sums = 2 * (signs @ values) - observed
        tails = (np.abs(sums) >= abs(observed) - slack, sums <= observed + slack, sums >= observed - slack)
        hits += [int(tail.sum()) for tail in tails]
    two_sided, less, greater = ((1 + int(found)) / (1 + resamples) for found in hits)
    return Tails(two_sided, less, greater, 1 / (1 + resamples)), f"sign-flip-{resamples}"


def _difference_interval(
    first: list[float], second: list[float], keys: list[Hashable] | None, level: float, seed: int
) -> Interval:
    differences = [y - x for x, y in zip(first, second, strict=True)]
    binary = _binary(first) and _binary(second)
    bounded = all(0 <= v <= 1 for v in first) and all(0 <= v <= 1 for v in second)
    groups = cluster_sums(differences, keys) if keys is not None else [(d, 1) for d in differences]
    clustered = len(groups) < len(differences)
    df = degrees_of_freedom([m for _, m in groups])
    if df <= 0:
        return UNKNOWN_DIFFERENCE
    if bounded:
        plain = _bonett_price(differences, keys, binary and not clustered, level)
        return Interval(plain.low, plain.high, plain.method.over(clustered))
    if df + 1 < (BOOTSTRAP_CLUSTERS if clustered else BOOTSTRAP_VALUES):
        return Interval(min(-1.0, *differences), max(1.0, *differences), By.NONE)

    sums, sizes = [s for s, _ in groups], [float(m) for _, m in groups]
    low, high = ratio_interval(sums, sizes, level, seed, 4000)
    return Interval(low, high, By.BOOTSTRAP.over(clustered))


def shrunk_mean(differences: Sequence[float], clusters: Iterable[Hashable] | None = None) -> tuple[float, float, float]:
    """(centre, standard error, degrees of freedom) of differences in [-1, 1], after Bonett & Price.

    One sample of +1 and one of -1 are added, at the effective sample size where samples share a clip. So k changes of
    one sign and none of the other are judged much as the exact sign test judges them, where the plain t-test, whose
    spread shrinks with k, is too bold. Degrees of freedom are 0.0 with fewer than two independent samples.
    """
    n = float(len(differences))
    groups = cluster_sums(differences, clusters) if clusters is not None else [(d, 1) for d in differences]
    df = degrees_of_freedom([m for _, m in groups])
    if df <= 0:
        return (sum(differences) / n if n else 0.0), 1.0, 0.0
    estimate = sum(differences) / n
    square = sum(d * d for d in differences) / n
    effective = n
    if len(groups) < n:
        spread = square - estimate**2
        variance = jackknife_se(groups) ** 2
        # Nothing flipped says nothing about how clips move together: count each clip once.
        effective = min(n, spread / variance) if spread > 0 and variance > 0 else df + 1
    centre = estimate * effective / (effective + 2)
    variance = (square * effective + 2) / (effective + 2) - centre**2
    return centre, sqrt(variance / (effective + 2)), df


def _bonett_price(differences: list[float], keys: list[Hashable] | None, normal: bool, level: float) -> Interval:
    """For right/wrong answers without clusters this is Bonett & Price's interval (normal quantile); t otherwise."""
    centre, se, df = shrunk_mean(differences, keys)
    estimate = sum(differences) / len(differences)
    half = t_quantile((1 + level) / 2, inf if normal else df) * se
    return Interval(min(estimate, max(-1.0, centre - half)), max(estimate, min(1.0, centre + half)), By.BONETT_PRICE)


def _binomial_tail(k: int, n: int) -> float:
    """P(X <= k) for X ~ Binomial(n, 1/2), in exact integers."""
    term = total = 1
    if k > n // 2 + 1:
        return 1 - _binomial_tail(n - k - 1, n) if k < n else 1.0
    for i in range(1, k + 1):
        term = term * (n - i + 1) // i
        total += term
    return total / (1 << n) if n < 1000 else _divide(total, n)


def _divide(total: int, n: int) -> float:
    """Total / 2^n where both are past the range of floats."""
    shift = max(0, total.bit_length() - 64)
    return float(total >> shift) * 2.0 ** (shift - n) if shift - n > -1074 else 0.0


def _as_integers(units: list[float]) -> list[int] | None:
    for k in range(1, 65):
        scaled = [u * k for u in units]
        if all(abs(s - round(s)) < 1e-9 * k for s in scaled):
            whole = [round(s) for s in scaled]
            return whole if sum(map(abs, whole)) <= 2_000_000 else None
    return None


def _sign_flip_exact(units: list[int]) -> tuple[float, float, float]:
    """P (two-sided, less, greater) of the sum of randomly signed units, whose support is -S..S with S = sum |u|.

    By convolution; for many units by the Fourier transform of the product of cosines, whose rounding error is about
    1e-14, so that smaller p-values come out as 1e-12.
    """
    import numpy as np

    sizes = [abs(u) for u in units]
    total, observed = sum(sizes), sum(units)
    if total * len(sizes) <= 2_000_000:
        chances = np.zeros(total + 1)  # at index i: that the units flipped to plus sum to i
        chances[0] = 1.0
        reach = 0
        for size in sizes:
            chances[size : reach + size + 1] += chances[: reach + 1].copy()
            reach += size
            chances[: reach + 1] /= 2
        sums, least = 2 * np.arange(total + 1) - total, 0.0
    else:
        angles = 2 * np.pi * np.arange(total + 1) / (2 * total + 1)
        spectrum = np.ones(total + 1)
        for size, count in Counter(sizes).items():
            spectrum *= np.cos(size * angles) ** count
        chances = np.fft.irfft(spectrum, 2 * total + 1)
        sums = np.concatenate([np.arange(total + 1), np.arange(-total, 0)])
        least = 1e-12
    tails = (np.abs(sums) >= abs(observed), sums <= observed, sums >= observed)
    two_sided, less, greater = (float(min(1.0, max(least, chances[tail].sum()))) for tail in tails)
    return two_sided, less, greater


def _paired(
    a: Iterable[float], b: Iterable[float], clusters: Iterable[Hashable] | None
) -> tuple[list[float], list[float], list[float], list[Hashable] | None]:
    first, second = as_floats(a), as_floats(b)
    keys = list(clusters) if clusters is not None else None
    if len(first) != len(second):
        raise ValueError(f"paired values: {len(first)} of a but {len(second)} of b; pair by sample id first")
    if keys is not None and len(keys) != len(first):
        raise ValueError(f"clusters: {len(keys)} keys for {len(first)} pairs")
    return first, second, [y - x for x, y in zip(first, second, strict=True)], keys


def _binary(values: list[float]) -> bool:
    return all(v in (0.0, 1.0) for v in values)
