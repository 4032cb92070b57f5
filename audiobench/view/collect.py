"""Run directories side by side: for each task its arms (run x condition) and every sample's outcome under each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from msgspec import Struct, structs

from audiobench.analysis.arms import Arm as Answers
from audiobench.analysis.arms import How, common
from audiobench.analysis.measure import difference as paired_difference
from audiobench.core.types import Condition
from audiobench.files.summary_entry import SummaryEntry
from audiobench.results.reasoned import contrary
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.sounds import Measurements
from audiobench.results.summary import summarise_condition

VARYING = ("model", "run", "think", "audio", "order", "prompt", "protocol")
"""What an arm's label may name, in this order; only what differs within the task is named."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One condition of one run."""

    run: int
    """Index into the list of runs."""
    condition: Condition
    label: str
    summary: SummaryEntry
    """The entry of summary.json (docs/design.md)."""


@dataclass(slots=True)
class TaskPage:
    """One task over all runs."""

    name: str
    runs: Sequence[Run]
    task_run: TaskRun
    """The first run's; titles, breakdown columns and reference scores come from it."""
    arms: list[Arm]
    samples: dict[str, list[list[Scored]]]
    """Sample id -> one list for each arm, of its epochs in order; ids in the order of the first run's plan."""
    notes: list[str] = field(default_factory=list[str])
    """What a reader must know before comparing."""
    measured: dict[int, Measurements] = field(default_factory=dict[int, Measurements])
    """Run index -> what measures found in its answers in sound."""


def collect(runs: Sequence[Run]) -> list[TaskPage]:
    """Every task of `runs`, tasks in order of first appearance; nothing is asked of any model."""
    grouped: dict[str, list[tuple[int, TaskRun]]] = {}
    for number, run in enumerate(runs):
        for task_run in run.tasks.values():
            grouped.setdefault(task_run.task.task, []).append((number, task_run))
    return [_page(name, members, runs) for name, members in grouped.items()]


def _page(name: str, members: Sequence[tuple[int, TaskRun]], runs: Sequence[Run]) -> TaskPage:
    found = [(number, task_run, condition) for number, task_run in members for condition in task_run.conditions]
    _baseline_first(found, runs)
    labels = arm_labels([(runs[number], condition) for number, _, condition in found])
    ids = dict.fromkeys(sample for _, task_run in members for sample in task_run.plan.ids)
    samples: dict[str, list[list[Scored]]] = {sample: [[] for _ in found] for sample in ids}
    groups: list[list[Scored]] = [[] for _ in found]
    place = {(number, condition): at for at, (number, _, condition) in enumerate(found)}
    for number, task_run in members:
        for scored in task_run.scored():
            at = place[number, scored.condition]
            groups[at].append(scored)
            samples[scored.id][at].append(scored)
    for cells in samples.values():
        for epochs in cells:
            epochs.sort(key=lambda scored: scored.epoch)
    arms = [
        Arm(number, condition, label, summarise_condition(task_run, condition, group))
        for (number, task_run, condition), label, group in zip(found, labels, groups, strict=True)
    ]
    measured = {number: task_run.measurements() for number, task_run in members if task_run.task.answer == "audio"}
    return TaskPage(name, runs, members[0][1], arms, samples, _notes(arms, members), measured)


def _baseline_first(arms: list[tuple[int, TaskRun, Condition]], runs: Sequence[Run]) -> None:
    """Let each think=on change places with its think=off where that comes later: differences are on minus off.

    A twin is of the same run, or else of another run of the same model, and equal in all but how it thinks.
    """
    for at, (number, _, condition) in enumerate(arms):
        if condition.think != "on":
            continue
        off = structs.replace(condition, think="off")
        twins = [i for i, (n, _, how) in enumerate(arms) if how == off and runs[n].title == runs[number].title]
        own = [i for i in twins if arms[i][0] == number]
        twin = min(own or twins, default=0)
        if twin > at:
            arms[at], arms[twin] = arms[twin], arms[at]


def arm_labels(arms: Sequence[tuple[Run, Condition]]) -> list[str]:
    """A short text for each arm, made of what tells it from the others, such as `step-audio-r1 · think=on`."""
    facts: list[dict[str, Any]] = []
    for run, condition in arms:
        how = condition.as_dict()
        how["order"] = how.pop("option_order")
        facts.append({"model": run.title, "run": run.folder.name, **how})
    differing = [key for key in VARYING if len({str(fact[key]) for fact in facts}) > 1]
    if "run" in differing and len({tuple(str(f[k]) for k in differing if k != "run") for f in facts}) == len(facts):
        differing.remove("run")
    shown = differing or ["think", "audio"]
    return [
        " · ".join(str(fact[key]) if key in ("model", "run") else f"{key}={fact[key]}" for key in shown)
        for fact in facts
    ]


def _notes(arms: Sequence[Arm], members: Sequence[tuple[int, TaskRun]]) -> list[str]:
    """Warnings about arms that do not rest on the same things."""
    notes: list[str] = []
    first = arms[0].summary.fingerprint if arms else {}
    parts = sorted(
        {
            part
            for arm in arms
            for part in {*first, *arm.summary.fingerprint}
            if part != "audio" and arm.summary.fingerprint.get(part) != first.get(part)
        }
    )
    if parts == ["samples"] and len(members) > 1:
        notes.append("The runs do not rest on the same samples: go by the paired differences, not by the scores.")
    elif parts and len(members) > 1:
        notes.append(f"The runs differ in: {', '.join(parts)}. Their scores are not comparable as they are.")
    for arm in arms:
        found, how = arm.summary.reasoning, arm.condition
        if found and (unlike := contrary(how.think, arm.summary.effective, found)):
            notes.append(f"{arm.label}: {unlike}, though think={how.think} was asked.")
    return notes


def mean_value(epochs: Sequence[Scored]) -> float | None:
    """A sample's value under an arm: the mean of its epochs that got a response, None where none did."""
    values = [float(scored.outcome.value) for scored in epochs if scored.outcome.value is not None]
    return sum(values) / len(values) if values else None


class Difference(Struct):
    """Two arms over the samples that both answered, in the metric's unit."""

    n: int
    value: float
    ci: tuple[float, float] | None
    """None where too few samples allow no interval."""
    p: float
    gained: int
    """Samples that got better."""
    lost: int
    mde: float | None


def difference(page: TaskPage, a: int, b: int) -> Difference | None:
    """Arm `b` minus arm `a` over the samples that both answered, or None where there are none.

    As `audiobench compare` has it: error rates are pooled, BLEU is computed anew, `gained` counts samples that got better.
    """
    first, second = _answers(page, a), _answers(page, b)
    ids = common([first, second])
    found = paired_difference(first, second, ids) if ids else None
    if found is None or not found.n:
        return None
    return Difference(
        n=found.n,
        value=found.difference,
        ci=(found.interval.low, found.interval.high) if found.interval.known else None,
        p=found.p,
        gained=found.gained,
        lost=found.lost,
        mde=None if found.mde == inf else found.mde,
    )


def _answers(page: TaskPage, at: int) -> Answers:
    """The responses of an arm that have a value, as `compare` takes them; arms of two option orders are paired too."""
    arm = page.arms[at]
    slots = {
        sample: {0: {s.epoch: s for s in cells[at] if s.outcome.value is not None}}
        for sample, cells in page.samples.items()
    }
    run = page.runs[arm.run]
    return Answers(arm.label, run, run.tasks[page.name], How.of(arm.condition), slots)
