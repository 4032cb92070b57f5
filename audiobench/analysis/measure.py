"""Arms measured: the metric's value with its interval, and the paired difference of two arms. See docs/statistics.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from msgspec import Struct
from msgspec.structs import asdict

from audiobench.analysis.arms import Arm, clusters_of
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.scorers.metrics import Metric, Tally, average
from audiobench.statistics import intervals
from audiobench.statistics.intervals import By, Interval
from audiobench.statistics.paired import PairedComparison
from audiobench.task.spec import TaskSpec


class Change(Struct, kw_only=True):
    """A paired difference, b minus a; what is not known is None."""

    n: int
    """Samples."""
    difference: float | None
    ci: tuple[float, float]
    """95 %."""
    interval: By
    gained: int
    """Samples whose value is higher under b."""
    lost: int
    p: float
    test: str
    mde: float | None
    """Smallest true difference found with 80 % power."""
    clusters: int | None
    """Of samples that share a clip; None where none do."""


class Difference(Change, kw_only=True):
    """The same with both values."""

    value_a: float | None
    value_b: float | None
    p_adjusted: float = 1.0
    """Benjamini-Hochberg over the comparisons that are shown together."""


def is_share(task: TaskSpec) -> bool:
    """Whether sample values lie in [0, 1] and their mean is the score (so chance, budgets and gains have a meaning)."""
    return metric_of(task).is_share


def value_of(scored: Scored) -> float:
    """The sample's value; every record given here has one."""
    value = scored.outcome.value
    assert value is not None
    return value


def _metric(arm: Arm) -> Metric:
    return metric_of(arm.task_run.task)


def _by_order(arm: Arm, ids: Iterable[str]) -> dict[str, dict[int, Tally]]:
    """Sample id -> option order -> its epochs as one, of the samples among `ids` that have a value."""
    found: dict[str, dict[int, Tally]] = {}
    made = _metric(arm)
    for sample in ids:
        for order, epochs in arm.slots.get(sample, {}).items():
            tally = made.tally(s.outcome for s in epochs.values())
            if tally is not None:
                found.setdefault(sample, {})[order] = tally
    return found


def tallies(arm: Arm, ids: Sequence[str]) -> list[Tally]:
    """One a sample: mean over epochs, then over option orders."""
    table = _by_order(arm, ids)
    return [average(list(table[i].values())) for i in ids]


def sample_values(arm: Arm, ids: Sequence[str]) -> list[float]:
    """The samples' own values."""
    return [tally.value for tally in tallies(arm, ids)]


def _paired(a: Arm, b: Arm, ids: Sequence[str]) -> tuple[list[str], list[Tally], list[Tally]]:
    """Over the option orders that both arms have; ids without such an order are left out."""
    first, second = _by_order(a, ids), _by_order(b, ids)
    kept: list[str] = []
    xs: list[Tally] = []
    ys: list[Tally] = []
    for sample in ids:
        shared = first.get(sample, {}).keys() & second.get(sample, {}).keys()
        if shared:
            kept.append(sample)
            xs.append(average([first[sample][order] for order in sorted(shared)]))
            ys.append(average([second[sample][order] for order in sorted(shared)]))
    return kept, xs, ys


def paired_values(a: Arm, b: Arm, ids: Sequence[str]) -> tuple[list[str], list[float], list[float]]:
    """Ids and both arms' values over the option orders that both arms have; ids without such an order are left out."""
    kept, xs, ys = _paired(a, b, ids)
    return kept, [t.value for t in xs], [t.value for t in ys]


def score(arm: Arm, ids: Sequence[str]) -> tuple[float | None, Interval]:
    """The metric of one arm over `ids` (each answered), with its 95 % interval."""
    if not ids:
        return None, intervals.UNKNOWN
    found, made = tallies(arm, ids), _metric(arm)
    return made.of(found), made.interval(found, clusters_of(arm, ids), epochs=repeats(arm, ids))


def repeats(arm: Arm, ids: Sequence[str]) -> float:
    """Answers that a sample's value averages, over epochs and option orders; the mean over samples."""
    return sum(1 for sample in ids for _ in arm.of_sample(sample)) / len(ids)


def difference(a: Arm, b: Arm, ids: Sequence[str]) -> PairedComparison:
    """B minus a over `ids`, paired; n is 0 where nothing can be compared."""
    kept, xs, ys = _paired(a, b, ids)
    return _metric(a).difference([xs], [ys], clusters_of(a, kept))


def change(found: PairedComparison) -> Change:
    """Without the values of the two arms."""
    return Change(
        n=found.n, difference=found.difference if found.n else None, ci=(found.interval.low, found.interval.high),
        interval=found.interval.method, gained=found.gained, lost=found.lost, p=found.p, test=found.method,
        mde=None if found.mde == inf else found.mde, clusters=found.clusters,
    )  # fmt: skip


def values(found: PairedComparison) -> tuple[float | None, float | None]:
    """Those of the two arms."""
    return (found.a, found.b) if found.n else (None, None)


def row(found: PairedComparison) -> Difference:
    """With the values of the two arms."""
    a, b = values(found)
    return Difference(**asdict(change(found)), value_a=a, value_b=b)
