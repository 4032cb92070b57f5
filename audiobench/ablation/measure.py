"""A task's metric over paired samples: its value with an interval, and the difference of two arms with a test.

- shares (acc, rubric) and ratings: means over samples; exact McNemar or sign-flip permutation, paired interval;
- error rates (wer, cer): pooled edits over pooled reference words; permutation of the arms, bootstrap over samples;
- other corpus metrics (bleu): recomputed on every resample and every permutation.

Samples that share a clip are moved together everywhere. See docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from audiobench.ablation.arms import Arm, clusters_of
from audiobench.metric import ERROR_RATES, SHARES
from audiobench.results import Scored
from audiobench.score import scorer_of
from audiobench.statistics import intervals, paired
from audiobench.statistics.intervals import BOOTSTRAP_CLUSTERS, BOOTSTRAP_VALUES, Interval, cluster_sums
from audiobench.statistics.power import mde
from audiobench.task.spec import TaskSpec

RESAMPLES = 1000
"""For corpus metrics that must be recomputed whole; fewer, down to 100, beyond 200 samples."""


@dataclass(frozen=True, slots=True)
class Difference:
    """b against a on the same samples; `gained` and `lost` count samples that are better and worse under b."""

    n: int
    a: float | None
    b: float | None
    difference: float | None
    interval: Interval
    gained: int
    lost: int
    p: float
    test: str
    mde: float
    """Smallest true difference that this comparison finds with 80 % power; infinite where unknown."""
    clusters: int | None

    def as_dict(self) -> dict[str, Any]:
        """As it stands in JSON (an unknown minimum detectable effect is null)."""
        return {
            "n": self.n, "a": self.a, "b": self.b, "difference": self.difference,
            "ci": [self.interval.low, self.interval.high], "interval": self.interval.method,
            "gained": self.gained, "lost": self.lost, "p": self.p, "test": self.test,
            "mde": None if self.mde == inf else self.mde, "clusters": self.clusters,
        }  # fmt: skip


def metric_name(task: TaskSpec) -> str:
    """The headline metric of the task's scorer."""
    return scorer_of(task.scorer).metric


def is_share(task: TaskSpec) -> bool:
    """Whether sample values lie in [0, 1] and their mean is the score (so chance, budgets and gains have a meaning)."""
    scorer = scorer_of(task.scorer)
    return scorer.metric in SHARES and scorer.aggregate is None


def value_of(scored: Scored) -> float:
    """The sample's value; every record given here has one."""
    value = scored.outcome.value
    assert value is not None
    return value


def means(arm: Arm, ids: Iterable[str]) -> dict[str, dict[int, float]]:
    """Sample id -> option order -> mean value over epochs, of the samples among `ids` that have a value."""
    found: dict[str, dict[int, float]] = {}
    for sample in ids:
        for order, epochs in arm.slots.get(sample, {}).items():
            values = [value_of(s) for s in epochs.values() if s.outcome.value is not None]
            if values:
                found.setdefault(sample, {})[order] = sum(values) / len(values)
    return found


def sample_values(arm: Arm, ids: Sequence[str]) -> list[float]:
    """One value a sample: mean over epochs, then over option orders."""
    table = means(arm, ids)
    return [sum(table[i].values()) / len(table[i]) for i in ids]


def paired_values(a: Arm, b: Arm, ids: Sequence[str]) -> tuple[list[str], list[float], list[float]]:
    """Ids and both arms' values over the option orders that both arms have; ids without such an order are left out."""
    first, second = means(a, ids), means(b, ids)
    kept, xs, ys = [], [], []
    for sample in ids:
        shared = first.get(sample, {}).keys() & second.get(sample, {}).keys()
        if shared:
            kept.append(sample)
            xs.append(sum(first[sample][order] for order in shared) / len(shared))
            ys.append(sum(second[sample][order] for order in shared) / len(shared))
    return kept, xs, ys


def score(arm: Arm, ids: Sequence[str]) -> tuple[float | None, Interval]:
    """The metric of one arm over `ids` (each answered), with its 95 % interval."""
    if not ids:
        return None, intervals.UNKNOWN
    scorer, keys = scorer_of(arm.task_run.task.scorer), clusters_of(arm, ids)
    if scorer.metric in ERROR_RATES:
        errors, lengths = _edits(arm, ids)
        total = sum(lengths)
        return (sum(errors) / total if total else None), intervals.ratio(errors, lengths, clusters=keys)
    if scorer.aggregate is not None:
        return _corpus(scorer.aggregate, arm, ids, {}), intervals.UNKNOWN
    values = sample_values(arm, ids)
    value = sum(values) / len(values)
    if scorer.metric not in SHARES:
        return value, intervals.mean(values, keys)
    return value, intervals.proportion(values, keys, epochs=repeats(arm, ids))


def repeats(arm: Arm, ids: Sequence[str]) -> float:
    """Answers that a sample's value averages, over epochs and option orders; the mean over samples."""
    return sum(1 for sample in ids for _ in arm.of_sample(sample)) / len(ids)


def difference(a: Arm, b: Arm, ids: Sequence[str]) -> Difference:
    """B minus a over `ids`, paired."""
    scorer = scorer_of(a.task_run.task.scorer)
    if scorer.metric in ERROR_RATES:
        return _error_rate_difference(a, b, ids)
    if scorer.aggregate is not None:
        return _corpus_difference(scorer.aggregate, a, b, ids)
    kept, xs, ys = paired_values(a, b, ids)
    found = paired.compare(xs, ys, clusters_of(a, kept))
    gained, lost = (found.gained, found.lost) if scorer.higher_is_better else (found.lost, found.gained)
    return Difference(
        found.n, found.acc_a if kept else None, found.acc_b if kept else None, found.difference if kept else None,
        found.interval, gained, lost, found.p, found.method, found.mde, found.clusters,
    )  # fmt: skip


