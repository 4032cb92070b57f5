"""Measures listen to answers in sound (`--measure NAME`): append-only, resumable, vectors in Parquet files.

An answer is measured again only by other weights or another version, or when its sound or its reference is another. Sounds are
measured in batches, and a batch's vectors are written before the lines that name them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.ask.annotate import Terms, carry
from audiobench.ask.annotators import NOBODY
from audiobench.ask.engine import Ending
from audiobench.ask.stage import Ask, Stage
from audiobench.ask.work import TaskWork
from audiobench.core.types import Clip, Request, Response
from audiobench.files import embeddings
from audiobench.files.annotations import Measured
from audiobench.files.records import Record
from audiobench.files.run_spec import RunSpec
from audiobench.media import InvalidAudioError
from audiobench.media.waves import waveform
from audiobench.model.adapter import SampleError
from audiobench.results.heard import answer_audio
from audiobench.results.runs import Run, TaskRun
from audiobench.results.sounds import flaw
from audiobench.sound import Found, Heard, Measure, find_measure

if TYPE_CHECKING:
    import numpy as np

GATHER_SECONDS = 0.01
"""How long a batch waits for more."""
REFERENCES = 256
"""Waveforms of references and voices that are kept: several answers share one."""


@dataclass(frozen=True, slots=True)
class Sounded:
    """One answer with usable sound."""

    task_run: TaskRun
    record: Record

    @property
    def reference(self) -> Clip | None:
        """What it is compared with."""
        return self.record.shown().reference


class Nobody:
    """The adapter of a stage that asks no model."""

    async def generate(self, request: Request) -> Response:
        """Never called."""
        raise SampleError("a measure asks no model")

    async def close(self) -> None:
        """Nothing to release."""


class MeasureStage(Stage[Sounded]):
    """The answers of some tasks that this measure has not measured."""

    def __init__(self, measure: Measure, tasks: Sequence[TaskRun]) -> None:
        super().__init__(NOBODY)
        self.who = f"measure {measure.name}"
        self.measure = measure
        self.tasks = tasks
        self._waves: dict[str, tuple[np.ndarray, str]] = {}
        self._waiting: list[tuple[Sounded, asyncio.Future[Measured]]] = []
        self._draining: asyncio.Task[None] | None = None

    def open(self) -> Iterator[Sounded]:
        """Answers with usable sound, without a line of this version, these weights and this sound."""
        for task_run in self.tasks:
            known = task_run.measurements().by_measure.get(self.measure.name, {})
            for record in task_run.records():
                part = answer_audio(record)
                if part is None or part.path is None or flaw(part, task_run.task.sound) is not None:
                    continue
                line = known.get((record.id, record.key))
                if line is None or not self._same(line, part.sha256, record):
                    yield Sounded(task_run, record)

    def _same(self, line: Measured, sha256: str, record: Record) -> bool:
        of = record.shown().reference
        reference = (of.sha256 if of is not None else None) or line.reference_sha256
        return (line.version, line.model_sha256, line.audio_sha256, line.reference_sha256) == (
            self.measure.version, self.measure.identity, sha256, reference,
        )  # fmt: skip

    def path(self, item: Sounded) -> Path:
        """The task's measures.jsonl."""
        return item.task_run.folder / Measured.FILE

    async def answer(self, item: Sounded, ask: Ask) -> Measured:
        """Wait for the batch that the answer is in."""
        del ask
        future: asyncio.Future[Measured] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            batch = self._waiting[: self.measure.batch]
            del self._waiting[: len(batch)]
            for folder in {item.task_run.folder: None for item, _ in batch}:
                await asyncio.to_thread(
                    self._measured, folder, [pair for pair in batch if pair[0].task_run.folder == folder]
                )

    def _measured(self, folder: Path, batch: Sequence[tuple[Sounded, asyncio.Future[Measured]]]) -> None:
        """One batch of one task, in a worker thread: a sound that cannot be heard does not disturb the others."""
        heard: list[tuple[Sounded, asyncio.Future[Measured], Heard, str]] = []
        for item, future in batch:
            try:
                heard.append((item, future, *self._heard(item)))
            except (SampleError, InvalidAudioError) as error:
                _settle(future, SampleError(f"sample {item.record.id}: {error}"))
        if not heard:
            return
        try:
            found = self.measure.measure([one for _, _, one, _ in heard])
            with_arrays = [one for one in found if one.arrays]
            shard = embeddings.write(folder, self.measure.name, [f.arrays for f in with_arrays]) if with_arrays else ""
        except Exception as error:
            for _, future, _, _ in heard:
                _settle(future, error)
            return
        rows = iter(range(len(with_arrays)))
        for (item, future, _, reference), one in zip(heard, found, strict=True):
            _settle(future, self._line(item, one, reference, shard, next(rows) if one.arrays else 0))

    def _line(self, item: Sounded, found: Found, reference: str, shard: str, row: int) -> Measured:
        part = answer_audio(item.record)
        assert part is not None
        return Measured(
            item.record.id, item.record.key, self.measure.name, self.measure.version,
            model=self.measure.weights, model_sha256=self.measure.identity, audio_sha256=part.sha256,
            reference_sha256=reference, values={name: round(value, 6) for name, value in found.values.items()},
            shard=shard if found.arrays else "", row=row, checksum=embeddings.checksum(found.arrays),
            dollars=0.0, time=round(time.time(), 3),
        )  # fmt: skip

    def _heard(self, item: Sounded) -> tuple[Heard, str]:
        """(the answer as the measure hears it, sha256 of its reference).

        Raises:
            SampleError, InvalidAudioError: a file is gone or changed.
        """
        record, folder = item.record, item.task_run.folder.parent
        part = answer_audio(record)
        assert part is not None and part.path is not None
        wave, _ = waveform(Clip(folder / part.path, part.sha256), self.measure.rate)
        reference, digest = self._kept(item.reference) if item.reference is not None else (None, "")
        voice = None
        if record.audio and record.audio[0].kind == "audio":
            sent = record.audio[0]
            voice, _ = self._kept(Clip(Path(sent.path), sent.sha256))
        return Heard(wave, record.shown().question, reference, voice), digest

    def _kept(self, clip: Clip) -> tuple[np.ndarray, str]:
        name = str(clip.path)
        if name not in self._waves:
            if len(self._waves) >= REFERENCES:
                self._waves.clear()
            self._waves[name] = waveform(clip, self.measure.rate)
        return self._waves[name]

    def failed_in_words(self) -> str:
        """How many answers were not measured."""
        reason = next(iter(self.failures))
        return f"{self.who}: {self.failures.total()} answers could not be measured; the first: {reason}"


def _settle(future: asyncio.Future[Measured], result: Measured | Exception) -> None:
    """From a worker thread."""

    def settle() -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    future.get_loop().call_soon_threadsafe(settle)


def measure_run(works: Sequence[TaskWork], options: RunSpec, spent: float) -> Ending:
    """Let each measure of `--measure`, else of the tasks themselves, hear the answers in sound that it has not measured.

    Raises:
        UsageError: a measure's library or weights are missing.
    """
    sounding = [work for work in works if work.task.answer == "audio"]
    written = dict.fromkeys(name for work in sounding for name in work.task.measures)
    terms = replace(Terms.of(options, spent), max_cost=None)  # a measure runs here and costs nothing
    ending = Ending()
    for name in written:
        folder = sounding[0].folder.parent
        run = Run.open(folder)
        tasks = [run.tasks[work.task.task] for work in sounding if name in work.task.measures]
        measure = find_measure(name)
        measure.prepare()
        stage = MeasureStage(measure, tasks)
        ending = carry(stage, replace(terms, concurrency=None), concurrency=2 * measure.batch, adapter=Nobody())
        if ending.reason:
            break
    return ending
