"""What is to be asked: each sample's conditions and epochs, less what the journal already holds."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audiobench import media as audio
from audiobench.ask import comparisons, prompt
from audiobench.ask.comparisons import Comparisons
from audiobench.ask.hypotheses import Hypotheses
from audiobench.ask.protocols import Protocol
from audiobench.core.errors import UsageError
from audiobench.core.types import Clip, Condition, Request, Sample
from audiobench.data.shots import shots_for
from audiobench.files import journal, record_parts, records
from audiobench.files.record_parts import Done
from audiobench.files.records import ClipFacts, Record, ShownSample, Slot
from audiobench.media.raw import FileState
from audiobench.model.adapter import SampleError
from audiobench.model.spec import ModelSpec
from audiobench.model.think import ThinkPlan
from audiobench.results import on_all_cores
from audiobench.results.score import scorer_of
from audiobench.task.spec import Prompt, TaskSpec

COMPARED = 10e-6
"""Seconds to hand what was found of one sample from process to process."""
MOST_PROBES = 500
"""Headers read for the plan, at most about twice this many; beyond that the hours of audio are an estimate."""


@dataclass(slots=True)
class _Compared:
    """Slots that the journal answers, compared with today's requests and data."""

    finished: list[Slot] = field(default_factory=list[Slot])
    stale: list[Slot] = field(default_factory=list[Slot])
    corrected: dict[int, ShownSample] = field(default_factory=dict[int, ShownSample])
    same: bytes = b""
    """Of samples whose answers all are to today's requests and items: the digest that stands for that."""


