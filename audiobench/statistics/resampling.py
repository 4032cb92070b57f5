"""Seeded bootstrap of ratios of sums over independent units (samples, or clusters of them).

Every function takes a seed; none uses numpy's global generator. Resamples are drawn in chunks, so that memory stays
below about 50 MB whatever n is. Units that repeat (right/wrong answers, ratings) are drawn as multinomial counts,
which is the same distribution and much faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from audiobench.statistics.clusters import degrees_of_freedom, jackknife_se
from audiobench.statistics.distributions import normal_cdf, normal_quantile, t_quantile

if TYPE_CHECKING:
    import numpy as np

CHUNK = 1_000_000
STUDENTISED_UP_TO = 2000
"""Units beyond which the three bounds agree: the studentised one is left out and half the resamples are drawn."""


def resampled_moments(numerators: Sequence[float], denominators: Sequence[float], resamples: int, seed: int):
    """Sums over `resamples` resamples of a, b, aa, ab, bb (a numerator, b denominator): array (resamples, 5)."""
    import numpy as np

    a, b = np.asarray(numerators, float), np.asarray(denominators, float)
    rng = np.random.default_rng(seed)
    n = len(a)
    pairs, counts = np.unique(np.stack([a, b], axis=1), axis=0, return_counts=True)
    if len(counts) <= 64:
        return rng.multinomial(n, counts / n, size=resamples) @ _moments(pairs[:, 0], pairs[:, 1])
    columns = _moments(a, b).T.copy()
    out = np.empty((resamples, 5))
    step = max(1, CHUNK // n)
    for start in range(0, resamples, step):
        index = rng.integers(0, n, size=(min(step, resamples - start), n))
        stop = start + len(index)
        for j, column in enumerate(columns):
            out[start:stop, j] = column[index].sum(axis=1)
    return out


def bca_bounds(
    numerators: Sequence[float], denominators: Sequence[float], level: float, seed: int, resamples: int
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap bounds (Efron 1987) of sum(numerators) / sum(denominators)."""
    return _bca(numerators, denominators, level, resampled_moments(numerators, denominators, resamples, seed))


def t_bounds(numerators: Sequence[float], denominators: Sequence[float], level: float) -> tuple[float, float]:
    """Linearised t bounds of the ratio: jackknife standard error, as many degrees of freedom as the units' weights allow."""
    estimate = sum(numerators) / sum(denominators)
    groups = list(zip(numerators, denominators, strict=True))
    half = t_quantile((1 + level) / 2, degrees_of_freedom(denominators)) * jackknife_se(groups)
    return estimate - half, estimate + half


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], level: float, seed: int, resamples: int
) -> tuple[float, float]:
    """(low, high) for the ratio of sums over independent units.

    At each end the widest of three bounds: BCa bootstrap, studentised bootstrap (Efron & Tibshirani 1993, chapter 12)
    and linearised t. WER-like data are skewed and heavy-tailed: each of the three alone covers too seldom somewhere
    below 100 units, together they hold (docs/statistics.md has the figures).
    """
    estimate = sum(numerators) / sum(denominators)
    large = len(numerators) > STUDENTISED_UP_TO
    moments = resampled_moments(numerators, denominators, resamples // 2 if large else resamples, seed)
    bounds = [_bca(numerators, denominators, level, moments), t_bounds(numerators, denominators, level)]
    if not large:
        bounds.append(_studentised(numerators, denominators, level, moments))
    low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
    if min(numerators) >= 0:
        low = max(0.0, low)
    return min(low, estimate), max(high, estimate)


def _moments(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.stack([a, b, a * a, a * b, b * b], axis=1)


def _linear_se(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    n, total = len(numerators), sum(denominators)
    estimate = sum(numerators) / total
    squares = sum((a - estimate * b) ** 2 for a, b in zip(numerators, denominators, strict=True))
    return sqrt(squares * n / (n - 1)) / total


def _bca(
    numerators: Sequence[float], denominators: Sequence[float], level: float, moments: np.ndarray
) -> tuple[float, float]:
    import numpy as np

    a, b = np.asarray(numerators, float), np.asarray(denominators, float)
    estimate = float(a.sum() / b.sum())
    influence = a - estimate * b
    squares = float((influence**2).sum())
    if squares <= 1e-24 * float((a**2).sum()):
        return estimate, estimate
    used = moments[moments[:, 1] > 0]
    draws = used[:, 0] / used[:, 1]
    below = float(((draws < estimate).sum() + 0.5 * (draws == estimate).sum()) / len(draws))
    bias = normal_quantile(min(max(below, 0.5 / len(draws)), 1 - 0.5 / len(draws)))
    acceleration = float((influence**3).sum()) / (6 * squares**1.5)
    quantiles: list[float] = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + normal_quantile(tail)
        quantiles.append(normal_cdf(bias + shifted / (1 - acceleration * shifted)))
    low, high = np.quantile(draws, quantiles)
    return float(low), float(high)


def _studentised(
    numerators: Sequence[float], denominators: Sequence[float], level: float, moments: np.ndarray
) -> tuple[float, float]:
    """Bootstrap-t; resamples without spread have no t and are left out."""
    import numpy as np

    n, estimate = len(numerators), sum(numerators) / sum(denominators)
    a, b, aa, ab, bb = moments[moments[:, 1] > 0].T
    ratios = a / b
    squares = np.maximum(0.0, aa - 2 * ratios * ab + ratios**2 * bb)
    keep = squares > 1e-12 * aa
    if not keep.any():
        return estimate, estimate
    t = (ratios[keep] - estimate) / (np.sqrt(squares[keep] * n / (n - 1)) / b[keep])
    se = _linear_se(numerators, denominators)
    lower, upper = np.quantile(t, [(1 - level) / 2, (1 + level) / 2])
    return estimate - float(upper) * se, estimate - float(lower) * se
