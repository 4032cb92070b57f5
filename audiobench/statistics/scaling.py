"""Does accuracy grow with the thinking budget? Slope, verdict, sweet spot, area under the curve.

Every sample is asked at every budget, so that each sample has its own slope of value over log2(budget + 1) and the
test is paired: a t-test of the mean slope over samples (over clusters where samples share a clip), with one sample
added that gains and one that loses everything (`paired.shrunk_mean`), so that a few changes are not overrated.

The verdict, in this order, at alpha = 1 - level:

1. `non-monotone`: accuracy both rises and falls, each in some step from one budget to the next (paired, p < alpha,
   Holm over the steps). The sweet spot says where it is best.
2. `scales` / `inverted`: the mean slope differs from 0 (p < alpha) and is positive / negative.
3. `non-monotone` also where the slope does not, but the curve bends (p < alpha for the quadratic contrast).
4. `flat`: neither, and the interval of the fitted gain from the smallest to the largest budget lies within ± margin
   (default 5 percentage points). Flat is a finding, and needs enough samples.
5. `inconclusive-at-this-n`: anything else. `mde_gain` says which gain this n could have shown.

Of experiments in which the budget does nothing, at most a share alpha is called `scales` or `inverted`, and at most a
share alpha `non-monotone` (simulated in the tests).

Sources: CESAR (arXiv 2510.20867) for the question of inverse scaling and the sweet spot; RAIL (arXiv 2606.11260) for
the area under accuracy over budget, here on the log2 axis; the tests are ordinary within-subject contrasts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from typing import Literal

from msgspec import Struct

from audiobench.statistics.distributions import t_quantile, t_two_sided
from audiobench.statistics.intervals import By, Interval, as_floats, proportion
from audiobench.statistics.multiplicity import holm
from audiobench.statistics.paired import compare, shrunk_mean
from audiobench.statistics.power import mde

Verdict = Literal["scales", "flat", "inverted", "non-monotone", "inconclusive-at-this-n"]


class Scaling(Struct, frozen=True):
    """What a budget curve says; accuracies and gains are fractions, budgets tokens."""

    budgets: tuple[int, ...]
    n: int
    accuracy: tuple[float, ...]
    """Mean value at each budget."""
    intervals: tuple[Interval, ...]
    slope: float
    """Change of accuracy per doubling of (budget + 1)."""
    slope_interval: Interval
    p: float
    """Of no slope, two-sided."""
    gain: float
    """Fitted change from the smallest to the largest budget: slope times the log2 range."""
    gain_interval: Interval
    mde_gain: float
    """Smallest true gain that this n would show with 80 % power."""
    curvature_p: float
    """Of no bend (quadratic contrast); 1.0 with two budgets."""
    turns: bool
    """Accuracy rises in one step and falls in another, both significantly."""
    sweet_spot: int
    """Smallest budget whose paired difference to the best budget is not significant (Holm over the smaller ones)."""
    best: int
    """Budget with the highest accuracy (the smallest of equals)."""
    area: float
    """Area under accuracy over log2(budget + 1), divided by the range: a mean accuracy in [0, 1]."""
    verdict: Verdict
    reason: str
    """One sentence with the figures behind the verdict."""


class Stratum(Struct, frozen=True):
    """Accuracy among answers whose natural reasoning length fell into one quantile (observational)."""

    shortest: float
    longest: float
    """Reasoning tokens, both ends included."""
    n: int
    accuracy: float
    interval: Interval


def scaling(
    values: Iterable[Iterable[float]],
    budgets: Sequence[int],
    clusters: Iterable[Hashable] | None = None,
    *,
    level: float = 0.95,
    margin: float = 0.05,
    epochs: float = 1,
) -> Scaling:
    """Analyse a budget curve. `values[i][j]` in [0, 1] is sample i at `budgets[j]` (tokens, ascending, >= 2 of them).

    `epochs`: how many answers each value averages, for the intervals of the accuracies (`intervals.proportion`).

    Raises ValueError for budgets that are not ascending, rows of another length, or no sample.
    """
    if len(budgets) < 2 or budgets[0] < 0 or any(b <= a for a, b in pairwise(budgets)):
        raise ValueError(f"budgets={list(budgets)} must be two or more ascending token counts")
    rows = [as_floats(row) for row in values]
    if not rows or any(len(row) != len(budgets) for row in rows):
        raise ValueError(f"values: need one row a sample, each with {len(budgets)} values, one a budget")
    keys = list(clusters) if clusters is not None else None
    x = [log2(b + 1) for b in budgets]
    reach = x[-1] - x[0]
    columns = [list(column) for column in zip(*rows, strict=True)]
    accuracy = [sum(c) / len(rows) for c in columns]

    line = _slope_weights(x)
    trend = _contrast(rows, line, keys, level)
    slope = trend.estimate
    bend = _bend_weights(x)
    curvature_p = _contrast(rows, bend, keys, level).p if bend else 1.0
    best = max(range(len(budgets)), key=lambda j: (accuracy[j], -j))
    alpha = 1 - level
    method = By.T.over(keys is not None)
    gain_interval = Interval(trend.low * reach, trend.high * reach, method)
    turns = _turns(columns, keys, level)
    verdict = _verdict(turns, trend.p, slope, curvature_p, gain_interval, alpha, margin)
    mde_gain = min(1.0, mde(trend.se * reach, alpha))
    gain, p = slope * reach, trend.p
    return Scaling(
        budgets=tuple(budgets),
        n=len(rows),
        accuracy=tuple(accuracy),
        intervals=tuple(proportion(c, keys, level, epochs=epochs) for c in columns),
        slope=slope,
        slope_interval=Interval(trend.low, trend.high, method),
        p=p,
        gain=gain,
        gain_interval=gain_interval,
        mde_gain=mde_gain,
        curvature_p=curvature_p,
        turns=turns,
        sweet_spot=budgets[_sweet_spot(columns, best, keys, level)],
        best=budgets[best],
        area=_area(x, accuracy),
        verdict=verdict,
        reason=_reason(
            verdict, gain, gain_interval, p, turns, curvature_p, margin, mde_gain, budgets, len(rows), level
        ),
    )


def length_strata(
    lengths: Iterable[float],
    values: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    *,
    quantiles: int = 4,
    level: float = 0.95,
) -> list[Stratum]:
    """Accuracy by quantile of natural reasoning length (tokens), shortest first. Observational, so label it so.

    Hard questions get long reasoning and wrong answers; only `scaling`, which sets the budget, can say what length
    does. Equal lengths stay in one stratum, so that there may be fewer strata than `quantiles`.
    """
    sizes, scores = as_floats(lengths), as_floats(values)
    keys = list(clusters) if clusters is not None else [None] * len(sizes)
    if not len(sizes) == len(scores) == len(keys):
        raise ValueError(f"length strata: {len(sizes)} lengths, {len(scores)} values, {len(keys)} clusters")
    ordered = sorted(sizes)
    cuts = sorted({ordered[len(ordered) * q // quantiles] for q in range(1, quantiles)}) if ordered else []
    strata: list[list[int]] = [[] for _ in range(len(cuts) + 1)]
    for i, size in enumerate(sizes):
        strata[sum(size >= cut for cut in cuts)].append(i)
    return [
        Stratum(
            shortest=min(sizes[i] for i in members),
            longest=max(sizes[i] for i in members),
            n=len(members),
            accuracy=sum(scores[i] for i in members) / len(members),
            interval=proportion(
                [scores[i] for i in members], [keys[i] for i in members] if clusters is not None else None, level
            ),
        )
        for members in strata
        if members
    ]


def _slope_weights(x: Sequence[float]) -> list[float]:
    centre = sum(x) / len(x)
    squares = sum((v - centre) ** 2 for v in x)
    return [(v - centre) / squares for v in x]


def _bend_weights(x: Sequence[float]) -> list[float]:
    """Weights of the quadratic contrast, orthogonal to a constant and to x; empty with two budgets."""
    if len(x) < 3:
        return []
    centre = sum(x) / len(x)
    line = [v - centre for v in x]
    square = [v * v for v in line]
    mean = sum(square) / len(x)
    tilt = sum(s * v for s, v in zip(square, line, strict=True)) / sum(square)
    return [s - mean - tilt * v for s, v in zip(square, line, strict=True)]


@dataclass(frozen=True, slots=True)
class _Contrast:
    estimate: float
    low: float
    high: float
    se: float
    p: float


def _contrast(
    rows: list[list[float]], weights: Sequence[float], keys: list[Hashable] | None, level: float
) -> _Contrast:
    """Mean over samples of sum(weight * value), its t interval and test (see `paired.shrunk_mean`)."""
    scale = sum(w for w in weights if w > 0)  # a sample's contrast lies in [-scale, scale]
    sums = [sum(w * v for w, v in zip(weights, row, strict=True)) / scale for row in rows]
    estimate = sum(sums) / len(sums) * scale
    centre, se, df = shrunk_mean(sums, keys)
    if df == 0:
        return _Contrast(estimate, -scale, scale, scale, 1.0)
    half = t_quantile((1 + level) / 2, df) * se
    low, high = max(-1.0, centre - half) * scale, min(1.0, centre + half) * scale
    p = t_two_sided(centre / se, df)
    return _Contrast(estimate, min(low, estimate), max(high, estimate), se * scale, p)


def _sweet_spot(columns: list[list[float]], best: int, keys: list[Hashable] | None, level: float) -> int:
    cheaper = [compare(columns[j], columns[best], keys, level=level).p for j in range(best)]
    for j, p in enumerate(holm(cheaper)):
        if p >= 1 - level:
            return j
    return best


def _area(x: Sequence[float], y: Sequence[float]) -> float:
    """Trapezoids over x, divided by the range of x."""
    pieces = [(x[i + 1] - x[i]) * (y[i] + y[i + 1]) / 2 for i in range(len(x) - 1)]
    return sum(pieces) / (x[-1] - x[0])


def _turns(columns: list[list[float]], keys: list[Hashable] | None, level: float) -> bool:
    steps = [compare(a, b, keys, level=level) for a, b in pairwise(columns)]
    adjusted = holm([step.p for step in steps])
    return len({step.difference > 0 for step, p in zip(steps, adjusted, strict=True) if p < 1 - level}) == 2


def _verdict(
    turns: bool, p: float, slope: float, curvature_p: float, gain: Interval, alpha: float, margin: float
) -> Verdict:
    if turns:
        return "non-monotone"
    if p < alpha:
        return "scales" if slope > 0 else "inverted"
    if curvature_p < alpha:
        return "non-monotone"
    if -margin < gain.low and gain.high < margin:
        return "flat"
    return "inconclusive-at-this-n"


def _reason(
    verdict: Verdict,
    gain: float,
    interval: Interval,
    p: float,
    turns: bool,
    curvature_p: float,
    margin: float,
    mde_gain: float,
    budgets: Sequence[int],
    n: int,
    level: float,
) -> str:
    span = f"from {budgets[0]} to {budgets[-1]} tokens"
    figures = f"{100 * gain:+.1f} pp {span}, {100 * level:g} % interval {100 * interval.low:+.1f} to {100 * interval.high:+.1f}"
    match verdict:
        case "scales" | "inverted":
            return f"{figures}, p={p:.2g}, n={n}"
        case "non-monotone" if turns:
            return f"accuracy falls and rises from budget to budget, both significantly; {figures}, p={p:.2g}, n={n}"
        case "non-monotone":
            return f"no slope ({figures}) but a bend (p={curvature_p:.2g}), n={n}"
        case "flat":
            return f"{figures}, n={n}: within ±{100 * margin:g} pp"
        case _:
            return f"{figures}, p={p:.2g}: n={n} shows gains of {100 * mde_gain:.1f} pp or more"
