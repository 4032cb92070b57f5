"""A run reduced to what the gate compares: the outcome of every sample, task by task and condition by condition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import orjson

from audiobench.core.errors import UsageError
from audiobench.core.plain_text import of_whole
from audiobench.core.types import Condition
from audiobench.results.reasoned import contrary, counted
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.score import metric_of
from audiobench.results.summary import fingerprint, whole_set
from audiobench.scorers.metrics import Counts, Mean, Metric, Tally

GATED_AUDIO = ("full", "transcript")
"""Audio conditions that can regress; the others are controls, where a lower score is no loss."""
STATUS_LETTERS = {
    "scored": "s", "unparsed": "u", "truncated": "t", "refused": "r", "error": "e", "invalid_audio": "a",
}  # fmt: skip
UNUSABLE = "utr"
"""Responses without a usable answer: unparsed, truncated, refused."""
FAILED = "ea-"
"""No response: error, invalid audio, missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: a status letter and a value for each epoch."""

    statuses: str
    """One letter an epoch: s scored, u unparsed, t truncated, r refused, e error, a invalid audio, - missing."""
    values: tuple[float | None, ...]
    """The sample's own value, one an epoch; None without a response."""
    text_check: int | None = None
    """First byte of the sha256 of question, choices and target; None where nothing was asked."""
    audio_check: int | None = None
    """First byte of the sha256 of the clips' sha256; None where nothing was sent."""
    cluster: str | None = None
    answer: str | None = None
    """The answer of epoch 0, as extracted."""
    target: str | None = None
    counts: Counts | None = None
    """Of metrics that are no mean: what adds up to the score, averaged over the epochs that got a response."""

    @property
    def value(self) -> float | None:
        """Mean over the epochs that got a response."""
        present = [v for v in self.values if v is not None]
        return sum(present) / len(present) if present else None

    @property
    def tally(self) -> Tally:
        """As the metric has it; every row given here has a value."""
        return Tally(self.value or 0.0, self.counts or {})

    @property
    def unusable(self) -> float:
        """Share of the responses that have no usable answer."""
        responses = [s for s in self.statuses if s not in FAILED]
        return sum(s in UNUSABLE for s in responses) / len(responses) if responses else 0.0


@dataclass(frozen=True, slots=True)
class Arm:
    """One task under one condition."""

    task: str
    condition: Condition
    metric: Metric
    epochs: int
    fingerprint: Mapping[str, str]
    rows: Mapping[str, Row]
    """By sample id; in an arm read from a baseline, by the hash of the id (`baseline.short_id`)."""
    think_effective: tuple[str, ...] = ()
    thought: str = ""
    """How the responses contradict their think mode, in words; not known of a baseline."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Generation parameters that the command line changed."""
    ids_sha256: str = ""
    whole: int | None = None
    """Rows of the whole data set, where they are another number than the samples; a baseline of version 0.1 does not say."""
    id_bytes: int = 0
    """Bytes of the hashed ids; 0 where the ids themselves are known."""

    @property
    def key(self) -> tuple[str, str]:
        """(task, condition): what an arm of one run has in common with its like in another."""
        return self.task, self.condition.label

    @property
    def size(self) -> str:
        """The samples in words: `8 of 60 of 1,000` where 8 of 60 that were asked have a response, of 1,000."""
        answered = sum(row.value is not None for row in self.rows.values())
        return of_whole(answered, len(self.rows), self.whole)

    @property
    def counted(self) -> bool:
        """Whether the score is made of counts, and not a mean of the samples' values."""
        return not isinstance(self.metric, Mean)

    @property
    def score(self) -> float | None:
        """The headline number."""
        return self.metric.of([row.tally for row in self.rows.values() if row.value is not None])

    @property
    def failures(self) -> dict[str, int]:
        """Requests without a response, by kind."""
        letters = "".join(row.statuses for row in self.rows.values())
        names = {"error": "e", "invalid_audio": "a", "missing": "-"}
        return {name: letters.count(letter) for name, letter in names.items() if letter in letters}

    @property
    def requests(self) -> int:
        """Requests in all."""
        return sum(len(row.statuses) for row in self.rows.values())


