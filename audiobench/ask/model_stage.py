"""The model under test as a stage: samples, conditions and epochs in, journal records out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from audiobench import media as audio
from audiobench.ask import protocols
from audiobench.ask.batch.jobs import Submitted
from audiobench.ask.identity import FINGERPRINT, check_same
from audiobench.ask.retry import ExhaustedError
from audiobench.ask.stage import Ask, Line, Reply, Stage, why
from audiobench.ask.turns import GoingOn, KeptTurns
from audiobench.ask.work import TaskWork, key_anew, schedule
from audiobench.core.errors import UsageError
from audiobench.core.json_values import counts
from audiobench.core.modes import FinishReason
from audiobench.core.types import AudioPart, ImagePart, MediaPart, Request, Response, VideoPart
from audiobench.files import records
from audiobench.files.journal import Journal, UnwritableError
from audiobench.files.records import ClipFacts, Failure, Record, kept
from audiobench.media import InvalidAudioError, image, video
from audiobench.media.raw import FileState
from audiobench.model.adapter import RetryableError, RunError, SampleError

SINGLE = protocols.find_protocol("single")
EMPTY_RETRIES = 2
"""An empty answer is asked for again this often; after that it stands, as unparsed."""

Observer = Callable[[TaskWork, Record], None]
"""Called with every journal record, as it is written."""


@dataclass(slots=True)
class Slot:
    """One sample under one condition and epoch; its record is filled as things become known."""

    work: TaskWork
    record: Record
    request: Request | None = None
    """None where the sample makes no prompt; the record then says why."""


class ModelStage(Stage[Slot]):
    """The open slots of some tasks."""

    def __init__(self, works: Sequence[TaskWork], observe: Observer, fingerprints: Sequence[str] = ()) -> None:
        super().__init__(works[0].model)
        self.works = {work.task.task: work for work in works}
        self._observe = observe
        self._fingerprints = fingerprints
        """System fingerprints of earlier starts' answers, one of which the first answer must have; then empty."""
        self._turns = {name: KeptTurns(work.folder, work.finished) for name, work in self.works.items()}
        self._threads = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="audio")

    def begin(self) -> None:
        """Write down which answers no longer count."""
        for work in self.works.values():
            writer = Journal(work.journal_path)
            try:
                work.retire(writer)
            finally:
                writer.close()

    def end(self) -> None:
        """Let the audio threads and the files of turns go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for kept_turns in self._turns.values():
            kept_turns.close()

    def open(self) -> Iterator[Slot]:
        """Longest clips first."""
        for work, sample, condition, epoch in schedule(list(self.works.values())):
            slot = Slot(work, work.record(sample, condition, epoch))
            try:
                slot.request = work.request(sample, condition, epoch)
                records.show(slot.record, slot.request)
            except SampleError as error:
                slot.record.error = Failure.of("error", str(error))
            yield slot

    def path(self, item: Slot) -> Path:
        """The task's journal."""
        return item.work.journal_path

    def requests(self, item: Slot) -> list[Request]:
        """The request of a slot, for a batch job."""
        if item.request is None:
            raise SampleError(item.record.error.message if item.record.error else "no prompt")
        return [item.request]

    async def load(self, item: Slot, request: Request) -> Request:
        """Audio and video of one turn; the key is that of the slot's own request, whatever the turn is."""
        key, loaded, item.record.audio = await load(request, item.work, self._threads, keyed_as=item.request)
        item.record.key = item.record.key or key
        return loaded

    def accept(self, item: Slot, request: Request, response: Response, *, last: bool) -> Response:
        """An empty answer is requested again; only the thought of a first pass may be empty."""
        records.checked(response)
        self._check_fingerprint(response)
        nothing = not (response.text or response.reasoning or response.parts)
        empty = nothing and response.finish_reason == FinishReason.STOP
        plan = item.work.thinks[item.record.condition.think]
        if empty and not (plan.two_pass and item.request and request.prefill == item.request.prefill):
            item.record.empty += 1
            if item.record.empty <= EMPTY_RETRIES and not last:
                item.record.discarded.append(counts(response.usage))  # it is billed all the same
                raise RetryableError("the answer is empty")
        return response

    def _check_fingerprint(self, response: Response) -> None:
        fingerprint = response.raw.get(FINGERPRINT)
        if not self._fingerprints or not fingerprint:
            return
        try:
            answers = sum(len(work.finished) for work in self.works.values())
            check_same({FINGERPRINT: self._fingerprints}, {FINGERPRINT: [str(fingerprint)]}, answers=answers)
        except UsageError as error:
            raise RunError(f"{error}; nothing of it was kept", incomplete=True) from None
        self._fingerprints = ()

    async def answer(self, item: Slot, ask: Ask) -> Record:
        """The exchange with the model, as a journal record."""
        record, request = item.record, item.request
        if request is None:  # nothing was sent, so it says nothing of the server
            return self._timed(record)
        try:
            protocol = item.work.protocols.get(record.condition.protocol, SINGLE)
            known = self._turns[item.work.task.task]
            going_on = GoingOn(ask, item.work, record.slot, request, known)
            exchange = await protocol.exchange(going_on, request, item.work.thinks[record.condition.think])
        except InvalidAudioError as error:
            record.error = Failure.of("invalid_audio", str(error))
            return self._timed(record)
        record.attempts = going_on.attempts - len(exchange.turns) + 1
        record.turns = records.exchanged(exchange, request)
        record.response = kept(exchange.response)
        return self._timed(record)

    def line(self, item: Slot, replies: Sequence[Reply]) -> Record:
        """The record that the only reply of a batch job makes."""
        (reply,) = replies
        plan = item.work.thinks[item.record.condition.think]
        if isinstance(reply, Exception):
            item.record.error = Failure.of("error", str(reply))
        else:  # neither API continues an assistant's turn, so there was no prefill
            item.record.response = kept(protocols.read(reply, None, plan))
        return self._timed(item.record)

    def failed(self, item: Slot, error: BaseException) -> Record:
        """An error record: the slot is asked again by the next start."""
        record = item.record
        if isinstance(error, UnwritableError) and record.response is not None:
            error = SampleError(records.unwritable(record.response))
        record.response, record.turns = None, []
        kind = "invalid_audio" if isinstance(error, InvalidAudioError) else "error"
        record.error = Failure.of(kind, why(error))
        if isinstance(error, ExhaustedError | SampleError):
            record.attempts = getattr(error, "attempts", 1)
        return self._timed(record)

    def observe(self, item: Slot, line: Line) -> None:
        """Tell the tally."""
        if isinstance(line, Record):
            self._observe(item.work, line)

    def _timed(self, record: Record) -> Record:
        record.time = round(time.time(), 3)
        return record

    # -- batch jobs

    def submitted(self, item: Slot, number: int) -> Submitted:
        """The record without its answer."""
        del number
        item.record.attempts = 1
        return Submitted(**structs.asdict(item.record), task=item.work.task.task)

    def address(self, submitted: Submitted) -> Hashable:
        """Task and slot."""
        return submitted.task, submitted.slot

    def restore(self, submitted: Submitted) -> Slot | None:
        """The slot, unless an earlier, killed collection has written its record."""
        work = self.works[submitted.task]
        return None if submitted.slot in work.finished else Slot(work, submitted.record())


