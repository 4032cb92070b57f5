"""Does the model listen? Measures that compare audio conditions, option orders and repeated answers.

`full` is the clip as published; `control` any condition that takes information away (none, silence, noise, swap, ...).
"No audio" and "silence" are different conditions: a table must name which. Values are 0/1 or in [0, 1], paired by
sample. Sources: "All That Glitters" (arXiv 2604.24401) for retention; "Hearing the Order" (arXiv 2510.00628) for
option orders; CircularEval (MMBench, arXiv 2307.06281).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import log2, sqrt
from typing import Literal

from msgspec import Struct

from audiobench.statistics.clusters import cluster_sums
from audiobench.statistics.intervals import UNKNOWN, By, Interval, as_floats, proportion
from audiobench.statistics.paired import PairedComparison, compare
from audiobench.statistics.passk import majority


@dataclass(frozen=True, slots=True)
class AudioGain:
    """What the sound adds, from the same samples with and without it."""

    full: float | None
    """Accuracy with the audio; None without samples, as are `control` and `gain`."""
    control: float | None
    """Accuracy under the control condition."""
    chance: float
    gain: float | None
    """full - control."""
    comparison: PairedComparison
    """Paired test and interval of the gain (a = control, b = full)."""
    retention: float | None
    """control / full: the share of the score that survives without the sound; None when full is 0."""
    corrected_retention: float | None
    """(control - chance) / (full - chance); None when full does not exceed chance."""
    corrected_gain: float | None
    """(full - control) / (1 - chance): the gain on a scale where chance is 0 and perfect is 1."""
    corrected_gain_interval: Interval
    verdict: Literal["listens", "deaf", "inconclusive-at-this-n"]
    """`listens`: the interval of the gain lies above 0; `deaf`: it does not, and lies below the margin."""


class Subset(Struct, frozen=True):
    """Accuracy on the samples that a control condition did not answer."""

    n: int
    of: int
    accuracy: float | None
    interval: Interval


class OptionOrder(Struct, frozen=True):
    """How answers move with the order of the options."""

    n: int
    orders: int
    accuracy: tuple[float, ...]
    """At each order."""
    mean: float
    sd: float
    """Of the accuracy over orders (n - 1 in the denominator); 0.0 for one order."""
    spread: float
    """Largest minus smallest accuracy."""
    circular: float
    """Share of samples that are right at every order of theirs."""
    circular_interval: Interval
    consistency: float | None
    """Share of samples with the same option text at every order; None without answers."""


class PositionBias(Struct, frozen=True):
    """How often each option slot was chosen, against an even choice."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    chi2: float
    p: float
    """Chi-square test with the sample as the unit; 1.0 where nothing can be tested."""
    reliable: bool
    """In every slot, the samples expect at least 5 choices, however often each was asked."""


class SelfConsistency(Struct, frozen=True):
    """Agreement of several answers to the same question."""

    agreement: float
    """Chance that two answers to one question are the same (unparsed answers agree with none)."""
    unanimous: float
    """Share of questions with the same parsed answer every time."""
    entropy: float
    """Mean entropy of the answers to one question, in bits."""
    majority_accuracy: float | None
    """maj@k over all answers (earliest answer on ties); None without targets."""


def audio_gain(
    full: Iterable[float],
    control: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    *,
    chance: float = 0.0,
    level: float = 0.95,
    margin: float = 0.05,
) -> AudioGain:
    """Compare accuracy with the audio to accuracy under a control condition, paired by sample.

    `chance` is the accuracy of guessing (mean of 1/number of options), below 1; `margin` the gain (a fraction) that
    would still be called none. Raises ValueError otherwise.
    """
    if not 0 <= chance < 1:
        raise ValueError(f"chance={chance} must lie in [0, 1)")
    result = compare(control, full, clusters, level=level)
    high, low = result.b, result.a
    scale = 1 - chance
    interval = result.interval
    return AudioGain(
        full=high if result.n else None,
        control=low if result.n else None,
        chance=chance,
        gain=result.difference if result.n else None,
        comparison=result,
        retention=low / high if high > 0 else None,
        corrected_retention=(low - chance) / (high - chance) if high > chance else None,
        corrected_gain=result.difference / scale if result.n else None,
        corrected_gain_interval=Interval(interval.low / scale, interval.high / scale, interval.method),
        verdict="listens" if interval.low > 0 else "deaf" if interval.high < margin else "inconclusive-at-this-n",
    )


