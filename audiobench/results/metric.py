"""From outcomes to a number: a task's metric with its interval, whole and by breakdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audiobench.files.summary_entry import NOTHING, Score
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.task.spec import TaskSpec


def metric(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> Score:
    """The task's metric over everything that got a response: value, 95 % interval, n (samples).

    Epochs are averaged per sample first; samples that share a clip are one cluster.
    """
    made, by_sample = metric_of(task), dict[str, list[Scored]]()
    for scored in responded:
        by_sample.setdefault(scored.id, []).append(scored)
    found = {sample: made.tally(s.outcome for s in group) for sample, group in by_sample.items()}
    tallies = {sample: tally for sample, tally in found.items() if tally is not None}
    if not tallies:
        return NOTHING
    interval = made.interval(list(tallies.values()), _clusters(by_sample, list(tallies)), epochs=epochs)
    return Score.of(made.of(list(tallies.values())), interval, len(tallies))


def _clusters(by_sample: Mapping[str, Sequence[Scored]], ids: Sequence[str]) -> list[str] | None:
    """The clip of each sample, or None when no two samples share one."""
    keys = [by_sample[sample][0].record.cluster for sample in ids]
    return keys if len(set(keys)) < len(keys) else None


def breakdown(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, dict[str, Score]]:
    """The metric by each breakdown column: {column: {label: {n, value, ci, interval}}}."""
    tables: dict[str, dict[str, Score]] = {}
    for column in task.breakdown:
        groups: dict[str, list[Scored]] = {}
        for scored in responded:
            label = scored.shown.metadata.get(column)
            groups.setdefault("(none)" if label is None else str(label), []).append(scored)
        tables[column] = {label: metric(task, group, epochs) for label, group in sorted(groups.items())}
    return tables
