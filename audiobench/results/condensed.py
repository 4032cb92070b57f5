"""Scored records without what a summary does not read, so that a million of them fit in memory.

Responses of one sample under one condition share their record, and all of equal worth their outcome; what responses
took is added up as they come.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from audiobench.core.json_values import counts
from audiobench.core.types import Condition, Outcome, Response
from audiobench.files.records import ClipFacts, Record, ShownSample
from audiobench.files.summary_entry import Quantiles, Reasoning
from audiobench.results.reasoned import reasoned
from audiobench.results.runs import Scored, TaskRun
from audiobench.results.score import scorer_of
from audiobench.scorers import Mean

RECENT = 4096
"""Samples and records that are looked through for a like one: the conditions and epochs of a sample stand together."""


class Spent:
    """Sums of the token counts that the server gave, and every measured latency."""

    __slots__ = ("_seconds", "reasoning", "usage")

    def __init__(self) -> None:
        self.usage: dict[str, int | float] = {}
        """Sums by name; `responses` says how many gave counts."""
        self.reasoning = Reasoning(0, 0)
        self._seconds: dict[str, array[float]] = {}

    @classmethod
    def of(cls, group: Iterable[Scored]) -> Spent:
        """What these took."""
        found = cls()
        for scored in group:
            found.add(scored.record)
        return found

    def add(self, record: Record) -> None:
        """Count one response; a record without one took nothing."""
        if record.response is None:
            return
        self.reasoning.responses += 1
        self.reasoning.reasoned += reasoned(record.response)
        usage, totals = counts(record.response.usage), self.usage
        for key, count in usage.items():
            totals[key] = totals.get(key, 0) + count
        if usage:
            totals["responses"] = totals.get("responses", 0) + 1
        for key, seconds in record.response.latency.items():
            if seconds is not None:  # a journal holds null for a NaN
                self._seconds.setdefault(key, array("d")).append(seconds)

    def latency(self) -> dict[str, Quantiles]:
        """Median and 95th percentile of each measured latency, in seconds."""
        return {
            key: Quantiles(len(values), quantile(values, 0.5), quantile(values, 0.95))
            for key, values in self._seconds.items()
        }


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile by linear interpolation (numpy's default), of at least one value."""
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def condenser(task_run: TaskRun) -> Callable[[Scored], Scored]:
    """What keeps of a task's scored records all that `summarise_condition` reads but for what they took (`Spent`).

    What a judge, a reader or a recogniser adds is about whole responses: there, records stay as they are.
    """
    task = task_run.task
    scorer = scorer_of(task)
    if task.protocol == "realtime" or scorer.judge is not None or task_run.readings():
        return lambda scored: scored
    whole = type(scorer.metric) is not Mean or scorer.official_extracted is not None
    return _Condenser(texts=scorer.official is not None, outcomes=whole).keep


class _Condenser:
    def __init__(self, *, texts: bool, outcomes: bool) -> None:
        self.texts, self.outcomes = texts, outcomes
        """Whether the responses' texts, and all of an outcome beside its status, value and detail, are read."""
        self._conditions: dict[Condition, Condition] = {}
        self._records: dict[tuple[str, Condition, bool], Record] = {}
        self._samples: dict[tuple[str, int], ShownSample] = {}
        self._clips: dict[str, ClipFacts] = {}
        self._responses: dict[str | None, Response] = {}
        self._outcomes: dict[tuple[str, float | None], Outcome] = {}

    def keep(self, scored: Scored) -> Scored:
        """The record and outcome that this one has in common with others, as far as it can be."""
        return Scored(self._record(scored.record), self._outcome(scored.outcome))

    def _outcome(self, found: Outcome) -> Outcome:
        if self.outcomes:
            return found
        slim = Outcome(found.status, found.value, detail=found.detail)
        return slim if found.detail else self._outcomes.setdefault((found.status, found.value), slim)

    def _record(self, record: Record) -> Record:
        """The clips of a sample's first epoch are in the fingerprint; the later ones share a record."""
        how = self._conditions.setdefault(record.condition, record.condition)
        slim = Record(record.id, epoch=record.epoch, condition=how, sample=self._sample(record))
        if record.epoch == 0:
            slim.audio = [self._clip(clip) for clip in record.audio]
        if record.response is not None:
            slim.response = self._response(record.response)
            if self.texts:
                return slim
        if len(self._records) >= RECENT:
            self._records.clear()
        shared = self._records.setdefault((record.id, how, record.epoch == 0), slim)
        alike = structs.replace(shared, epoch=slim.epoch) == slim
        return shared if alike else slim

    def _sample(self, record: Record) -> ShownSample | None:
        """One for all conditions and epochs that show it alike."""
        if record.sample is None:
            return None
        if len(self._samples) >= RECENT:
            self._samples.clear()
        known = self._samples.setdefault((record.id, record.condition.option_order), record.sample)
        return known if known == record.sample else record.sample

    def _clip(self, clip: ClipFacts) -> ClipFacts:
        return self._clips.setdefault(clip.sha256, ClipFacts(clip.sha256))

    def _response(self, response: Response) -> Response:
        if self.texts:
            return Response(response.text, think_effective=response.think_effective)
        effective = response.think_effective
        return self._responses.setdefault(effective, Response("", think_effective=effective))
