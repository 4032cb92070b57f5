"""From outcomes to a number: a task's metric with its interval, whole and by breakdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from audiobench.files.summary_entry import NOTHING, Score
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.scorers.metrics import Metric, Tally
from audiobench.statistics.clusters import shared_clusters
from audiobench.task.spec import TaskSpec

Tallied = Mapping[str, tuple[Tally, str]]
"""Sample id -> what the sample adds to the score, and its clip."""


def metric(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> Score:
    """The task's metric over everything that got a response: value, 95 % interval, n (samples).

    Epochs are averaged per sample first; samples that share a clip are one cluster.
    """
    made = metric_of(task)
    return score(made, tallied(made, responded).values(), epochs)


def tallied(made: Metric, responded: Iterable[Scored]) -> Tallied:
    """The samples that add to the score, in order of their ids: what is drawn at random over them, as an interval is, must
    not depend on the order in which responses came.
    """
    by_sample = dict[str, list[Scored]]()
    for scored in responded:
        found = by_sample.get(scored.record.id)
        if found is None:
            by_sample[scored.record.id] = [scored]
        else:
            found.append(scored)
    return {
        sample: (tally, group[0].record.cluster)
        for sample, group in sorted(by_sample.items())
        if (tally := made.tally(s.outcome for s in group)) is not None
    }


def score(made: Metric, samples: Iterable[tuple[Tally, str]], epochs: int) -> Score:
    """The metric over these samples, as `metric`."""
    samples = list(samples)
    if not samples:
        return NOTHING
    tallies, clips = [tally for tally, _ in samples], [clip for _, clip in samples]
    interval = made.interval(tallies, shared_clusters(clips), epochs=epochs)
    return Score.of(made.of(tallies), interval, len(tallies))


def breakdown(
    task: TaskSpec, responded: Sequence[Scored], samples: Tallied, epochs: int
) -> dict[str, dict[str, Score]]:
    """The metric by each breakdown column: {column: {label: {n, value, ci, interval}}}; `samples`: what `responded` adds."""
    made, tables = metric_of(task), dict[str, dict[str, Score]]()
    for column in task.breakdown:
        labels = _labels(column, responded)
        if labels is None:
            tables[column] = _by_response(column, task, responded, epochs)
            continue
        groups: dict[str, list[tuple[Tally, str]]] = {label: [] for label in labels.values()}
        for sample, found in samples.items():
            groups[labels[sample]].append(found)
        tables[column] = {
            label: score(made, group, epochs) for label, group in sorted(groups.items(), key=itemgetter(0))
        }
    return tables


def _label(column: str, scored: Scored) -> str:
    sample = scored.record.sample
    label = sample.metadata.get(column) if sample is not None else None
    return "(none)" if label is None else str(label)


def _labels(column: str, responded: Sequence[Scored]) -> dict[str, str] | None:
    """Sample id -> its label; None where the responses of one sample have several."""
    labels: dict[str, str] = {}
    for scored in responded:
        label = _label(column, scored)
        if labels.setdefault(scored.record.id, label) != label:
            return None
    return labels


def _by_response(column: str, task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, Score]:
    groups: dict[str, list[Scored]] = {}
    for scored in responded:
        groups.setdefault(_label(column, scored), []).append(scored)
    return {label: metric(task, group, epochs) for label, group in sorted(groups.items(), key=itemgetter(0))}
