"""From outcomes to a number: a task's metric with its interval, whole and by breakdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

from audiobench.results import Scored
from audiobench.score import scorer_of
from audiobench.statistics import intervals
from audiobench.task.spec import TaskSpec

SHARES = ("acc", "rubric")
"""Metrics whose sample values lie in [0, 1] and whose mean is the score."""
ERROR_RATES = ("wer", "cer")
"""Metrics that are a ratio of pooled counts: a mean of per-sample rates would be another number."""


def metric(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, Any]:
    """The task's metric over everything that got a response: value, 95 % interval, n (samples).

    Epochs are averaged per sample first; samples that share a clip are one cluster.
    """
    scorer = scorer_of(task.scorer)
    by_sample: dict[str, list[Scored]] = {}
    for scored in responded:
        by_sample.setdefault(scored.id, []).append(scored)
    if not by_sample:
        return {"value": None, "ci": [None, None], "interval": "none", "n": 0}
    clusters = _clusters(by_sample)
    everything = [s.outcome for group in by_sample.values() for s in group]
    if scorer.metric in ERROR_RATES:
        keys = [(clusters or {}).get(s.id, s.id) for group in by_sample.values() for s in group]
        errors = [o.detail["sub"] + o.detail["del"] + o.detail["ins"] for o in everything]
        lengths = [o.detail["ref"] for o in everything]
        value = sum(errors) / sum(lengths) if sum(lengths) else None
        interval = intervals.ratio(errors, lengths, clusters=keys)
    elif scorer.aggregate is not None:
        value = scorer.aggregate([o.value or 0.0 for o in everything], [o.detail for o in everything])
        interval = intervals.UNKNOWN
    else:
        values = [fsum(s.outcome.value or 0.0 for s in group) / len(group) for group in by_sample.values()]
        value = fsum(values) / len(values)
        keys = [clusters[sample] for sample in by_sample] if clusters else None
        bounded = scorer.metric in SHARES
        interval = intervals.proportion(values, keys, epochs=epochs) if bounded else intervals.mean(values, keys)
    return {
        "value": value,
        "ci": [interval.low, interval.high] if interval.method != "none" else [None, None],
        "interval": interval.method,
        "n": len(by_sample),
    }


def _clusters(by_sample: Mapping[str, Sequence[Scored]]) -> dict[str, str] | None:
    """Sample id -> cluster, or None when no two samples share one."""
    keys = {sample: group[0].record.cluster for sample, group in by_sample.items()}
    return keys if len(set(keys.values())) < len(keys) else None


def breakdown(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, Any]:
    """The metric by each breakdown column: {column: {label: {n, value, ci, interval}}}."""
    tables: dict[str, Any] = {}
    for column in task.breakdown:
        groups: dict[str, list[Scored]] = {}
        for scored in responded:
            label = scored.shown.metadata.get(column)
            groups.setdefault("(none)" if label is None else str(label), []).append(scored)
        tables[column] = {label: metric(task, group, epochs) for label, group in sorted(groups.items())}
    return tables