@dataclass(slots=True)
class TaskWork:
    """One task's part of a run."""

    task: TaskSpec
    prompt: Prompt
    samples: list[Sample]
    conditions: list[Condition]
    epochs: int
    folder: Path
    model: ModelSpec
    model_sha256: str
    thinks: Mapping[str, ThinkPlan]
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    swap: Mapping[str, Sample] = field(default_factory=dict[str, Sample])
    pool: Sequence[Sample] = ()
    """Candidates for the answered examples before an item (`num_fewshot`)."""
    protocols: Mapping[str, Protocol] = field(default_factory=dict[str, Protocol])
    """Those of several turns, by their written form in a condition."""
    hypotheses: Hypotheses = field(default_factory=dict[str, tuple[str, ...]])
    """Sample id -> what another system answered, for protocols that show it."""
    shown_from: str = ""
    """Which source they come from, for the fingerprint."""
    awaits_hypotheses: bool = False
    """The other system is a model that is asked before this one."""
    finished: set[Slot] = field(default_factory=set[Slot])
    stale: list[Slot] = field(default_factory=list[Slot])
    """Slots that the journal answers under another request than today's."""
    corrected: dict[int, ShownSample] = field(default_factory=dict[int, ShownSample])
    """Place of a line that answers today's request -> its item as the data has it today, where the line's is another."""
    left_out: list[Slot] = field(default_factory=list[Slot])
    """Slots that the journal answers and this start does not ask for."""
    answered: tuple[float, float] | None = None
    """When the first and the last of the finished requests were answered; None where none is, or it is not known."""
    _columns: set[str] | None = None
    """Metadata that a record keeps."""
    _read: int | None = None
    """Bytes of the journal that `finished` and `stale` know of."""

    @property
    def journal_path(self) -> Path:
        """Where this task's journal lies."""
        return self.folder / records.FILE

    @property
    def identities(self) -> dict[str, str]:
        """Written form of each protocol of several turns -> the same with its version."""
        return {written: protocol.identity for written, protocol in self.protocols.items()}

    @property
    def versions(self) -> dict[str, str]:
        """The same, with where the hypotheses that are shown come from: what a fingerprint holds."""
        return {
            written: f"{identity}+{self.shown_from}" if self.protocols[written].takes_hypotheses else identity
            for written, identity in self.identities.items()
        }

    @property
    def total(self) -> int:
        """Requests in all, finished ones included."""
        of_order = Counter(condition.option_order for condition in self.conditions)
        own = Counter(prompt.option_orders(sample) for sample in self.samples)
        asked = sum(n * sum(of_order[o] for o in of_order if o < orders) for orders, n in own.items())
        return asked * self.epochs

    @property
    def fewer_orders(self) -> dict[str, int]:
        """Sample id -> its option orders, for samples that have fewer options than the run has option orders."""
        most = 1 + max((condition.option_order for condition in self.conditions), default=0)
        counts = {sample.id: prompt.option_orders(sample) for sample in self.samples}
        return {sample: orders for sample, orders in counts.items() if orders < most}

    def asked(self, sample: Sample) -> Iterator[Condition]:
        """The conditions of one sample: rotated as often as it has options, it would be asked the same again."""
        orders = prompt.option_orders(sample)
        return (condition for condition in self.conditions if condition.option_order < orders)

    def seconds(self) -> tuple[float, bool]:
        """Audio of the samples in seconds, and whether that is exact.

        Durations that the data cache does not know are read from headers; of many such clips only some are read.
        """
        shown = [clip for shot in self.pool[: self.task.num_fewshot] for clip in shot.clips or shot.videos]
        clips = [clip for sample in self.samples for clip in (*shown, *(sample.clips or sample.videos))]
        unknown = [clip for clip in clips if clip.seconds is None]
        step = max(1, len(unknown) // MOST_PROBES)
        probed = [audio.duration(clip) or 0.0 for clip in unknown[::step]]
        total = sum(clip.seconds for clip in clips if clip.seconds is not None)
        if probed:
            total += sum(probed) / len(probed) * len(unknown)
        return total, step == 1

    def request(self, sample: Sample, condition: Condition, epoch: int) -> Request:
        """The request of one slot (audio not yet loaded).

        Raises:
            SampleError: this sample makes no prompt: a column that its row lacks, a text that is too long.
        """
        protocol = self.protocols.get(condition.protocol)
        shown = self.hypotheses.get(sample.id, ()) if protocol and protocol.takes_hypotheses else ()
        if protocol and protocol.takes_hypotheses and not shown and not self.awaits_hypotheses:
            raise SampleError(f"task {self.task.task}: sample {sample.id}: no external hypothesis (--external)")
        try:
            request = prompt.build(
                prompt.arrange(sample, condition.option_order),
                self.task,
                self.prompt,
                condition,
                self.model,
                self.thinks[condition.think],
                epoch=epoch,
                seed=self.seed,
                overrides=self.overrides,
                swap=self.swap,
                protocol=self.identities.get(condition.protocol, ""),
                shots=shots_for(sample, self.pool, self.task.num_fewshot) if self.task.num_fewshot else (),
            )
            return replace(request, hypotheses=shown) if shown else request
        except UsageError as error:
            message = f"task {self.task.task}: prompt {self.prompt.name}: sample {sample.id}: {error}"
            raise SampleError(message) from error

    def record(self, sample: Sample, condition: Condition, epoch: int) -> Record:
        """The journal record of one slot, before anything is known of its request."""
        return Record(sample.id, epoch=epoch, condition=condition, sample=self.shown(sample, condition.option_order))

    def shown(self, sample: Sample, order: int) -> ShownSample:
        """What a record keeps of an item in this option order."""
        return ShownSample.of(prompt.arrange(sample, order), self._kept_columns())

    def forget_finished(self) -> None:
        """Let `mark_finished` look at the journal again, whose requests would now be others."""
        self._read = None

    def mark_finished(self) -> None:
        """Find which slots the journal answers: the key of today's request must be the recorded one.

        A journal only ever grows, so one that has not is not read again.
        """
        size = self.journal_path.stat().st_size if self.journal_path.is_file() else 0
        if size == self._read:
            return
        self._read = size
        done = record_parts.answered(self.journal_path)
        known = Comparisons(self.journal_path, self._settings() if len(done) >= comparisons.WORTH_KEEPING else None)
        self.finished, self.stale, self.corrected = set(), [], {}
        times: list[float] = []

        def compared(places: Sequence[int]) -> _Compared:
            return self._compared([self.samples[place] for place in places], done, known)

        for found in on_all_cores.shared_out(compared, range(len(self.samples) if done else 0), COMPARED):
            self.finished.update(found.finished)
            self.stale += found.stale
            self.corrected.update(found.corrected)
            known.add(found.same)
        known.keep()
        for slot in self.finished:
            times.append(done.pop(slot).time)
        for slot in self.stale:
            del done[slot]
        self.left_out = list(done)
        self.answered = (min(times), max(times)) if times and min(times) > 0 else None

    def _settings(self) -> bytes | None:
        """Everything but samples and answers that `_compared` depends on; None where a request shows other samples too."""
        if self.task.num_fewshot:
            return None
        return comparisons.settings(
            *(spec.model_dump_json() for spec in (self.task, self.prompt, self.model)), self.model_sha256,
            self.conditions, self.epochs, repr(self.thinks), self.seed, self.overrides, self.versions,
            self.awaits_hypotheses, sorted(self._kept_columns()),
        )  # fmt: skip

    def _compared(self, samples: Sequence[Sample], done: Mapping[Slot, Done], known: Comparisons) -> _Compared:
        """What the journal's answers to these samples are today."""
        files = Files()
        same = known.digest(self._facts(samples, done, files))
        if known.knows(same):
            return _Compared([slot for sample in samples for slot, _ in self._answers(sample, done)], same=same)
        found, suspects = _Compared(), dict[int, ShownSample]()
        for sample in samples:
            today: dict[int, tuple[ShownSample, bytes]] = {}
            for slot, record in self._answers(sample, done):
                _, condition, epoch = slot
                if self._key(sample, condition, epoch, record, files) != record.key:
                    found.stale.append(slot)
                    continue
                found.finished.append(slot)
                if (order := condition.option_order) not in today:
                    shown = self.shown(sample, order)
                    today[order] = shown, record_parts.written(shown)
                shown, written = today[order]
                if written != record.shown:  # by another version, or about another item
                    suspects[record.place] = shown
        for (place, shown), line in zip(suspects.items(), records.at(self.journal_path, list(suspects)), strict=True):
            if not record_parts.same(line.sample, kept := record_parts.read_back(shown)):
                found.corrected[place] = kept
        if not found.stale and not found.corrected:
            found.same = same
        return found

    def _answers(self, sample: Sample, done: Mapping[Slot, Done]) -> Iterator[tuple[Slot, Done]]:
        """What the journal holds of a sample."""
        for condition in self.asked(sample):
            for epoch in range(self.epochs):
                slot = (sample.id, condition, epoch)
                if (record := done.get(slot)) is not None:
                    yield slot, record

    def _facts(self, samples: Sequence[Sample], done: Mapping[Slot, Done], files: Files) -> Iterator[object]:
        """Of each sample what its requests are made of, and what the journal's answers were given to."""
        for sample in samples:
            other = self.swap[sample.id] if self.swap else None
            yield sample, other, self.hypotheses.get(sample.id)
            clips = [*sample.media, *(other.media if other is not None else ())]
            for slot, record in self._answers(sample, done):
                yield slot, record.key, record.shown, files.sha256(clips, record)

    def _kept_columns(self) -> set[str]:
        if self._columns is None:
            self._columns = {*self.task.breakdown, *scorer_of(self.task).columns}
        return self._columns

    def _key(self, sample: Sample, condition: Condition, epoch: int, record: Done, files: Files) -> str | None:
        """Today's key of a slot that was answered before; None where today's prompt cannot be made for it."""
        try:
            return key_today(self.request(sample, condition, epoch), record, self.model_sha256, files)
        except SampleError:
            return None

    def retire(self, writer: journal.Journal) -> None:
        """Write down that the stale answers no longer count, before anything is asked anew."""
        for slot in self.stale:
            writer.append(records.retraction(slot))
        self.stale = []


class Files:
    """Clips' files as they are now, each looked at once."""

    def __init__(self) -> None:
        self._states: dict[Path, FileState | None] = {}
        self._read: dict[Path, str] = {}

    def _state(self, path: Path) -> FileState | None:
        if path not in self._states:
            try:
                self._states[path] = FileState.of(os.stat(path))
            except OSError:
                self._states[path] = None
        return self._states[path]

    def sha256(self, clips: Iterable[Clip], record: Done) -> list[str | None]:
        """Hex digest of each clip's bytes, the record's where the file has not changed since; None where there is none."""
        known = {clip.path: clip for clip in record.audio}
        return [self._sha256(clip, known) for clip in clips]

    def _sha256(self, clip: Clip, known: Mapping[str, ClipFacts]) -> str | None:
        if clip.sha256 is not None:
            return clip.sha256
        state = self._state(clip.path)
        if state is None:
            return None
        entry = known.get(str(clip.path))
        if entry and state == (entry.bytes, entry.mtime_ns, entry.ctime_ns, entry.inode):
            return entry.sha256
        if clip.path not in self._read:
            with clip.path.open("rb") as file:
                self._read[clip.path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._read[clip.path]


def key_today(request: Request, record: Done, model_sha256: str, files: Files | None = None) -> str:
    """The key of a request that was answered before: clips' sha256 are the journal's where the file has not changed,
    else made by reading.
    """
    found = files or Files()
    return request.key(model_sha256, lambda clip: found.sha256([clip], record)[0])


def key_anew(request: Request, model_sha256: str) -> str:
    """The key of a request, clips' sha256 made by reading where they are not known."""
    return key_today(request, Done("", [], b"", 0, 0.0), model_sha256)


def schedule(works: Sequence[TaskWork]) -> Iterator[tuple[TaskWork, Sample, Condition, int]]:
    """Every open slot: longest clips first, all conditions and epochs of one sample next to each other.

    Longest first shortens the end of a run, when few are left to wait for (`benchmarks/throughput`, scenario `long`: a
    fifth of the whole process where lengths are heavy-tailed); neighbours share a server's prefix cache.
    """
    order = [(-_length(sample), index, work, sample) for work in works for index, sample in enumerate(work.samples)]
    order.sort(key=lambda entry: entry[:2])
    for _, _, work, sample in order:
        for condition in work.asked(sample):
            for epoch in range(work.epochs):
                if (sample.id, condition, epoch) not in work.finished:
                    yield work, sample, condition, epoch


def _length(sample: Sample) -> float:
    """Relative length of a sample's media: the duration where known, else its size on disk."""
    length = 0.0
    for clip in (*sample.clips, *sample.videos):
        if clip.seconds is not None:
            length += clip.seconds
            continue
        try:
            length += (clip.size if clip.size is not None else os.stat(clip.path).st_size) / 32_000
        except OSError:
            continue
    return length
