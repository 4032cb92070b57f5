"""What an answer in sound is worth: whether it can be used at all, and what measures found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.core.errors import IncompleteError
from audiobench.core.parts import AnswerAudio
from audiobench.core.types import Outcome
from audiobench.files import annotations, embeddings
from audiobench.files.annotations import Measured, Slot
from audiobench.files.records import Record
from audiobench.results.heard import answer_audio
from audiobench.scorers.sound import LOGITS, REFERENCE_LOGITS, REFERENCE_VECTOR, VECTOR, figure_value
from audiobench.task.spec import SoundWanted, TaskSpec

if TYPE_CHECKING:
    import numpy as np

NOT_MEASURED = "not measured yet (--measure NAME)"
NEEDED: Mapping[str, tuple[str, ...]] = {
    "frechet": (VECTOR, REFERENCE_VECTOR),
    "kl": (LOGITS, REFERENCE_LOGITS),
    "inception": (LOGITS,),
}
"""Figures that need vectors -> which; all others are numbers of a measure's line."""


def flaw(part: AnswerAudio | None, wanted: SoundWanted) -> str | None:
    """Why an answer's sound cannot be used, in words that are the same for every answer of its kind; None where it can."""
    if part is None:
        return "missing: the answer holds no sound"
    if part.problem:
        return f"not a sound: {part.problem}"
    seconds = part.seconds or 0.0
    if seconds < wanted.shortest:
        return f"too short: under {wanted.shortest:g} s"
    if seconds > wanted.longest:
        return f"endless: over {wanted.longest:g} s"
    if wanted.sample_rate is not None and part.sample_rate != wanted.sample_rate:
        return f"wrong rate: {part.sample_rate} Hz, {wanted.sample_rate} are wanted"
    if part.clipped > wanted.most_clipped:
        return f"clipped: more than {100 * wanted.most_clipped:g} % of its samples at full scale"
    return None


@dataclass(slots=True)
class Measurements:
    """What measures found in a task's answers; vectors are read when a figure needs them, each file once."""

    folder: Path
    by_measure: Mapping[str, Mapping[Slot, Measured]]
    _shards: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, folder: Path) -> Measurements:
        """Those of a task's folder."""
        return cls(folder, annotations.measured(folder))

    def arrays(self, line: Measured) -> Mapping[str, np.ndarray]:
        """The vectors of a line; none where it has none.

        Raises:
            IncompleteError: the file is gone or damaged.
        """
        if not line.shard:
            return {}
        rows = self._shards.get(line.shard)
        if rows is None:
            rows = self._shards[line.shard] = embeddings.read(self.folder, line.shard)
        if line.row >= len(rows) or embeddings.checksum(rows[line.row]) != line.checksum:
            file = self.folder / embeddings.FOLDER / line.shard
            raise IncompleteError(f"{file}: row {line.row}: not the vectors that were written for sample {line.id}")
        return rows[line.row]

    def line(self, measure: str, record: Record) -> Measured | None:
        """What a measure found in a record's sound; None where it was measured with another sound in it."""
        part = answer_audio(record)
        key = record.heard.key if record.heard is not None else record.key
        found = self.by_measure.get(measure, {}).get((record.id, key))
        return found if found is not None and part is not None and found.audio_sha256 == part.sha256 else None

    def values_of(self, record: Record) -> dict[str, float]:
        """Every number that measures found in a record's sound, as `text_similarity (clap)`."""
        lines = {measure: self.line(measure, record) for measure in self.by_measure}
        return {
            f"{name} ({measure})": value
            for measure, line in lines.items()
            if line
            for name, value in line.values.items()
        }

    def figure(self, name: str, line: Measured) -> tuple[float, Mapping[str, np.ndarray]] | None:
        """(one sound's own value, the vectors behind it) of a figure; None where the line does not give it."""
        wanted = NEEDED.get(name, ())
        arrays: Mapping[str, np.ndarray] = self.arrays(line) if wanted else {}
        value = figure_value(name, line.values, arrays)
        if value is None:
            return None
        return value, {key: arrays[key] for key in wanted if key in arrays}

    def measuring(self, names: Sequence[str], figure: str) -> str | None:
        """The first of these measures, else of all that measured here, whose lines give a figure."""
        for name in [*names, *(name for name in self.by_measure if name not in names)]:
            line = next(iter(self.by_measure.get(name, {}).values()), None)
            if line is not None and self.figure(figure, line) is not None:
                return name
        return None


Measuring = Callable[[Record], tuple[float, Mapping[str, Any]] | None]
"""A record -> (value, detail) of the task's own figure; None where no measure has given it yet."""


def measuring(task: TaskSpec, found: Measurements) -> Measuring:
    """How a task's outcomes get their value."""
    name = main_measure(task, found)

    def value(record: Record) -> tuple[float, Mapping[str, Any]] | None:
        line = found.line(name, record) if name else None
        return found.figure(task.measured, line) if line is not None else None

    return value


def main_measure(task: TaskSpec, found: Measurements) -> str | None:
    """The measure that a task's own figure rests on; None where none has given it."""
    names = [written.partition("=")[0] for written in task.measures]
    return found.measuring(names, task.measured) if task.measured else None


def measured_outcome(record: Record, found: Measuring | None) -> Outcome:
    """The outcome of a usable sound under a scorer of sound."""
    known = found(record) if found is not None else None
    if known is None:
        return Outcome("pending", detail={"message": NOT_MEASURED})
    value, detail = known
    return Outcome("scored", value, detail=detail)
