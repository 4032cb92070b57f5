"""Seeded bootstrap of sums over independent units (samples, or clusters of them), and sign-flip permutation.

Every function takes a seed; none uses numpy's global generator. Resamples are drawn in chunks, so that memory stays
below about 30 MB whatever n is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from audiobench.statistics.distributions import normal_cdf, normal_quantile, t_quantile

CHUNK = 1_000_000


def bootstrap_ratios(numerators: Sequence[float], denominators: Sequence[float], resamples: int, seed: int):
    """Ratios of sums of `resamples` resamples of the units, an array of shape (resamples,); empty sums are left out."""
    import numpy as np

    tops, bottoms = np.asarray(numerators, float), np.asarray(denominators, float)
    rng = np.random.default_rng(seed)
    n = len(tops)
    constant = bool(np.all(bottoms == bottoms[0]))
    pairs = np.unique(np.stack([tops, bottoms], axis=1), axis=0, return_counts=True) if n else None
    if pairs is not None and len(pairs[1]) <= 64:  # few distinct units: draw their counts at once, exactly
        units, counts = pairs
        sums = rng.multinomial(n, counts / n, size=resamples) @ units
        keep = sums[:, 1] > 0
        return sums[keep, 0] / sums[keep, 1]
    out = []
    step = max(1, CHUNK // n)
    for start in range(0, resamples, step):
        index = rng.integers(0, n, size=(min(step, resamples - start), n))
        top = tops[index].sum(axis=1)
        bottom = np.full(len(top), bottoms[0] * n) if constant else bottoms[index].sum(axis=1)
        keep = bottom > 0
        out.append(top[keep] / bottom[keep])
    return np.concatenate(out)


def bca_bounds(
    numerators: Sequence[float], denominators: Sequence[float], level: float, seed: int, resamples: int
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap bounds (Efron 1987) of sum(numerators) / sum(denominators)."""
    import numpy as np

    tops, bottoms = np.asarray(numerators, float), np.asarray(denominators, float)
    estimate = tops.sum() / bottoms.sum()
    influence = tops - estimate * bottoms
    squares = float((influence**2).sum())
    if squares == 0:
        return float(estimate), float(estimate)
    draws = bootstrap_ratios(numerators, denominators, resamples, seed)
    below = ((draws < estimate).sum() + 0.5 * (draws == estimate).sum()) / len(draws)
    bias = normal_quantile(float(min(max(below, 0.5 / len(draws)), 1 - 0.5 / len(draws))))
    acceleration = float((influence**3).sum()) / (6 * squares**1.5)
    quantiles = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + normal_quantile(tail)
        quantiles.append(normal_cdf(bias + shifted / (1 - acceleration * shifted)))
    low, high = np.quantile(draws, quantiles)
    return float(low), float(high)


def t_bounds(numerators: Sequence[float], denominators: Sequence[float], level: float) -> tuple[float, float]:
    """Linearised t bounds of the ratio, with len - 1 degrees of freedom."""
    n, total = len(numerators), sum(denominators)
    estimate = sum(numerators) / total
    squares = sum((a - estimate * b) ** 2 for a, b in zip(numerators, denominators, strict=True))
    half = t_quantile((1 + level) / 2, n - 1) * sqrt(squares * n / (n - 1)) / total
    return estimate - half, estimate + half


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], level: float, seed: int, resamples: int
) -> tuple[float, float, str]:
    """(low, high, method) for the ratio of sums over independent units.

    At each end the wider of the BCa bootstrap and the linearised t bound: BCa follows the skew of WER-like data, t
    keeps the width honest with few units, where BCa alone falls short (docs/statistics.md has the figures).
    """
    estimate = sum(numerators) / sum(denominators)
    low, high = bca_bounds(numerators, denominators, level, seed, resamples)
    t_low, t_high = t_bounds(numerators, denominators, level)
    if min(numerators) >= 0:
        t_low = max(0.0, t_low)
    return min(low, t_low, estimate), max(high, t_high, estimate), "bca+t"
