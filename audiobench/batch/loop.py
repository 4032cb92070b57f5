"""One start of a set of batch jobs: take over what is open, submit the rest, wait, collect.

What the jobs are made of, and what becomes of their answers, is a subclass's.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiobench.batch.apis import BatchApi, Status, batch_api
from audiobench.batch.jobs import Job, Submitted, jobs
from audiobench.errors import AudiobenchError, ExitCode, UsageError
from audiobench.limits import BATCH_POLL_SECONDS
from audiobench.runner.closing import close
from audiobench.runner.engine import Ending
from model_adapters.base import RetryableError, RunError, SampleError

TRIES = 6
"""Calls that making a job may take."""


@dataclass(slots=True)
class Group:
    """Requests that go into one job."""

    records: list[Submitted] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, record: Submitted, line: bytes) -> None:
        """One more request."""
        self.records.append(record)
        self.lines.append(line)
        self.size += len(line) + 1

    def is_full(self, api: BatchApi, size: int) -> bool:
        """Whether `size` bytes more would be too much for one job."""
        return bool(self.lines) and (len(self.lines) >= api.most_requests or self.size + size > api.most_bytes)


def request_key(place: int, record: Submitted) -> str:
    """What a request is called at the provider: its place in the job, and the beginning of its journal key."""
    return f"{place}-{record.key[:32]}"


class JobLoop:
    """The loop.

    Args:
        adapter: of the model; the bodies are its own.
        folder: where the jobs are written down.
        options: a text that differs when the options differ.
        tasks: names of those that this start is about.
        poll_seconds: how often a job's state is asked for.
    """

    def __init__(
        self, adapter: Any, folder: Path, options: str, tasks: Iterable[str], *,
        poll_seconds: float = BATCH_POLL_SECONDS, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.adapter = adapter
        self.api: BatchApi = batch_api(adapter)
        self.folder = folder
        self.options = options
        self.names = frozenset(tasks)
        self.poll_seconds = poll_seconds
        self.quiet = quiet
        self.ending = Ending()
        self._stopping = asyncio.Event()
        self._said = ""

    def groups(self) -> AsyncIterator[Group]:
        """The open requests, cut into jobs; requests of open jobs are not open."""
        raise NotImplementedError("a subclass says what is open")

    async def collect(self, job: Job, status: Status) -> None:
        """Take the answers of an ended job; called again for the same job when a process died in between."""
        raise NotImplementedError("a subclass keeps the answers")

    def close(self) -> None:
        """Close files."""

    async def run(self) -> Ending:
        """Submit, wait, collect; the ending says what is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted, number)
        try:
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
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            self.close()
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
            if job.state["options"] != self.options or job.state["api"] != self.api.name:
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
            if job.state["state"] == "planned":
                name = await self.api.find(job.state["token"])
                if name is None:
                    job.note("dropped", message="never reached the provider")
                else:
                    job.note("submitted", job=name)

    async def _submit(self, job: Job, lines: Sequence[bytes]) -> None:
        """Make the job; after a lost answer it is looked for before it is made again."""
        for number in range(TRIES):
            try:
                name = await self.api.find(job.state["token"]) if number else None
                name = name or await self.api.submit(lines, job.state["token"])
            except RetryableError as error:
                if number == TRIES - 1 or self._stopping.is_set():
                    raise
                await self._pause(max(error.retry_after or 0.0, min(60.0, 0.5 * 2**number)))
                continue
            except SampleError as error:
                job.note("failed", message=str(error))
                raise
            job.note("submitted", job=name, submitted=time.time())
            return

    async def _wait(self) -> None:
        waiting = [job for job in jobs(self.folder) if job.is_open]
        while waiting and not self._stopping.is_set():
            shown = []
            for job in list(waiting):
                try:
                    status = await self.api.status(job.name)
                except RetryableError as error:
                    shown.append(f"{job.name}: {error}")
                    continue
                shown.append(f"{job.name} {status.word} {status.done or 0}/{job.state['requests']}")
                if status.state == "failed":
                    job.note("failed", message=status.message)
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