def arms_of_run(run: Run, tasks: Sequence[str] | None = None) -> list[Arm]:
    """Every gated arm of a run, in the run's order; tasks with withheld answers and controls are left out."""
    return [
        arm for name, task_run in run.tasks.items() if tasks is None or name in tasks for arm in arms_of_task(task_run)
    ]


def arms_of_task(task_run: TaskRun) -> list[Arm]:
    """The gated arms of one task.

    Raises:
        UsageError: its score is a figure of whole sets of sounds, which a baseline does not hold.
    """
    if task_run.task.answers_withheld:
        return []
    if (made := metric_of(task_run.task)).of_sets:
        raise UsageError(
            f"{task_run.folder}: task {task_run.task.task}: {made.name} is made of whole sets of sounds, which a baseline does not "
            "hold; leave the task out with --tasks, and compare two runs of it with audiobench compare"
        )
    wanted = [condition for condition in task_run.conditions if condition.audio in GATED_AUDIO]
    groups: dict[Condition, list[Scored]] = {condition: [] for condition in wanted}
    for scored in task_run.scored():
        if scored.condition in groups:
            groups[scored.condition].append(scored)
    return [_arm(task_run, condition, group) for condition, group in groups.items()]


def _arm(task_run: TaskRun, condition: Condition, group: Sequence[Scored]) -> Arm:
    task, plan = task_run.task, task_run.plan
    metric = metric_of(task)
    by_id: dict[str, list[Scored]] = {sample: [] for sample in plan.ids}
    for scored in group:
        by_id[scored.id].append(scored)
    done = {r.think_effective for s in group if (r := s.record.response) and r.think_effective}
    return Arm(
        task=task.task,
        condition=condition,
        metric=metric,
        epochs=task_run.epochs,
        fingerprint=fingerprint(task_run, group, condition.protocol),
        rows={sample: row_of(found, task_run.epochs, metric) for sample, found in by_id.items()},
        think_effective=tuple(sorted(done)),
        thought=contrary(condition.think, done, counted(s.record.response for s in group)),
        settings=dict(plan.overrides),
        ids_sha256=ids_digest(by_id),
        whole=whole_set(task_run),
    )


def row_of(found: Sequence[Scored], epochs: int, metric: Metric) -> Row:
    """One sample's records as a row; a value that is not finite is an error, a slot without a record is missing."""
    statuses, values = ["-"] * epochs, [None] * epochs
    for scored in found:
        value = scored.outcome.value
        sound = value is not None and isfinite(value)
        statuses[scored.epoch] = STATUS_LETTERS[scored.outcome.counted_as] if sound or value is None else "e"
        values[scored.epoch] = value if sound else None  # type: ignore[call-overload]
    tally = None if isinstance(metric, Mean) else metric.tally(s.outcome for s in found)
    shown = next((s.record.sample for s in found if s.record.sample), None)
    if shown is None:
        return Row("".join(statuses), tuple(values))
    clips = next((s.record.audio for s in found if s.record.response is not None), None)
    target = shown.target
    return Row(
        statuses="".join(statuses),
        values=tuple(values),
        counts=tally.counts if tally else None,
        text_check=_check([shown.question, sorted(map(str, shown.choices)), target]),
        audio_check=None if clips is None else _check([clip.sha256 for clip in clips]),
        cluster=shown.cluster,
        answer=found[0].outcome.answer,
        target=" | ".join(target) if isinstance(target, tuple) else target,
    )


def _check(value: Any) -> int:
    return hashlib.sha256(orjson.dumps(value)).digest()[0]


def ids_digest(ids: Iterable[str]) -> str:
    """sha256 (hex) of a set of sample ids."""
    return hashlib.sha256(orjson.dumps(sorted(ids))).hexdigest()
