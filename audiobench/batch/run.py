"""Submit what is open, wait, and turn the answers into journal lines; safe to kill and to start again at any moment."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from audiobench import prompt, think
from audiobench.audio import InvalidAudioError
from audiobench.batch.apis import BatchApi, Result, Status, batch_api
from audiobench.batch.jobs import Job, jobs
from audiobench.errors import AudiobenchError, ExitCode, UsageError
from audiobench.journal import Journal
from audiobench.runner.engine import Ending, load, new_record, shown_response, shown_sample
from audiobench.runner.work import TaskWork, schedule
from audiobench.types import Condition, Request, Response
from model_adapters.base import RetryableError, RunError, SampleError

TRIES = 6
"""Calls that making a job may take."""
Observer = Callable[[TaskWork, dict[str, Any]], None]


@dataclass(slots=True)
class _Group:
    """Requests that go into one job."""

    records: list[dict[str, Any]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    size: int = 0


class BatchRun:
    """One start of `audiobench run --batch`.

    Args:
        adapter: of the model; the bodies are its own.
        folder: of the run.
        options: a text that differs when the run's options differ.
        poll_seconds: how often a job's state is asked for.
    """

    def __init__(
        self, adapter: Any, works: Sequence[TaskWork], folder: Path, options: str, observe: Observer, *,
        poll_seconds: float = 30.0, allow_other_model: bool = False, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.adapter = adapter
        self.api: BatchApi = batch_api(adapter)
        self.works = {work.task.task: work for work in works}
        self.folder = folder
        self.options = options
        self.observe = observe
        self.poll_seconds = poll_seconds
        self.allow_other_model = allow_other_model
        self.quiet = quiet
        self.ending = Ending()
        self._stopping = asyncio.Event()
        self._journals: dict[str, Journal] = {}
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="audio")
        self._said = ""

    async def run(self) -> Ending:
        """Submit, wait, collect; the ending says what is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted, number)
        try:
            self._journals = {name: Journal(work.journal_path) for name, work in self.works.items()}
            await self._adopt()
            await self._submit_open()
            await self._wait()
        except (RetryableError, SampleError) as error:
            self._stop(ExitCode.INCOMPLETE, f"batch: {error}")
        except RunError as error:
            self._stop(ExitCode.USAGE, str(error))
        except AudiobenchError as error:
            self._stop(error.exit_code, str(error))
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            self._threads.shutdown(wait=False, cancel_futures=True)
            for journal in self._journals.values():
                journal.close()
            await self.adapter.close()
        return self.ending

    def _interrupted(self, number: signal.Signals) -> None:
        count = sum(job.is_open for job in jobs(self.folder))
        code = ExitCode.SIGINT if number == signal.SIGINT else ExitCode.SIGTERM
        self._stop(code, f"interrupted by {number.name}; {count} batch jobs go on at the provider")

    def _stop(self, code: ExitCode, reason: str) -> None:
        if self.ending.reason is None:
            self.ending.exit_code, self.ending.reason = code, reason
        self._stopping.set()

    def _say(self, text: str) -> None:
        if not self.quiet and text != self._said:
            print(text, file=sys.stderr, flush=True)
        self._said = text

    # -- jobs of earlier starts

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
            if job.state["state"] == "planned":
                name = await self.api.find(job.state["token"])
                if name is None:
                    job.note("dropped", message="never reached the provider")
                else:
                    job.note("submitted", job=name)

    # -- what is open

    async def _submit_open(self) -> None:
        taken = {
            (record["task"], *_slot(record)) for job in jobs(self.folder) if job.is_open for record in job.records()
        }
        async for group in self._groups(taken):
            if self._stopping.is_set():
                return
            job = Job.plan(self.folder, self.api.name, self.options, group.records)
            await self._submit(job, group.lines)
            self._say(f"batch: job {job.name} submitted, {len(group.lines)} requests, {group.size / 1e6:.1f} MB")

    async def _groups(self, taken: set[tuple[Any, ...]]) -> AsyncIterator[_Group]:
        group = _Group()
        for work, sample, condition, epoch in schedule(list(self.works.values())):
            if (work.task.task, sample.id, condition, epoch) in taken:
                continue
            record: dict[str, Any] = {"task": work.task.task, **new_record(sample, condition, epoch), "attempts": 1}
            try:
                request = work.request(sample, condition, epoch)
                record["sample"] = shown_sample(request.sample or sample, work.task)
                record["prompt"] = prompt.shown(request)
                record["prompt_sha256"] = hashlib.sha256(orjson.dumps(record["prompt"])).hexdigest()
                hashed, loaded, record["audio"] = await load(request, work, self._threads)
                record["key"] = hashed.key(work.model_sha256)
                line = self.api.line(f"{len(group.records)}-{record['key'][:32]}", loaded)
                if len(line) > self.api.most_bytes:
                    raise SampleError(f"{len(line)} bytes; a batch job of {self.api.name} takes {self.api.most_bytes}")
            except (InvalidAudioError, SampleError) as error:
                kind = "invalid_audio" if isinstance(error, InvalidAudioError) else "error"
                self._append({**record, "error": {"kind": kind, "message": str(error)}})
                continue
            if group.lines and (
                len(group.lines) >= self.api.most_requests or group.size + len(line) > self.api.most_bytes
            ):
                yield group
                group = _Group()
                line = self.api.line(f"0-{record['key'][:32]}", loaded)
            group.records.append(record)
            group.lines.append(line)
            group.size += len(line) + 1
        if group.lines:
            yield group

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

    # -- waiting and collecting

    async def _wait(self) -> None:
        waiting = [job for job in jobs(self.folder) if job.is_open]
        while waiting and not self._stopping.is_set():
            shown = []
            for job in list(waiting):
                try:
                    status = await self.api.status(job.name, _keys(job))
                except RetryableError as error:
                    shown.append(f"{job.name}: {error}")
                    continue
                shown.append(f"{job.name} {status.word} {status.done or 0}/{job.state['requests']}")
                if status.state == "failed":
                    job.note("failed", message=status.message)
                    waiting.remove(job)
                    self._stop(ExitCode.INCOMPLETE, f"batch job {job.name} failed: {status.message or status.word}")
                elif status.state == "ended":
                    await self._collect(job, status)
                    waiting.remove(job)
            self._say("batch: " + ", ".join(shown))
            if waiting:
                await self._pause(self.poll_seconds)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _collect(self, job: Job, status: Status) -> None:
        """Journal lines of an ended job; the slots that an earlier, killed collection wrote stay as they are."""
        results = {result.key: result for result in status.results}
        unanswered = 0
        for key, record in zip(_keys(job), job.records(), strict=True):
            work = self.works.get(record["task"])
            if work is None or _slot(record) in work.finished:
                continue
            result = results.get(key)
            if result is None:
                unanswered += 1
                continue
            record["batch"] = {"api": self.api.name, "job": job.name}
            await self._answer(record, result, work)
            self._append(record)
        for journal in self._journals.values():
            journal.sync()
        job.note("collected", collected=time.time(), word=status.word, unanswered=unanswered)
        if unanswered:
            self.ending.exit_code = ExitCode.INCOMPLETE
            self.ending.reason = f"batch job {job.name} ended as {status.word} with {unanswered} requests unanswered"

    async def _answer(self, record: dict[str, Any], result: Result, work: TaskWork) -> None:
        """Put the response, or why there is none, into `record`.

        Raises:
            RunError: another model answered.
        """
        if result.refused:
            record["response"] = shown_response(
                Response("", finish_reason="content_filter", raw={"blocked": result.error})
            )
            return
        if result.data is None:
            record["error"] = {"kind": "error", "message": result.error}
            return
        try:
            response = self.adapter.parsed(result.data, f"{self.api.name} batch")
        except (RetryableError, SampleError) as error:
            record["error"] = {"kind": "error", "message": str(error)}
            return
        if response.raw.get("model_differs") and not self.allow_other_model:
            raise RunError(
                f"{response.served_model} answered although {work.model.served_model} was asked; nothing of it was "
                "kept (--allow-other-model to go on)"
            )
        plan = work.thinks[record["condition"]["think"]]

        async def answered(_: Request) -> Response:
            return response

        # neither API continues an assistant's turn, so there was no prefill
        record["response"] = shown_response(await think.ask(answered, Request(()), plan))
        if response.served_model:
            served = self.ending.served_models
            served[response.served_model] = served.get(response.served_model, 0) + 1

    def _append(self, record: dict[str, Any]) -> None:
        task = record["task"]
        line = {**{name: value for name, value in record.items() if name != "task"}, "time": round(time.time(), 3)}
        self._journals[task].append(line)
        self.observe(self.works[task], line)


def _slot(record: dict[str, Any]) -> tuple[str, Condition, int]:
    return record["id"], Condition(**record["condition"]), record["epoch"]


def _keys(job: Job) -> list[str]:
    """The names of a job's requests at the provider: place and the beginning of the journal key."""
    return [f"{place}-{record['key'][:32]}" for place, record in enumerate(job.records())]