def retention_interval(
    full: Iterable[float],
    control: Iterable[float],
    clusters: Iterable[Hashable] | None = None,
    *,
    chance: float = 0.0,
    level: float = 0.95,
    epochs: float = 1,
) -> Interval:
    """Interval of (control - chance) / (full - chance), paired, clustered where clips are shared.

    MOVER-R (Donner & Zou 2012; Tang, Tang & Chan 2010): every ratio R at which 0 lies between the bounds of
    control - R * full, which are put together from the bounds of the two accuracies (`intervals.proportion`) and their
    correlation. So it keeps its width where an accuracy is 0 or 1, and its level where right answers are few.
    `epochs`: as for `intervals.proportion`. "none" with (0, 1) where the accuracy with audio is not clearly above
    `chance` (a ratio to nothing has no interval), and where no pair differs (which would give one without width).
    """
    a, b = as_floats(control), as_floats(full)
    n = len(a)
    if n != len(b):
        raise ValueError(f"paired values: {n} of control but {len(b)} of full; pair by sample id first")
    keys: list[Hashable] = list(clusters) if clusters is not None else list(range(n))
    of_a, of_b = (proportion(v, keys if clusters is not None else None, level, epochs=epochs) for v in (a, b))
    if not (of_a.known and of_b.known) or of_b.low <= chance or a == b:
        return UNKNOWN
    x, y, r = sum(a) / n, sum(b) / n, _correlation(a, b, keys)
    (x_down, x_up), (y_down, y_up) = (x - of_a.low, of_a.high - x), (y - of_b.low, of_b.high - y)
    x, y = x - chance, y - chance
    low, high = _ratio_bound(x, y, x_down, y_up, r, -1), _ratio_bound(x, y, x_up, y_down, r, 1)
    if low is not None and low < 0:  # for a negative ratio the other bound of `full` counts
        low = _ratio_bound(x, y, x_down, y_down, r, -1)
    if high is not None and high < 0:
        high = _ratio_bound(x, y, x_up, y_up, r, 1)
    if low is None or high is None:
        return UNKNOWN
    return Interval(low, high, By.MOVER.over(len(set(keys)) < n))


def _correlation(a: Sequence[float], b: Sequence[float], keys: Sequence[Hashable]) -> float:
    """Of the two means, over clusters; 0.0 where one of them has no spread."""
    sums: list[list[float]] = []
    for values in (a, b):
        groups = cluster_sums(values, keys)
        centre = sum(values) / len(values)
        sums.append([s - m * centre for s, m in groups])
    product = sum(u * u for u in sums[0]) * sum(v * v for v in sums[1])
    return sum(u * v for u, v in zip(*sums, strict=True)) / sqrt(product) if product > 0 else 0.0


def _ratio_bound(x: float, y: float, dx: float, dy: float, r: float, side: int) -> float | None:
    """The R of this side (-1: lower, 1: upper) with (x - R y)^2 = dx^2 + (R dy)^2 - 2 r R dx dy; None where it has no end.

    `dx` and `dy` are the distances from the two estimates to those of their bounds that count on this side.
    """
    lead = y * y - dy * dy
    if lead <= 0:
        return None
    middle = x * y - r * dx * dy
    return (middle + side * sqrt(max(0.0, middle * middle - lead * (x * x - dx * dx)))) / lead


