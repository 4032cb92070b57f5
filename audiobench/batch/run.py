"""A run's open samples as batch jobs: the answers become ordinary journal lines, safe to kill at any moment."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import structs

from audiobench import records, think
from audiobench.audio import InvalidAudioError
from audiobench.batch.apis import Result, Status
from audiobench.batch.jobs import Job, Submitted, jobs
from audiobench.batch.loop import Group, JobLoop, request_key
from audiobench.errors import ExitCode
from audiobench.journal import Journal
from audiobench.limits import BATCH_POLL_SECONDS
from audiobench.records import BatchOrigin, Failure, Record, kept
from audiobench.runner.engine import load
from audiobench.runner.identity import check_answered
from audiobench.runner.work import TaskWork, schedule
from audiobench.types import Condition, Request, Response, Sample
from model_adapters.base import RetryableError, SampleError

Observer = Callable[[TaskWork, Record], None]


class BatchRun(JobLoop):
    """One start of `audiobench run --batch`; arguments as of `JobLoop`."""

    def __init__(
        self, adapter: Any, works: Sequence[TaskWork], folder: Path, options: str, observe: Observer, *,
        poll_seconds: float = BATCH_POLL_SECONDS, allow_other_model: bool = False, quiet: bool = False,
    ) -> None:  # fmt: skip
        names = [work.task.task for work in works]
        super().__init__(adapter, folder, options, names, poll_seconds=poll_seconds, quiet=quiet)
        self.works = {work.task.task: work for work in works}
        self.observe = observe
        self.allow_other_model = allow_other_model
        self._journals = {name: Journal(work.journal_path) for name, work in self.works.items()}
        for name, work in self.works.items():
            work.retire(self._journals[name])
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="audio")

    def close(self) -> None:
        """Sync and close the journals."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for journal in self._journals.values():
            journal.close()

    async def groups(self) -> AsyncIterator[Group]:
        """Open slots, longest clips first."""
        taken = {(record.task, record.slot) for job in jobs(self.folder) if job.is_open for record in job.records()}
        group = Group()
        for work, sample, condition, epoch in schedule(list(self.works.values())):
            if (work.task.task, (sample.id, condition, epoch)) in taken:
                continue
            record = Submitted(**structs.asdict(work.record(sample, condition, epoch)), task=work.task.task)
            record.attempts = 1
            try:
                loaded = await self._request(record, work, sample, condition, epoch)
                line = self.api.line(request_key(len(group.records), record), loaded)
                if len(line) > self.api.most_bytes:
                    raise SampleError(f"{len(line)} bytes; a batch job of {self.api.name} takes {self.api.most_bytes}")
            except (InvalidAudioError, SampleError) as error:
                kind = "invalid_audio" if isinstance(error, InvalidAudioError) else "error"
                record.error = Failure.of(kind, str(error))
                self._append(record)
                continue
            if group.is_full(self.api, len(line)):
                yield group
                group = Group()
                line = self.api.line(request_key(0, record), loaded)
            group.add(record, line)
        if group.lines:
            yield group

    async def _request(
        self, record: Submitted, work: TaskWork, sample: Sample, condition: Condition, epoch: int
    ) -> Request:
        """The request of a slot with its audio; `record` gets what a journal line says of it."""
        request = work.request(sample, condition, epoch)
        records.show(record, request)
        record.key, loaded, record.audio = await load(request, work, self._threads)
        return loaded

    async def collect(self, job: Job, status: Status) -> None:
        """Journal lines of an ended job; the slots that an earlier, killed collection wrote stay as they are."""
        results = {result.key: result for result in status.results}
        unanswered = 0
        for place, record in enumerate(job.records()):
            work = self.works[record.task]
            if record.slot in work.finished:
                continue
            result = results.get(request_key(place, record))
            if result is None:
                unanswered += 1
                continue
            record.batch = BatchOrigin(self.api.name, job.name)
            await self._answer(record, result, work)
            self._append(record)
        for journal in self._journals.values():
            journal.sync()
        job.note("collected", collected=time.time(), word=status.word, unanswered=unanswered)
        if unanswered:
            self.ending.exit_code = ExitCode.INCOMPLETE
            self.ending.reason = f"batch job {job.name} ended as {status.word} with {unanswered} requests unanswered"

    async def _answer(self, record: Submitted, result: Result, work: TaskWork) -> None:
        """Put the response, or why there is none, into `record`.

        Raises:
            RunError: another model answered.
        """
        if result.refused:
            record.response = Response("", finish_reason="content_filter", raw={"blocked": result.error})
            return
        if result.data is None:
            record.error = Failure.of("error", result.error)
            return
        try:
            response = self.adapter.parsed(result.data, f"{self.api.name} batch")
        except (RetryableError, SampleError) as error:
            record.error = Failure.of("error", str(error))
            return
        if not self.allow_other_model:
            check_answered(response, work.model)
        plan = work.thinks[record.condition.think]

        async def answered(_: Request) -> Response:
            return response

        # neither API continues an assistant's turn, so there was no prefill
        record.response = kept(await think.ask(answered, Request(()), plan))

    def _append(self, submitted: Submitted) -> None:
        record = submitted.record()
        record.time = round(time.time(), 3)
        self._journals[submitted.task].append(record)
        self.observe(self.works[submitted.task], record)