def _edits(arm: Arm, ids: Sequence[str]) -> tuple[list[float], list[float]]:
    """(edits, reference words) of each sample, averaged over its repetitions."""
    errors, lengths = [], []
    for sample in ids:
        details = [s.outcome.detail for s in arm.of_sample(sample) if s.outcome.value is not None]
        errors.append(sum(d["sub"] + d["del"] + d["ins"] for d in details) / len(details))
        lengths.append(sum(d["ref"] for d in details) / len(details))
    return errors, lengths


def _error_rate_difference(a: Arm, b: Arm, ids: Sequence[str]) -> Difference:
    (first, lengths), (second, others) = _edits(a, ids), _edits(b, ids)
    total = sum(lengths)
    if not total or not sum(others):
        return Difference(len(ids), None, None, None, paired.UNKNOWN_DIFFERENCE, 0, 0, 1.0, "none", inf, None)
    scale = total / sum(others)  # 1, unless an answer was scored against another one of several references
    changes = [y * scale - x for x, y in zip(first, second, strict=True)]
    keys = clusters_of(a, ids)
    tops = [s for s, _ in cluster_sums(changes, keys)] if keys else changes
    bottoms = [s for s, _ in cluster_sums(lengths, keys)] if keys else lengths
    p, test = paired.sign_flip(tops)
    suffix = "-clustered" if keys else ""
    smallest, interval = inf, Interval(-1.0, 1.0, "none")
    if len(tops) >= (BOOTSTRAP_CLUSTERS if keys else BOOTSTRAP_VALUES) and any(tops):
        from audiobench.statistics.distributions import t_quantile
        from audiobench.statistics.resampling import bca_bounds, t_bounds

        # Not resampling.ratio_interval: it holds what has no negative parts above 0, and a difference may cross it.
        bounds = [t_bounds(tops, bottoms, 0.95), bca_bounds(tops, bottoms, 0.95, 0, 4000)]
        interval = Interval(min(x[0] for x in bounds), max(x[1] for x in bounds), "bootstrap" + suffix)
        smallest = mde((bounds[0][1] - bounds[0][0]) / 2 / t_quantile(0.975, len(tops) - 1))
    better, worse = sum(d < 0 for d in changes), sum(d > 0 for d in changes)
    x, y = sum(first) / total, sum(second) / sum(others)
    return Difference(
        len(ids), x, y, y - x, interval, better, worse, p, test + suffix, smallest, len(tops) if keys else None
    )


Aggregate = Callable[[Sequence[float], Sequence[Mapping[str, Any]]], float | None]


def _corpus(aggregate: Aggregate, arm: Arm, ids: Sequence[str], swap: Mapping[str, Arm]) -> float | None:
    records = [s for sample in ids for s in swap.get(sample, arm).of_sample(sample) if s.outcome.value is not None]
    return aggregate([value_of(s) for s in records], [s.outcome.detail for s in records])


def _corpus_difference(aggregate: Aggregate, a: Arm, b: Arm, ids: Sequence[str]) -> Difference:
    """A corpus metric is recomputed on seeded resamples (interval) and on seeded exchanges of the arms (p)."""
    import numpy as np

    keys = clusters_of(a, ids) or list(ids)
    groups: dict[str, list[str]] = {}
    for sample, key in zip(ids, keys, strict=True):
        groups.setdefault(key, []).append(sample)
    units = list(groups.values())
    x, y = _corpus(aggregate, a, ids, {}), _corpus(aggregate, b, ids, {})
    if x is None or y is None or len(units) < 2:
        return Difference(len(ids), x, y, None, paired.UNKNOWN_DIFFERENCE, 0, 0, 1.0, "none", inf, None)
    rng = np.random.default_rng(0)
    draws, hits = [], 0
    resamples = min(RESAMPLES, max(100, 200_000 // len(ids)))
    for _ in range(resamples):
        again = [sample for unit in rng.integers(0, len(units), len(units)) for sample in units[unit]]
        draws.append((_corpus(aggregate, b, again, {}) or 0.0) - (_corpus(aggregate, a, again, {}) or 0.0))
        exchanged = {s for unit, swap in zip(units, rng.random(len(units)) < 0.5, strict=True) if swap for s in unit}
        left = _corpus(aggregate, a, ids, dict.fromkeys(exchanged, b)) or 0.0
        right = _corpus(aggregate, b, ids, dict.fromkeys(exchanged, a)) or 0.0
        hits += abs(right - left) >= abs(y - x) - 1e-12
    low, high = np.quantile(draws, [0.025, 0.975])
    interval = Interval(
        min(float(low), y - x), max(float(high), y - x), "bootstrap" + ("-clustered" if len(units) < len(ids) else "")
    )
    better = sum(u > v for u, v in zip(sample_values(b, ids), sample_values(a, ids), strict=True))
    worse = sum(u < v for u, v in zip(sample_values(b, ids), sample_values(a, ids), strict=True))
    clustered = len(units) if len(units) < len(ids) else None
    return Difference(
        len(ids), x, y, y - x, interval, better, worse, (1 + hits) / (1 + resamples), f"permutation-{resamples}",
        mde(float(np.std(draws))), clustered,
    )  # fmt: skip