def audio_dependent(
    full: Sequence[float],
    controls: Sequence[Sequence[float]],
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Subset:
    """Accuracy with the audio on the samples answered wrongly (value < 0.5) under every given control condition.

    With one control and guessing, some of the subset was merely unlucky there; several controls, or epochs, sharpen it.
    """
    if any(len(c) != len(full) for c in controls):
        raise ValueError("audio-dependent subset: every condition needs one value per sample, in the same order")
    chosen = [i for i in range(len(full)) if all(c[i] < 0.5 for c in controls)]
    values = [float(full[i]) for i in chosen]
    keys = [clusters[i] for i in chosen] if clusters is not None else None
    accuracy = sum(values) / len(values) if values else None
    return Subset(len(chosen), len(full), accuracy, proportion(values, keys, level))


def option_order(
    values: Sequence[Sequence[float]],
    answers: Sequence[Sequence[str | None]] | None = None,
    clusters: Iterable[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> OptionOrder:
    """Stability over option orders. `values[i][j]` is sample i at order j; `answers[i][j]` the chosen option's text.

    A row may be shorter than others: a sample with m options has m orders by rotation, and order j of it is order
    j mod m again. Repeated epochs are rows of their own, with the sample as their cluster. Right means value >= 0.5; an
    unparsed answer (None) is consistent with nothing. Raises ValueError for an empty row or no sample.
    """
    rows = [as_floats(row) for row in values]
    if not rows or not all(rows):
        raise ValueError("option order: need at least one sample, and at least one value for each")
    n, orders = len(rows), max(map(len, rows))
    accuracy = [sum(row[order % len(row)] for row in rows) / n for order in range(orders)]
    mean = sum(accuracy) / orders
    sd = sqrt(sum((a - mean) ** 2 for a in accuracy) / (orders - 1)) if orders > 1 else 0.0
    right = [float(all(v >= 0.5 for v in row)) for row in rows]
    consistency = None
    if answers is not None:
        same = [len(set(row)) == 1 and row[0] is not None for row in answers]
        consistency = sum(same) / len(same) if same else None
    return OptionOrder(
        n=n,
        orders=orders,
        accuracy=tuple(accuracy),
        mean=mean,
        sd=sd,
        spread=max(accuracy) - min(accuracy),
        circular=sum(right) / n,
        circular_interval=proportion(right, clusters, level),
        consistency=consistency,
    )


def position_bias(
    chosen: Iterable[int | None],
    offered: Iterable[int],
    samples: Iterable[Hashable] | None = None,
    slots: int | None = None,
) -> PositionBias:
    """Histogram of chosen option slots against an even choice among the options offered, with a chi-square test.

    `chosen[i]` is the slot that sample i's answer named (None: unparsed, left out), `offered[i]` how many options the
    sample had, `samples[i]` which sample it was (each its own if not given). The even choice is right where gold
    positions are balanced, or over all cyclic rotations.

    Answers to one sample (epochs, option orders) are not independent, so the sample is the unit: without a preference,
    a sample's answers could as well have fallen any number of places further on, all together. The statistic is
    D' V+ D, with D the counts less the even choice and V its covariance over those rotations of every sample; for one
    answer a sample and equal numbers of options it is Pearson's. Raises ValueError when a chosen slot was not offered,
    or a sample offers now more, now fewer options.
    """
    picked, sizes = list(chosen), list(offered)
    ids = list(range(len(picked))) if samples is None else list(samples)
    rows = [(c, k, i) for c, k, i in zip(picked, sizes, ids, strict=True) if c is not None]
    pairs = [(c, k) for c, k, _ in rows]
    for c, k in pairs:
        if not 0 <= c < k:
            raise ValueError(f"position bias: slot {c} was chosen but only {k} options were offered")
    width = max([k for _, k in pairs], default=0) if slots is None else slots
    counts = Counter(c for c, _ in pairs)
    expected = [sum(1 / k for _, k in pairs if slot < k) for slot in range(width)]
    observed = [counts[slot] for slot in range(width)]
    answers: dict[Hashable, list[int]] = {}
    for c, k, i in rows:
        table = answers.setdefault(i, [0] * k)
        if len(table) != k:
            raise ValueError(f"position bias: sample {i!r} was offered {len(table)} options, then {k}")
        table[c] += 1
    chi2, p, reliable = _even_choice(list(answers.values()))
    return PositionBias(tuple(observed), tuple(expected), chi2, p, reliable)


def _even_choice(tables: Sequence[Sequence[int]]) -> tuple[float, float, bool]:
    """(chi2, p, reliable) of slot counts, one table a sample; see `position_bias`."""
    used = max((len(table) for table in tables), default=0)
    if used < 2:
        return 0.0, 1.0, False
    import numpy as np
    from scipy.special import chdtrc

    shift, spread = np.zeros(used), np.zeros((used, used))
    asked, moved = np.zeros(used), np.zeros(used)
    for table in tables:
        k = len(table)
        centred = np.asarray(table, dtype=float) - sum(table) / k
        shift[:k] += centred
        asked[:k] += 1 / k
        if any(count != table[0] for count in table):
            moved[:k] += 1 / k
            turned = np.stack([np.roll(centred, s) for s in range(k)])
            spread[:k, :k] += turned.T @ turned / k
    if not moved.any():
        return 0.0, 1.0, bool((asked >= 5).all())
    sizes, axes = np.linalg.eigh(spread)
    kept = sizes > 1e-9 * sizes[-1]
    chi2 = float(((shift @ axes[:, kept]) ** 2 / sizes[kept]).sum())
    return chi2, float(chdtrc(int(kept.sum()), chi2)), bool((moved >= 5).all())


def self_consistency(answers: Sequence[Sequence[str | None]], targets: Sequence[str] | None = None) -> SelfConsistency:
    """Agreement over repeated answers; `answers[i]` are the k >= 2 answers to question i (None: unparsed).

    Raises ValueError for no question or a question with fewer than two answers.
    """
    if not answers or any(len(row) < 2 for row in answers):
        raise ValueError("self-consistency: need at least one question, and two or more answers to each")
    if targets is not None and len(targets) != len(answers):
        raise ValueError(f"self-consistency: {len(targets)} targets for {len(answers)} questions")
    agreement, unanimous, entropy = 0.0, 0, 0.0
    for row in answers:
        counts = Counter(a for a in row if a is not None)
        k = len(row)
        agreement += sum(c * (c - 1) for c in counts.values()) / (k * (k - 1))
        unanimous += len(counts) == 1 and sum(counts.values()) == k
        shares = [c / k for c in counts.values()] + [1 / k] * (k - sum(counts.values()))
        entropy -= sum(s * log2(s) for s in shares if s < 1)
    n = len(answers)
    right = None
    if targets is not None:
        right = sum(majority(row) == target for row, target in zip(answers, targets, strict=True)) / n
    return SelfConsistency(agreement / n, unanimous / n, entropy / n, right)
