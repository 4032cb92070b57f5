"""A run directory, read: what was asked for, what happened, and what each record is worth.

<run>/run.json                what the run was made with
<run>/<task>/plan.json        what was asked for (ids, conditions, epochs, task, fingerprint parts)
<run>/<task>/samples.jsonl    the journal: what happened
<run>/<task>/judgements.jsonl what a judge said, for judged tasks
<run>/<task>/transcripts.jsonl what a recogniser heard in spoken answers (<run>/answers/*.wav)
<run>/<task>/annotations.jsonl what annotators found, a column each
<run>/<task>/summary.json     what came out, a pure function of the files above (`audiobench.results.summary`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import orjson
from msgspec import Struct, structs
from pydantic import ValidationError

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.plain import plain_bytes
from audiobench.core.types import Condition, Outcome, Sample
from audiobench.files import annotations, journal, plan, record_parts, records, run_info
from audiobench.files.annotations import Judgement, Note, Reading, Slot, Transcript
from audiobench.files.plan import Plan
from audiobench.files.record_parts import Head
from audiobench.files.records import Record, ShownSample
from audiobench.files.run_info import RunInfo
from audiobench.model.spec import ModelSpec
from audiobench.results import on_all_cores
from audiobench.results.answers import Answers, Found, answers_of
from audiobench.results.heard import heard
from audiobench.results.score import outcome
from audiobench.results.sounds import Measurements, measuring
from audiobench.scorers import SCORERS
from audiobench.task.spec import TaskSpec

R = TypeVar("R")

WHOLE_RECORD = 30e-6
"""Seconds to hand a record with its outcome from process to process."""


class Scored(Struct, frozen=True, gc=False):
    """One journal record with its outcome."""

    record: Record
    outcome: Outcome

    @property
    def id(self) -> str:
        """The sample's id."""
        return self.record.id

    @property
    def condition(self) -> Condition:
        """How it was asked."""
        return self.record.condition

    @property
    def epoch(self) -> int:
        """Which repetition."""
        return self.record.epoch

    @property
    def slot(self) -> Slot:
        """(sample id, journal key): what an annotation of the response names."""
        return self.record.id, self.record.key

    @property
    def sample(self) -> Sample:
        """The item, as it was shown."""
        return self.record.shown()

    @property
    def shown(self) -> ShownSample:
        """What the journal holds of the item; empty where it holds nothing."""
        return self.record.sample or ShownSample("", (), None, {})


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task of a run directory."""

    folder: Path
    plan: Plan
    task: TaskSpec
    anew: bool = False
    """Whether each answer is read anew, whatever is remembered of it."""

    @property
    def conditions(self) -> list[Condition]:
        """The conditions that were asked for, in order."""
        return self.plan.conditions

    @property
    def epochs(self) -> int:
        """Repetitions a condition."""
        return self.plan.epochs

    def judgements(self) -> dict[Slot, Judgement]:
        """Judge verdicts by response."""
        return annotations.read(self.folder, Judgement)

    def transcripts(self) -> dict[Slot, Transcript]:
        """What a recogniser heard in spoken answers, by response."""
        if not self.task.spoken:
            return {}
        return annotations.read(self.folder, Transcript)

    def measurements(self) -> Measurements:
        """What measures found in answers in sound."""
        return Measurements.of(self.folder)

    def readings(self) -> dict[Slot, Reading]:
        """What a reader found in responses that no rule could read, by response."""
        return annotations.read(self.folder, Reading)

    def notes(self) -> dict[str, dict[Slot, Note]]:
        """What annotators found, by column and response; the columns are breakdowns of `task`."""
        return annotations.notes(self.folder)

    def annotators(self) -> dict[str, str]:
        """Who gave the values of each column that annotators have added."""
        return {name: ", ".join(sorted({line.rater for line in of.values()})) for name, of in self.notes().items()}

    def scored(self, *conditions: Condition) -> Iterator[Scored]:
        """Every record that the plan asks for, with its outcome; spoken answers as a recogniser heard them.

        `conditions`: only these; none for all.
        """
        for group in self.each(list, WHOLE_RECORD, conditions):
            yield from group

    def each(
        self, work: Callable[[Iterable[Scored]], R], toll: float, conditions: Sequence[Condition] = ()
    ) -> Iterator[R]:
        """What `work` makes of each few hundred records of `scored`, in order; on all cores where that pays.

        `toll`: seconds that it takes to hand what `work` makes of one record from process to process.
        """
        judgements, transcripts, notes = self.judgements(), self.transcripts(), self.notes()
        answers = Answers(None) if self.anew else answers_of(self.folder / records.FILE)
        measured = measuring(self.task, self.measurements()) if self.task.measured else None

        def scored(places: Sequence[int]) -> Iterator[Scored]:
            for place, record in zip(places, self._annotated(places, transcripts, notes), strict=True):
                try:
                    worth = outcome(record, self.task, judgements, read=answers.read, measured=measured)
                    yield Scored(record, worth)
                except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                    file = self.folder / records.FILE
                    problem = f"cannot be scored: {type(error).__name__}: {error}"
                    raise journal.damaged(file, journal.number_of(file, place), problem) from error

        def made(places: Sequence[int]) -> tuple[R, Found]:
            return work(scored(places)), answers.take_new()

        # what a scorer from outside returns may not, and vectors are large
        leaves = self.task.scorer in SCORERS and measured is None
        for found, new in on_all_cores.shared_out(made, self._counting(conditions), toll, leaves=leaves):
            answers.add(new)
            yield found
        answers.keep()

    def records(self) -> Iterator[Record]:
        """Every record that the plan asks for; a later line of the same slot wins, and a stale one takes it back."""
        return records.at(self.folder / records.FILE, self._counting())

    def _annotated(
        self, places: Sequence[int], transcripts: Mapping[Slot, Transcript], notes: Mapping[str, Mapping[Slot, Note]]
    ) -> Iterator[Record]:
        """The records with what was heard in them, and with annotators' values as columns."""
        lines = records.at(self.folder / records.FILE, places)
        return self._with_added(lines, transcripts, notes) if transcripts or notes else lines

    @staticmethod
    def _with_added(
        lines: Iterable[Record], transcripts: Mapping[Slot, Transcript], notes: Mapping[str, Mapping[Slot, Note]]
    ) -> Iterator[Record]:
        for record in lines:
            slot = (record.id, record.key)
            if transcripts:
                record = heard(record, transcripts.get(slot))
            if notes and record.sample is not None:
                values = {name: by_slot[slot].value for name, by_slot in notes.items() if slot in by_slot}
                sample = structs.replace(record.sample, metadata={**record.sample.metadata, **values})
                record = structs.replace(record, sample=sample)
            yield record

    def _counting(self, conditions: Sequence[Condition] = ()) -> Sequence[int]:
        """Places of the journal's lines that answer what the plan asks for."""
        places = {how: place for place, how in enumerate(self.conditions) if not conditions or how in conditions}
        numbers = {sample: number for number, sample in enumerate(self.plan.ids)}
        orders, wide, epochs = self.plan.fewer_orders, len(self.conditions), self.epochs

        def slot_of(record: Head | Record) -> int | None:
            place, number = places.get(record.condition), numbers.get(record.id)
            if place is None or number is None or not 0 <= record.epoch < epochs:
                return None
            if orders and record.condition.option_order >= orders.get(record.id, inf):
                return None
            return (number * wide + place) * epochs + record.epoch

        return record_parts.counting(self.folder / records.FILE, slot_of)


