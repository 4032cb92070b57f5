"""What a run comes to: the entry of summary.json for each task and condition (its format is in docs/design.md)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isfinite
from typing import Any

import orjson
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from audiobench.core.types import STATUSES, Condition
from audiobench.files.annotations import Judgement, Reading, Slot
from audiobench.files.records import Record
from audiobench.files.summary_entry import ErrorBounds, How, MetricScore, Official, Read, Reason, SummaryEntry
from audiobench.results.condensed import CONDENSED, Spent, condenser
from audiobench.results.metric import breakdown, metric, score, tallied
from audiobench.results.reasoned import contrary
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.score import metric_of, outcome, scorer_of
from audiobench.results.sound import references_digest, sound
from audiobench.results.sounds import main_measure
from audiobench.results.speech import speech
from audiobench.scorers import official_verdicts
from audiobench.task.spec import TaskSpec

MOST_REASONS = 5
"""Different error messages that a summary keeps, the commonest first."""


def summaries(run: Run) -> list[SummaryEntry]:
    """Every task's and condition's summary, made anew from the journals."""
    return [entry for task_run in run.tasks.values() for entry in summarise(task_run)]


@dataclass(slots=True)
class Served:
    """Who gave the answers."""

    models: Counter[str] = field(default_factory=Counter[str])
    """Answers by the name under which the server gave them; empty where a server gives none."""
    fingerprints: set[str] = field(default_factory=set[str])
    """The servers' system fingerprints."""

    def add(self, record: Record) -> None:
        """Count an answer."""
        response = record.response
        if response and response.served_model:
            self.models[response.served_model] += 1
        if response and (fingerprint := response.raw.get("system_fingerprint")):
            self.fingerprints.add(str(fingerprint))

    def join(self, more: Served) -> None:
        """Count further answers."""
        self.models += more.models
        self.fingerprints |= more.fingerprints


@dataclass(slots=True)
class _Group:
    """What a summary reads of one condition's records."""

    spent: Spent = field(default_factory=Spent)
    scored: list[Scored] = field(default_factory=list[Scored])
    """Condensed."""


@dataclass(slots=True)
class _Taken:
    """What it reads of some records."""

    served: Served = field(default_factory=Served)
    groups: dict[Condition, _Group] = field(default_factory=dict[Condition, _Group])


def summarise(task_run: TaskRun, served: Served | None = None) -> list[SummaryEntry]:
    """One summary entry for each condition of a task; `served` counts the answers, where given."""
    keep = condenser(task_run)

    def taken(group: Iterable[Scored]) -> _Taken:
        found = _Taken()
        for scored in group:
            record = scored.record
            of_condition = found.groups.get(record.condition)
            if of_condition is None:
                of_condition = found.groups[record.condition] = _Group()
            of_condition.spent.add(record)
            of_condition.scored.append(keep(scored))
            found.served.add(record)
        return found

    groups = {condition: _Group() for condition in task_run.conditions}
    for part in task_run.each(taken, CONDENSED):
        for condition, more in part.groups.items():
            groups[condition].spent.join(more.spent)
            groups[condition].scored += more.scored
        if served is not None:
            served.join(part.served)
    return [summarise_condition(task_run, how, group.scored, group.spent) for how, group in groups.items()]


def summarise_condition(
    task_run: TaskRun, condition: Condition, group: Sequence[Scored], spent: Spent | None = None
) -> SummaryEntry:
    """The summary entry of one condition; `spent`: what its responses took, where `group` does not say it any more."""
    spent = spent or Spent.of(group)
    task = task_run.task
    asked = len(task_run.plan.asked(condition))
    expected = asked * task_run.epochs
    counts = counted(group)
    responded = [scored for scored in group if scored.outcome.value is not None]
    effective = {
        s.record.response.think_effective for s in group if s.record.response and s.record.response.think_effective
    }
    entry = SummaryEntry(
        task=task.task,
        condition=How(**condition.as_dict(), epochs=task_run.epochs),
        n=asked,
        rows=whole if (whole := whole_set(task_run)) and whole != len(task_run.plan.ids) else UNSET,
        counts={**counts, "missing": expected - len(group)},
        errors=reasons(group),
        coverage=(len(group) - counts["error"] - counts["invalid_audio"]) / expected if expected else 0.0,
        metrics={},
        chance=chance(task, group),
        usage=spent.usage,
        latency=spent.latency(),
        turns=spent.turns() or UNSET,
        fingerprint=fingerprint(task_run, group, condition.protocol),
        think_effective=sorted(effective) if effective else UNSET,
        reasoning=spent.reasoning if contrary(condition.think, effective, spent.reasoning) else UNSET,
    )
    if task.answers_withheld:
        return entry
    made = metric_of(task)
    samples = tallied(made, responded)
    main = score(made, samples.values(), task_run.epochs)
    low, high = (bound if isfinite(bound) else None for bound in made.bounds)
    entry.metrics = {
        made.name: MetricScore(
            **asdict(main), unit=made.unit, higher_is_better=made.higher_is_better, bounds=(low, high)
        )
    }
    entry.bounds = bounds(task, group, expected, main.value)
    entry.official = official(task, group)
    entry.breakdown = breakdown(task, responded, samples, task_run.epochs)
    readings = task_run.readings()
    if readings:
        entry.reader = with_reader(task, group, readings, task_run.judgements(), task_run.epochs)
    if task.spoken:
        entry.speech = speech(task, group, task_run.epochs)
    if task.answer == "audio":
        entry.sound = sound(task_run, group)
    return entry


