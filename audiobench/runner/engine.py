"""The event loop of a run: load the audio, ask, write the journal line; nothing is held back until the end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from audiobench import audio, records, think, video
from audiobench.audio import InvalidAudioError
from audiobench.errors import AudiobenchError, ExitCode, IncompleteError
from audiobench.journal import Journal, UnwritableError
from audiobench.records import ClipFacts, Failure, Record, checked, kept, measured, unwritable
from audiobench.runner.closing import close
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.identity import check_answered
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.runner.work import TaskWork, schedule
from audiobench.types import AudioPart, Condition, MediaPart, Request, Response, Sample, VideoPart
from model_adapters.base import Adapter, RetryableError, RunError, SampleError

GRACE_SECONDS = 10.0
"""How long what is in flight may take to finish after SIGINT or SIGTERM."""
EMPTY_RETRIES = 2
"""An empty answer is asked for again this often; after that it stands, as unparsed."""
HOPELESS = 20
"""This many failed requests in a row, before any success, end the run."""
HOPELESS_LATER = 100
"""The same after a success; at least twice what may be on the wire at once."""


class _NotSent(Exception):
    """A request that was still waiting for its turn when the run was to stop: it stays open."""


Observer = Callable[[TaskWork, Record], None]
"""Called with every journal record, as it is written."""


@dataclass(slots=True)
class Ending:
    """How a run ended."""

    exit_code: ExitCode = ExitCode.OK
    reason: str | None = None


class Engine:
    """Drives one adapter over the open slots of some tasks."""

    def __init__(
        self,
        adapter: Adapter,
        works: Sequence[TaskWork],
        gate: Concurrency,
        policy: RetryPolicy,
        observe: Observer,
        *,
        stop_when: Callable[[], str | None] = lambda: None,
        allow_other_model: bool = False,
    ) -> None:
        self.adapter = adapter
        self.works = works
        self.gate = gate
        self.policy = policy
        self.observe = observe
        self.stop_when = stop_when
        self.ending = Ending()
        self.allow_other_model = allow_other_model
        """Go on when another model answers than the one that was asked."""
        self._journals: dict[str, Journal] = {}
        self._slots: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="audio")
        self._stopping = asyncio.Event()
        self._grace: float | None = GRACE_SECONDS
        self._freed = asyncio.Event()
        """Set whenever a slot ends or the run is to stop."""
        self._failures = 0
        self._succeeded = False

    async def run(self) -> Ending:
        """Ask everything that is open; returns how it ended. Journals are closed and synced in every case."""
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM"):
            loop.add_signal_handler(getattr(signal, name), self._interrupted, getattr(signal, name))
        try:
            for work in self.works:
                self._journals[work.task.task] = Journal(work.journal_path)
                work.retire(self._journals[work.task.task])
            for work, sample, condition, epoch in schedule(self.works):
                if self._stopping.is_set():
                    break
                slot = asyncio.create_task(self._slot(work, sample, condition, epoch))
                self._slots.add(slot)
                slot.add_done_callback(self._slots.discard)
                slot.add_done_callback(lambda _: self._freed.set())
                await self._room()
            await self._drain()
        except AudiobenchError as error:
            self._stop(error.exit_code, str(error))
        finally:
            for slot in self._slots:
                slot.cancel()
            await asyncio.gather(*self._slots, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._close_journals()
            await close(self.adapter)
            for name in ("SIGINT", "SIGTERM"):
                loop.remove_signal_handler(getattr(signal, name))
        return self.ending

    async def _room(self) -> None:
        """Let begun work go first; hold a window of open slots, not the whole data set."""
        await asyncio.sleep(0)
        while len(self._slots) >= 2 * self.gate.limit + 8 and not self._stopping.is_set():
            self._freed.clear()
            await self._freed.wait()

    async def _drain(self) -> None:
        while self._slots and not self._stopping.is_set():
            self._freed.clear()
            await self._freed.wait()
        if self._slots:
            await asyncio.wait(self._slots, timeout=self._grace)

    def _interrupted(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            for slot in self._slots:
                slot.cancel()
        code = ExitCode.SIGINT if number == signal.SIGINT else ExitCode.SIGTERM
        self._stop(code, f"interrupted by {number.name}")

    def _stop(self, code: ExitCode, reason: str) -> None:
        if self.ending.reason is None:
            self.ending.exit_code = code
            self.ending.reason = reason
        self._stopping.set()
        self._freed.set()

    def _close_journals(self) -> None:
        for journal in self._journals.values():
            try:
                journal.close()
            except OSError as error:
                self._stop(ExitCode.INCOMPLETE, f"{journal.path}: {error.strerror}")

    async def _slot(self, work: TaskWork, sample: Sample, condition: Condition, epoch: int) -> None:
        """One sample under one condition and epoch, from request to journal line."""
        if self._stopping.is_set():
            return
        record = work.record(sample, condition, epoch)
        try:
            request = work.request(sample, condition, epoch)
        except SampleError as error:  # nothing was sent, so it says nothing of the server
            record.error = Failure.of("error", str(error))
            self._write(work, record)
            return
        try:
            records.show(record, request)
            await self._ask(work, request, condition, record)
            self._succeeded = True
            self._failures = 0
        except _NotSent:
            return
        except InvalidAudioError as error:
            record.error = Failure.of("invalid_audio", str(error))
        except (ExhaustedError, SampleError) as error:
            record.error = Failure.of("error", str(error))
            record.attempts = getattr(error, "attempts", 1)
            self._failed(str(error))
        except (RunError, AudiobenchError) as error:
            self._stop(error.exit_code, str(error))
            return
        except (Exception, SystemExit) as error:
            # an adapter of the user's own may raise anything: that sample's error, and the others go on
            why = Failure.of("error", f"{type(error).__name__}: {error}")
            record.error = why
            self._failed(why.message)
        self._write(work, record)

    def _write(self, work: TaskWork, record: Record) -> None:
        """Write the record of an ended slot, and stop the run where it is the last that is wanted."""
        record.time = round(time.time(), 3)
        try:
            try:
                self._journals[work.task.task].append(record)
            except UnwritableError:
                if record.response is None:
                    raise
                record.error, record.response = Failure.of("error", unwritable(record.response)), None
                self._journals[work.task.task].append(record)
        except IncompleteError as error:
            self._stop(error.exit_code, str(error))
            return
        self.observe(work, record)
        reason = self.stop_when()
        if reason:
            self._grace = None  # what is on the wire is paid for: its answers are waited for
            self._stop(ExitCode.INCOMPLETE, reason)

    async def _ask(self, work: TaskWork, request: Request, condition: Condition, record: Record) -> None:
        attempts = 0
        keys: list[str] = []
        two_pass = work.thinks[condition.think].two_pass

        async def once(pending: Request) -> Response:
            """One call with retries; audio is read inside the gate, so only what is on the wire is in memory.

            The key is that of the request itself, not of a pass of it (a budget in two passes asks twice).
            """
            nonlocal attempts
            calls = 0

            async def attempt() -> Response:
                nonlocal calls
                if self._stopping.is_set() and not attempts:
                    raise _NotSent
                calls += 1
                key, loaded, facts = await load(pending, work, self._threads, keyed_as=request)
                record.audio = facts
                # handed over, not held: an adapter lets go of the clip once its body is built
                handed = [loaded]
                del loaded
                if not keys:
                    keys.append(key)
                response = checked(await self.adapter.generate(handed.pop()))
                if not self.allow_other_model:
                    check_answered(response, work.model)
                empty = not response.text and not response.reasoning and response.finish_reason == "stop"
                if empty and not (two_pass and pending.prefill == request.prefill):  # a thought may close at once
                    record.empty += 1
                    if record.empty <= EMPTY_RETRIES and calls < self.policy.attempts:
                        counted = {k: n for k, n in measured(response.usage).items() if isinstance(n, int | float)}
                        record.discarded.append(counted)  # it is billed all the same
                        raise RetryableError("the answer is empty")
                return response

            response, number = await call(attempt, self.gate, self.policy)
            attempts += number
            return response

        response = await think.ask(once, request, work.thinks[condition.think])
        record.key = keys[0]
        passes = 2 if two_pass else 1
        record.attempts = attempts - passes + 1
        record.response = kept(response)

    def _failed(self, message: str) -> None:
        self._failures += 1
        enough = HOPELESS if not self._succeeded else max(HOPELESS_LATER, 2 * self.gate.limit)
        if self._failures >= enough:
            first = "" if self._succeeded else "first "
            self._stop(
                ExitCode.INCOMPLETE,
                f"{self._failures} {first}requests all failed, so the run was stopped; the last one: {message}",
            )


async def load(
    request: Request, work: TaskWork, threads: ThreadPoolExecutor, *, keyed_as: Request | None = None
) -> tuple[str, Request, list[ClipFacts]]:
    """The request's journal key, the request with audio bytes, and what the journal says of each clip.

    `keyed_as`: the request whose key it is, when `request` is one pass of it.
    """
    _check_count(request, work)
    loaded: list[list[AudioPart] | list[VideoPart]] = []
    facts: list[ClipFacts] = []
    for part in request.media:
        pieces, about = await _load_part(part, work, threads)
        loaded.append(pieces)
        facts.append(about)
    pieces_of = iter(loaded)
    whole = request.with_media(lambda _: next(pieces_of))
    keyed = whole
    if keyed_as not in (None, request) or any(len(pieces) > 1 for pieces in loaded):
        # a key knows clips, not the pieces that an adapter wants them in
        firsts = iter(loaded)
        keyed = (keyed_as or request).with_media(lambda _: [replace(next(firsts)[0], data=b"")])
    return keyed.key(work.model_sha256), whole, facts


async def _load_part(
    part: MediaPart, work: TaskWork, threads: ThreadPoolExecutor
) -> tuple[list[AudioPart] | list[VideoPart], ClipFacts]:
    """One clip as it is sent (an audio clip may be several parts), and what the journal says of it."""
    if isinstance(part, VideoPart):
        if work.model.video is None:
            raise SampleError(f"model {work.model.name} takes no video")
        read, mtime_ns = video.loaded(part, work.model.video)
        return [read], ClipFacts(read.clip.sha256 or "", str(read.clip.path), len(read.data), mtime_ns, kind="video")
    raw = audio.read(part.clip)
    clip = replace(part.clip, sha256=raw.sha256, seconds=raw.seconds)
    if audio.passes(raw, work.model.audio, part.transform):
        pieces, changed = audio.parts(raw, clip, work.model.audio, part.transform, part.span)
    else:
        loop = asyncio.get_running_loop()
        pieces, changed = await loop.run_in_executor(
            threads, audio.parts, raw, clip, work.model.audio, part.transform, part.span
        )
    seconds = round(raw.seconds, 3)
    return pieces, ClipFacts(
        raw.sha256, str(clip.path), raw.size, raw.mtime_ns, seconds, part.transform, tuple(changed), span=part.span
    )


def _check_count(request: Request, work: TaskWork) -> None:
    """Raise InvalidAudioError for more clips of a kind than the model takes."""
    for kind, support in work.model.media.items():
        parts = [part for part in request.media if part.kind == kind]
        if support.max_clips is not None and len(parts) > support.max_clips:
            of_kind = "" if kind == "audio" else f"{kind} "
            raise InvalidAudioError(
                parts[0].clip.path, f"{len(parts)} {of_kind}clips; model {work.model.name} takes {support.max_clips}"
            )