async def load(
    request: Request, work: TaskWork, threads: ThreadPoolExecutor, *, keyed_as: Request | None = None
) -> tuple[str, Request, list[ClipFacts]]:
    """The request's journal key, the request with audio bytes, and what the journal says of each clip.

    `keyed_as`: the request whose key it is, when `request` is one pass of it.
    """
    _check_count(request, work)
    loaded: list[Sequence[MediaPart]] = []
    facts: list[ClipFacts] = []
    for part in request.media:
        pieces, about = await _load_part(part, work, threads)
        loaded.append(pieces)
        facts.append(about)
        _check_pieces(loaded, part, work)
    pieces_of = iter(loaded)
    whole = request.with_media(lambda _: next(pieces_of))
    keyed = whole
    if keyed_as not in (None, request) or any(len(pieces) > 1 for pieces in loaded):
        # a key knows clips, not the pieces that an adapter wants them in
        firsts = iter(loaded)
        keyed = (keyed_as or request).with_media(lambda _: [replace(next(firsts)[0], data=b"")])
    if keyed.following:  # clips that are sent later are read for their sha256 alone
        return await asyncio.to_thread(key_anew, keyed, work.model_sha256), whole, facts
    return keyed.key(work.model_sha256), whole, facts


async def _load_part(
    part: MediaPart, work: TaskWork, threads: ThreadPoolExecutor
) -> tuple[Sequence[MediaPart], ClipFacts]:
    """One clip as it is sent (an audio clip may be several parts), and what the journal says of it."""
    if isinstance(part, ImagePart):
        if work.model.image is None:
            raise SampleError(f"model {work.model.name} takes no images")
        picture, state = image.loaded(part, work.model.image)
        return [picture], ClipFacts(picture.clip.sha256 or "", str(picture.clip.path), *state, kind="image")
    if isinstance(part, VideoPart):
        if work.model.video is None:
            raise SampleError(f"model {work.model.name} takes no video")
        if part.transform == "full":
            return _filmed(*video.loaded(part, work.model.video))
        return _filmed(*await asyncio.get_running_loop().run_in_executor(threads, video.loaded, part, work.model.video))
    file = audio.fetch(part.clip)

    def prepared() -> tuple[list[AudioPart], ClipFacts]:
        raw = audio.look(file)
        pieces, changed = audio.parts(raw, part.clip, work.model.audio, part.transform, part.span)
        seconds = round(raw.seconds, 3)
        return pieces, ClipFacts(
            raw.sha256, str(part.clip.path), *raw.state, seconds, part.transform, tuple(changed), span=part.span
        )

    if audio.passes(file, work.model.audio, part.transform):
        return prepared()
    return await asyncio.get_running_loop().run_in_executor(threads, prepared)


