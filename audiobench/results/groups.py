"""Groups of tasks as one figure: the average that a group file declares, over what a run has of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from audiobench.files.summary_entry import Bounds, MetricScore, SummaryEntry
from audiobench.results.score import metric_of
from audiobench.scorers.metrics import UNITS
from audiobench.statistics.intervals import UNKNOWN, Interval
from audiobench.statistics.macro import macro_average
from audiobench.task.find import group_files
from audiobench.task.glance import glance
from audiobench.task.groups import Aggregate, GroupSpec, read_group
from audiobench.task.spec import TaskSpec

How = tuple[str, str, int, str]
"""(think, audio, option order, protocol): a condition, whatever each task's prompt is called."""


class GroupScore(Struct, kw_only=True):
    """A group's average under one condition."""

    group: str
    title: str
    metric: str
    think: str
    audio: str
    option_order: int
    protocol: str
    tasks: int
    n: int
    """Samples of all tasks."""
    value: float | None
    """Per cent, or points; None where a task has no score yet."""
    ci: Bounds
    """95 %, taking the tasks' samples for independent."""
    average: str
    """How it is made."""
    lacking: list[str]
    """Tasks without a score."""
    digits: int = 1

    def show(self, value: float | None) -> str:
        """A value as tables have it."""
        return "-" if value is None else f"{value:.{self.digits}f}"


def known_groups(named: Iterable[str] = ()) -> list[GroupSpec]:
    """Every shipped and registered group, and those of the group files among `named` (what `--tasks` says).

    Raises:
        UsageError: a group file is not valid.
    """
    own = [Path(name) for name in named if name.endswith((".yaml", ".yml")) and "group" in glance(Path(name))]
    return [read_group(path) for path in (*group_files().values(), *own)]


def group_scores(
    entries: Sequence[SummaryEntry], tasks: Mapping[str, TaskSpec], groups: Iterable[GroupSpec] | None = None
) -> list[GroupScore]:
    """The average of each group (default: every known one) all of whose tasks are among `entries` under a condition."""
    conditions: dict[How, dict[str, SummaryEntry]] = {}
    for entry in entries:
        how = entry.condition
        conditions.setdefault((how.think, how.audio, how.option_order, how.protocol), {})[entry.task] = entry
    found: list[GroupScore] = []
    for group in known_groups() if groups is None else groups:
        for aggregate in group.aggregate_metric_list:
            members = group.members
            for how, held in conditions.items():
                if all(name in held for name in members):
                    scores = {name: held[name] for name in members}
                    found.append(_score(group, aggregate, how, scores, tasks))
    return found


def _score(
    group: GroupSpec, aggregate: Aggregate, how: How, held: Mapping[str, SummaryEntry],
    tasks: Mapping[str, TaskSpec],
) -> GroupScore:  # fmt: skip
    metrics = {name: metric_of(tasks[name]) for name in held}
    scores: dict[str, MetricScore] = {
        name: entry.metric[1] for name, entry in held.items() if entry.metric and entry.metric[1].value is not None
    }
    value, ci = None, UNKNOWN
    if len(scores) == len(held):
        values = [metrics[name].on_board(score.value or 0.0) for name, score in scores.items()]
        weights = [float(score.n) for score in scores.values()] if aggregate.weight_by_size else None
        value, ci = macro_average(values, [_on_board(score, metrics[name].on_board) for name, score in scores.items()], weights)  # fmt: skip
    units = {metric.unit for metric in metrics.values()}
    return GroupScore(
        group=group.group, title=group.title, metric=aggregate.metric, think=how[0], audio=how[1], option_order=how[2],
        protocol=how[3],
        tasks=len(held), n=sum(score.n for score in scores.values()), value=value,
        ci=(ci.low, ci.high) if ci.known else (None, None),
        average="mean by samples" if aggregate.weight_by_size else "mean of tasks",
        lacking=[name for name in held if name not in scores],
        digits=UNITS[units.pop()].digits if len(units) == 1 else 1,
    )  # fmt: skip


def _on_board(score: MetricScore, on_board: Callable[[float], float]) -> Interval:
    low, high = score.ci
    return UNKNOWN if low is None or high is None else Interval(on_board(low), on_board(high), score.interval)