def whole_set(task_run: TaskRun) -> int | None:
    """Rows of the task's data set as published; of the copy that was read where the task does not say."""
    held = task_run.plan.dataset.rows if task_run.plan.dataset else None
    return task_run.task.expected_rows or held


def with_reader(
    task: TaskSpec,
    group: Sequence[Scored],
    readings: Mapping[Slot, Reading],
    judgements: Mapping[Slot, Judgement],
    epochs: int,
) -> Read | UnsetType:
    """The metric with what a reader found in unparsed responses, beside the rules' own; UNSET where none has read."""
    unparsed = [s for s in group if s.outcome.status == "unparsed"]
    lines = {s.slot: readings[s.slot] for s in unparsed if s.slot in readings}
    if not lines:
        return UNSET
    both = [
        Scored(s.record, outcome(s.record, task, judgements, lines[s.slot]))
        if s.outcome.status == "unparsed" and s.slot in lines
        else s
        for s in group
    ]
    return Read(
        **asdict(metric(task, [s for s in both if s.outcome.value is not None], epochs)),
        reader=", ".join(sorted({line.rater for line in lines.values()})),
        unparsed=len(unparsed),
        read=len(unparsed) - sum(s.outcome.status == "unparsed" for s in both),
    )


def counted(group: Sequence[Scored]) -> dict[str, int]:
    """How many ended in each way."""
    found = Counter(scored.outcome.counted_as for scored in group)
    return {status: found[status] for status in STATUSES}


def reasons(group: Sequence[Scored]) -> list[Reason]:
    """Why there is no response, the commonest reasons first."""
    found = Counter(s.outcome.detail["message"] for s in group if "message" in s.outcome.detail)
    often = sorted(found.items(), key=lambda reason: (-reason[1], reason[0]))  # not by whose line came first
    return [Reason(message, n) for message, n in often[:MOST_REASONS]]


def bounds(task: TaskSpec, group: Sequence[Scored], expected: int, value: float | None) -> ErrorBounds:
    """The score if every request without a response were wrong, and without them."""
    if value is None or not metric_of(task).is_share:
        return ErrorBounds(None, value)
    total = fsum(s.outcome.value or 0.0 for s in group)
    return ErrorBounds(total / expected if expected else None, value)


def official(task: TaskSpec, group: Sequence[Scored]) -> Official | None:
    """The official scorer's own number, with its own denominator."""
    scorer = scorer_of(task)
    if scorer.official is None or scorer.official_summary is None:
        return None
    answered = [s for s in group if s.record.response is not None]
    samples = [s.sample for s in answered]
    verdicts = official_verdicts(scorer, [s.record.text for s in answered], samples)
    figure = scorer.official_summary(verdicts, samples)
    summary = Official(scorer=f"{scorer.name}@{scorer.version}", **asdict(figure))
    if scorer.official_extracted is not None:
        mapped = [scorer.official_extracted(s.outcome.extracted, s.sample) for s in answered]
        summary.on_extracted = scorer.official_summary(mapped, samples).value
    return summary


def chance(task: TaskSpec, group: Iterable[Scored]) -> float | None:
    """Expected accuracy of guessing: one over the number of options, averaged over samples."""
    if task.chance == "none":
        return None
    if task.chance != "per_sample":
        return float(task.chance)
    options = {s.id: sum(c is not None for c in s.record.sample.choices) for s in group if s.record.sample}
    known = [1 / n for n in options.values() if n]
    return fsum(known) / len(known) if known else None


def fingerprint(task_run: TaskRun, group: Sequence[Scored], protocol: str) -> dict[str, str]:
    """Everything that can change a score, as sha256 by part: the plan's parts, the samples and their audio.

    `protocol`, where there were several turns, and `judge` and `recogniser`, where one rated or listened, are in words.
    """
    version = task_run.plan.protocols.get(protocol)
    first = [s for s in group if s.epoch == 0 and s.record.sample is not None]
    first.sort(key=lambda scored: repr(scored.id))  # one a sample, since a group is of one condition
    return {
        **task_run.plan.fingerprint,
        **({"protocol": version} if version else {}),
        "samples": _digest([s.id, s.shown.question, sorted(map(str, s.shown.choices)), s.shown.target] for s in first),
        "audio": _digest([s.id, s.record.own_clips] for s in first),
        **references_digest(task_run, first),
        **raters(task_run, group),
    }


def raters(task_run: TaskRun, group: Sequence[Scored]) -> dict[str, str]:
    """Who judged, who wrote spoken answers down, and what measured their sound; the start of a sha256 tells two settings of one name apart."""
    verdicts = task_run.judgements() if scorer_of(task_run.task).judge is not None else {}
    judges = {verdicts[s.slot].rater for s in group if s.slot in verdicts}
    heard = [(s.id, s.record.heard.key) for s in group if s.record.heard]
    transcripts = task_run.transcripts() if heard else {}
    recognisers = {transcripts[slot].rater for slot in heard}
    measurements = task_run.measurements()
    main = main_measure(task_run.task, measurements)
    measures = {line.rater for line in measurements.by_measure[main].values()} if main else set[str]()
    named = {"judge": judges, "recogniser": recognisers, "measure": measures}
    return {part: ", ".join(sorted(names)) for part, names in named.items() if names}


def _digest(rows: Iterable[Any]) -> str:
    """sha256 (hex) of the rows as one JSON list, of which only one is in memory at a time."""
    digest, separator = hashlib.sha256(b"["), b""
    for row in rows:
        digest.update(separator + orjson.dumps(row))
        separator = b","
    digest.update(b"]")
    return digest.hexdigest()
