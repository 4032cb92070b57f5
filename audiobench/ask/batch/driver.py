"""The batch driver: it carries a stage by a provider's batch jobs, and is safe to kill at any moment.

One start takes over the jobs that are open, submits the rest, waits and collects.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from audiobench.ask.batch.jobs import Job, Submitted, jobs
from audiobench.ask.closing import close
from audiobench.ask.engine import Ending
from audiobench.ask.identity import check_answered, check_not_retired
from audiobench.ask.stage import I, Line, Reply, Stage
from audiobench.core import event_loop
from audiobench.core.errors import AudiobenchError, ExitCode, UsageError
from audiobench.core.limits import BATCH_POLL_SECONDS
from audiobench.core.types import Request, Response
from audiobench.files.annotations import Judgement
from audiobench.files.journal import Journal
from audiobench.files.records import BatchOrigin, Record
from audiobench.files.run_spec import RunSpec
from audiobench.media import InvalidAudioError
from audiobench.model.adapter import Adapter, RetryableError, RunError, SampleError
from audiobench.model.batch import BatchAdapter, BatchApi, Result, Status

TRIES = 6
"""Calls that making a job may take."""


@dataclass(slots=True)
class Group:
    """Requests that go into one job."""

    records: list[Submitted] = field(default_factory=list[Submitted])
    lines: list[bytes] = field(default_factory=list[bytes])
    size: int = 0

    def add(self, record: Submitted, line: bytes) -> None:
        """One more request."""
        self.records.append(record)
        self.lines.append(line)
        self.size += len(line) + 1

    def is_full(self, api: BatchApi, size: int, requests: int) -> bool:
        """Whether so many bytes and requests more would be too much for one job."""
        too_many = len(self.lines) + requests > api.most_requests or self.size + size > api.most_bytes
        return bool(self.lines) and too_many


def request_key(place: int, record: Submitted) -> str:
    """What a request is called at the provider: its place in the job, and the beginning of its journal key."""
    return f"{place}-{record.key[:32]}"


class BatchDriver(Generic[I]):
    """Carries a stage by batch jobs.

    Args:
        stage: what is open, and what becomes of the replies.
        adapter: of the model; the bodies are its own.
        folder: where the jobs are written down.
        identity: a text that differs when the options differ.
        tasks: names of those that this start is about.
        poll_seconds: how often a job's state is asked for.
    """

    def __init__(
        self, stage: Stage[I], adapter: BatchAdapter, folder: Path, identity: str, tasks: Iterable[str], *,
        poll_seconds: float = BATCH_POLL_SECONDS, allow_other_model: bool = False, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.stage = stage
        self.adapter = adapter
        self.api = adapter.batch_api()
        self.folder = folder
        self.options = identity
        self.names = frozenset(tasks)
        self.poll_seconds = poll_seconds
        self.allow_other_model = allow_other_model
        self.quiet = quiet
        self.ending = Ending()
        self._journals: dict[Path, Journal] = {}
        self._stopping = asyncio.Event()
        self._said = ""

    async def groups(self) -> AsyncIterator[Group]:
        """The open requests, cut into jobs; all requests about one item are in the same job."""
        address = self.stage.address
        taken = {address(record) for job in jobs(self.folder) if job.is_open for record in job.records()}
        group = Group()
        for item in self.stage.open():
            if address(self.stage.submitted(item, 0)) in taken:
                continue
            try:
                loaded = [await self.stage.load(item, request) for request in self.stage.requests(item)]
                records = [self.stage.submitted(item, number) for number in range(len(loaded))]
                lines = self._lines(group, records, loaded)
                if (size := sum(map(len, lines))) > self.api.most_bytes:
                    raise SampleError(f"{size} bytes; a batch job of {self.api.name} takes {self.api.most_bytes}")
            except (InvalidAudioError, SampleError) as error:
                self._write(item, self.stage.failed(item, error))
                continue
            if group.is_full(self.api, sum(map(len, lines)), len(lines)):
                yield group
                group = Group()
                lines = self._lines(group, records, loaded)
            for record, line in zip(records, lines, strict=True):
                group.add(record, line)
        if group.lines:
            yield group

    def _lines(self, group: Group, records: Sequence[Submitted], loaded: Sequence[Request]) -> list[bytes]:
        places = range(len(group.records), len(group.records) + len(records))
        return [
            self.api.line(request_key(place, record), request)
            for place, record, request in zip(places, records, loaded, strict=True)
        ]

    async def collect(self, job: Job, status: Status) -> None:
        """Lines of an ended job; called again for the same job when a process died in between.

        What an earlier, killed collection wrote stays as it is; an item without any reply stays open.
        """
        results = {result.key: result for result in status.results}
        unanswered: list[str] = []
        replies: dict[Hashable, list[Reply]] = {}
        first: dict[Hashable, Submitted] = {}
        for place, record in enumerate(job.records()):
            address = self.stage.address(record)
            first.setdefault(address, record)
            result = results.get(request_key(place, record))
            if result is None:
                unanswered.append(f"unanswered ({status.word})")
            else:
                replies.setdefault(address, []).append(self._reply(result))
        for address, found in replies.items():
            item = self.stage.restore(first[address])
            if item is not None:
                self._write(item, self.stage.made(item, found, batch=True), BatchOrigin(self.api.name, job.name))
        for journal in self._journals.values():
            journal.sync()
        job.collected(status.word, len(unanswered))
        reason = ""
        if self.stage.who:  # beside a run's own journal nothing else tells of an error
            errors = [str(reply) for found in replies.values() for reply in found if isinstance(reply, Exception)]
            self.stage.failures.update([*errors, *unanswered])
            reason = self.stage.failed_in_words() if self.stage.failures else ""
        elif unanswered:
            reason = f"batch job {job.name} ended as {status.word} with {len(unanswered)} requests unanswered"
        if reason and self.ending.reason is None:
            self.ending = Ending(ExitCode.INCOMPLETE, reason)

    def _reply(self, result: Result) -> Reply:
        """What came of one request.

        Raises:
            RunError: another model answered.
        """
        if result.refused:
            return Response("", finish_reason="content_filter", raw={"blocked": result.error})
        if result.data is None:
            return SampleError(result.error)
        try:
            response = self.adapter.parsed(result.data, f"{self.api.name} batch")
        except (RetryableError, SampleError) as error:
            return error
        if not self.allow_other_model:
            check_answered(response, self.stage.model)
        return response

    def _write(self, item: I, line: Line | None, origin: BatchOrigin | None = None) -> None:
        if line is None:
            return
        if isinstance(line, Record | Judgement):
            line.batch = origin
        path = self.stage.path(item)
        if path not in self._journals:
            self._journals[path] = Journal(path)
        self._journals[path].append(line)
        self.stage.observe(item, line)

    async def run(self) -> Ending:
        """Submit, wait, collect; the ending says what is left."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM) if event_loop.takes_signals() else ()
        for number in signals:
            loop.add_signal_handler(number, self._interrupted, number)
        try:
            self.stage.begin()
            await self._adopt()
            async for group in self.groups():
                if self._stopping.is_set():
                    break
                job = Job.plan(self.folder, self.api.name, self.options, group.records)
                await self._submit(job, group.lines)
                self._say(f"batch: job {job.name} submitted, {len(group.lines)} requests, {group.size / 1e6:.1f} MB")
            await self._wait()
        except (RetryableError, SampleError) as error:
            self.stop(ExitCode.INCOMPLETE, f"batch: {error}")
        except (RunError, AudiobenchError) as error:
            self.stop(error.exit_code, str(error))
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            self.stage.end()
            for journal in self._journals.values():
                journal.close()
            await close(self.adapter)
        return self.ending

    def _interrupted(self, number: signal.Signals) -> None:
        count = sum(job.is_open for job in jobs(self.folder))
        code = ExitCode.SIGINT if number == signal.SIGINT else ExitCode.SIGTERM
        self.stop(code, f"interrupted by {number.name}; {count} batch jobs go on at the provider")

    def stop(self, code: ExitCode, reason: str) -> None:
        """End; the first reason counts."""
        if self.ending.reason is None:
            self.ending.exit_code, self.ending.reason = code, reason
        self._stopping.set()

    def _say(self, text: str) -> None:
        if not self.quiet and text != self._said:
            print(text, file=sys.stderr, flush=True)
        self._said = text

    async def _adopt(self) -> None:
        """Find out what became of jobs that an earlier process planned and did not live to note as submitted."""
        for job in jobs(self.folder):
            if not job.is_open:
                continue
            if job.state.options != self.options or job.state.api != self.api.name:
                raise UsageError(
                    f"{job.folder}: a batch job of other options is open in this run's folder; run with those, "
                    "or with another --out"
                )
            others = sorted({record.task for record in job.records()} - self.names)
            if others:
                raise UsageError(
                    f"{job.folder}: an open batch job of this run's folder holds requests of {', '.join(others)} too; "
                    "name these tasks as well, or another --out"
                )
            if job.state.state == "planned":
                name = await self.api.find(job.state.token)
                if name is None:
                    job.ended("dropped", "never reached the provider")
                else:
                    job.submitted(name, None)

    async def _submit(self, job: Job, lines: Sequence[bytes]) -> None:
        """Make the job; after a lost answer it is looked for before it is made again."""
        for number in range(TRIES):
            try:
                name = await self.api.find(job.state.token) if number else None
                name = name or await self.api.submit(lines, job.state.token)
            except RetryableError as error:
                if number == TRIES - 1 or self._stopping.is_set():
                    raise
                await self._pause(max(error.retry_after or 0.0, min(60.0, 0.5 * 2**number)))
                continue
            except SampleError as error:
                job.ended("failed", str(error))
                raise
            job.submitted(name, time.time())
            return

    async def _wait(self) -> None:
        waiting = [job for job in jobs(self.folder) if job.is_open]
        while waiting and not self._stopping.is_set():
            shown: list[str] = []
            for job in list(waiting):
                try:
                    status = await self.api.status(job.name)
                except RetryableError as error:
                    shown.append(f"{job.name}: {error}")
                    continue
                shown.append(f"{job.name} {status.word} {status.done or 0}/{job.state.requests}")
                if status.state == "failed":
                    job.ended("failed", status.message)
                    waiting.remove(job)
                    self.stop(ExitCode.INCOMPLETE, f"batch job {job.name} failed: {status.message or status.word}")
                elif status.state == "ended":
                    await self.collect(job, status)
                    waiting.remove(job)
            self._say("batch: " + ", ".join(shown))
            if waiting:
                await self._pause(self.poll_seconds)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def carry_by_jobs(
    stage: Stage[I], adapter: Adapter, folder: Path, identity: str, tasks: Iterable[str], options: RunSpec
) -> Ending:
    """Submit what is open, wait and collect; resumes jobs that are open. Arguments as of `BatchDriver`.

    Raises:
        UsageError: the adapter has no batch jobs, or its model is retired.
    """
    if not isinstance(adapter, BatchAdapter):
        raise UsageError(f"model {stage.model.name}: adapter {stage.model.adapter} has no batch jobs")
    if not options.allow_other_model:
        check_not_retired(stage.model)
    driver = BatchDriver(
        stage, adapter, folder, identity, tasks, poll_seconds=options.batch_poll,
        allow_other_model=options.allow_other_model, quiet=options.quiet,
    )  # fmt: skip
    return event_loop.run(driver.run())
