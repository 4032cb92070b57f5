"""Scored records without what a summary does not read, so that a million of them fit in memory.

Responses of one sample under one condition share their record, and all of equal worth their outcome; what responses
took is added up as they come.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from audiobench.core.json_values import counts
from audiobench.core.types import Condition, Outcome, Response
from audiobench.files.records import TOOLS, ClipFacts, Record, ShownSample
from audiobench.files.summary_entry import Quantiles, Reasoning, TurnSpent
from audiobench.results.reasoned import reasoned
from audiobench.results.runs import Scored, TaskRun
from audiobench.results.score import scorer_of
from audiobench.scorers import Mean

CONDENSED = 5e-6
"""Seconds to hand a condensed record from process to process."""
RECENT = 4096
"""Samples and records that are looked through for a like one: the conditions and epochs of a sample stand together."""


_NOTHING: list[Any] = []
_NONE: dict[str, Any] = {}
"""Shared by all condensed records, in place of four lists and two mappings of each one's own."""


class Spent:
    """Sums of the token counts that the server gave, and every measured latency."""

    __slots__ = ("_counts", "_parts", "_seconds", "_turns", "reasoning")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._parts: dict[str, array[float]] = {}
        """Counts that are no whole numbers: added up in one order, however the responses were shared out."""
        self.reasoning = Reasoning(0, 0)
        self._seconds: dict[str, array[float]] = {}
        self._turns: list[Spent] = []

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
        self._add(record.response)
        for number, turn in enumerate(record.turns):
            self._turn(number)._add(turn.response)

    def _turn(self, number: int) -> Spent:
        while number >= len(self._turns):
            self._turns.append(Spent())
        return self._turns[number]

    def _add(self, response: Response) -> None:
        self.reasoning.responses += 1
        self.reasoning.reasoned += reasoned(response)
        usage, totals = counts(response.usage), self._counts
        for key, count in usage.items():
            if isinstance(count, int):
                totals[key] = totals.get(key, 0) + count
            else:
                totals.setdefault(key, 0)
                _of(self._parts, key).append(count)
        if usage:
            totals["responses"] = totals.get("responses", 0) + 1
        for key, seconds in response.latency.items():
            if seconds is not None:  # a journal holds null for a NaN
                _of(self._seconds, key).append(seconds)

    def join(self, later: Spent) -> None:
        """Count what later responses took."""
        for key, count in later._counts.items():
            self._counts[key] = self._counts.get(key, 0) + count
        for mine, theirs in ((self._parts, later._parts), (self._seconds, later._seconds)):
            for key, values in theirs.items():
                if key in mine:
                    mine[key].extend(values)
                else:
                    mine[key] = values
        self.reasoning.responses += later.reasoning.responses
        self.reasoning.reasoned += later.reasoning.reasoned
        for number, turn in enumerate(later._turns):
            self._turn(number).join(turn)

    @property
    def usage(self) -> dict[str, int | float]:
        """Sums by name; `responses` says how many gave counts."""
        return self._counts | {key: self._counts[key] + sum(values) for key, values in self._parts.items()}

    def turns(self) -> list[TurnSpent]:
        """The same by turn; empty where every response took one."""
        return [
            TurnSpent(number, spent.reasoning.responses, spent.usage, spent.latency())
            for number, spent in enumerate(self._turns, 1)
        ]

    def latency(self) -> dict[str, Quantiles]:
        """Median and 95th percentile of each measured latency, in seconds."""
        return {
            key: Quantiles(len(values), quantile(values, 0.5), quantile(values, 0.95))
            for key, values in self._seconds.items()
        }


def _of(values: dict[str, array[float]], key: str) -> array[float]:
    found = values.get(key)
    if found is None:
        found = values[key] = array("d")
    return found


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
    if task.protocol == "realtime" or task.answer == "audio" or scorer.judge is not None or task_run.readings():
        return lambda scored: scored
    whole = type(scorer.metric) is not Mean or scorer.official_extracted is not None
    return _Condenser(texts=scorer.official is not None, outcomes=whole).keep


class _Condenser:
    def __init__(self, *, texts: bool, outcomes: bool) -> None:
        self.texts, self.outcomes = texts, outcomes
        """Whether the responses' texts, and all of an outcome beside its status, value and detail, are read."""
        self._conditions: dict[Condition, Condition] = {}
        self._records: dict[tuple[int, bool, int, int, str], Record] = {}
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
        if found.detail:
            return Outcome(found.status, found.value, detail=found.detail)
        worth = found.status, found.value
        shared = self._outcomes.get(worth)
        if shared is None:
            shared = self._outcomes[worth] = Outcome(*worth)
        return shared

    def _record(self, record: Record) -> Record:
        """The clips of a sample's first epoch are in the fingerprint; the later ones share a record."""
        how = self._conditions.setdefault(record.condition, record.condition)
        sample, first = self._sample(record), record.epoch == 0
        response = None if record.response is None else self._response(record.response)
        alike = id(how), first, id(sample), id(response), record.id  # all live as long as a record that holds them
        known = self._records.get(alike)
        if known is not None:
            return known
        if len(self._records) >= RECENT:
            self._records.clear()
        slim = Record(
            record.id, epoch=record.epoch, condition=how, sample=sample, response=response,
            audio=_NOTHING, prompt=_NOTHING, turns=_NOTHING, discarded=_NOTHING,
        )  # fmt: skip
        if first:
            slim.audio = [self._clip(clip) for clip in record.first_clips]
        if not self.texts:
            self._records[alike] = slim
        return slim

    def _sample(self, record: Record) -> ShownSample | None:
        """One for all conditions and epochs that show it alike."""
        if record.sample is None:
            return None
        if len(self._samples) >= RECENT:
            self._samples.clear()
        known = self._samples.setdefault((record.id, record.condition.option_order), record.sample)
        return known if known == record.sample else record.sample

    def _clip(self, clip: ClipFacts) -> ClipFacts:
        return self._clips.setdefault(clip.content, ClipFacts(clip.content))

    def _response(self, response: Response) -> Response:
        if self.texts:
            called = response.raw.get(TOOLS)  # scorers read it beside the text
            raw = _NONE if called is None else {TOOLS: called}
            return Response(response.text, usage=_NONE, raw=raw, think_effective=response.think_effective)
        effective = response.think_effective
        return self._responses.setdefault(effective, Response("", think_effective=effective))