def _check_pieces(loaded: Sequence[Sequence[MediaPart]], last: MediaPart, work: TaskWork) -> None:
    """Raise InvalidAudioError where the chunks of all clips so far are more than the model takes."""
    most = work.model.audio.max_clips
    parts = sum(len(pieces) for pieces in loaded if isinstance(pieces[0], AudioPart))
    if most is not None and parts > most:
        raise InvalidAudioError(
            last.clip.path, f"{parts} parts of sound in the request; model {work.model.name} takes {most}"
        )


def _filmed(part: VideoPart, state: FileState, changed: tuple[str, ...]) -> tuple[list[VideoPart], ClipFacts]:
    """A video as it is sent, and what the journal says of it."""
    donor = None if part.donor is None else (str(part.donor.path), part.donor.sha256 or "")
    return [part], ClipFacts(
        part.clip.sha256 or "", str(part.clip.path), *state, transform=part.transform, changed=changed,
        kind=part.kind, donor=donor,
    )  # fmt: skip


def _check_count(request: Request, work: TaskWork) -> None:
    """Raise InvalidAudioError for more clips of a kind than the model takes."""
    for kind, support in work.model.media.items():
        parts = [part for part in request.media if part.kind == kind]
        if support.max_clips is not None and len(parts) > support.max_clips:
            of_kind = "" if kind == "audio" else f"{kind} "
            raise InvalidAudioError(
                parts[0].clip.path, f"{len(parts)} {of_kind}clips; model {work.model.name} takes {support.max_clips}"
            )