def with_columns(task: TaskSpec, folder: Path) -> TaskSpec:
    """`task` with the columns that annotators have added in its folder as breakdowns."""
    added = [name for name in annotations.notes(folder) if name not in task.breakdown]
    if not added:
        return task
    return task.model_copy(update={"breakdown": [*task.breakdown, *added]})


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory, read.

    Raises:
        UsageError: `folder` is not one.
    """

    folder: Path
    info: RunInfo
    tasks: Mapping[str, TaskRun]

    @classmethod
    def open(cls, folder: Path, *, anew: bool = False) -> Run:
        """Read `run.json` and the plans; `anew`: as in `TaskRun`."""
        info = run_info.read(folder, f"{folder}: not a run directory (no run.json)")
        tasks: dict[str, TaskRun] = {}
        for path in sorted(folder.glob(f"*/{plan.FILE}")):
            asked, task = plan.read(path)
            tasks[path.parent.name] = TaskRun(path.parent, asked, with_columns(task, path.parent), anew)
        return cls(folder, info, tasks)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.info.model.name

    @property
    def title(self) -> str:
        """The model and, where it has one, the run's own name (`--name`)."""
        return self.info.title

    @property
    def spec(self) -> ModelSpec:
        """The model as it was declared then.

        Raises:
            IncompleteError: run.json does not hold a declaration.
        """
        try:
            return self.info.model.spec
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, ("model", *first["loc"])))
            raise IncompleteError(f"{self.folder / run_info.FILE}: {place}: {first['msg']}") from error


def read_json(path: Path, missing: str | None = None) -> Any:
    """A JSON file.

    Raises:
        UsageError: missing or not JSON.
    """
    try:
        return orjson.loads(plain_bytes(path))
    except OSError as error:
        raise UsageError(missing or f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """Every run directory at or under `paths`.

    Raises:
        UsageError: there is none.
    """
    folders = list(dict.fromkeys(file.parent for path in paths for file in sorted(path.rglob("run.json"))))
    if not folders:
        raise UsageError(f"{', '.join(map(str, paths))}: no run found (no run.json at or below)")
    return [Run.open(folder) for folder in folders]
