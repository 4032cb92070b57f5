"""Asking judges about traces; every reply goes into `<task>/traces.jsonl`, an append-only file beside the journal.

A line: key and id of the judged response, measure, judge, served_models (by which names the judge's server answered),
template_sha256, prompt_sha256, replies, verdicts (null for a reply that cannot be read) and the number of calls that
failed. Lines that exist are not asked for again; lines with a failed call are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from audiobench import journal
from audiobench.ablation.traces.judges import TraceJudge
from audiobench.annotations import TraceVerdict
from audiobench.errors import UsageError
from audiobench.records import Record
from audiobench.runner.closing import close
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.judge import reply_of
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.types import Message, Request, Response, TextPart
from model_adapters.base import Adapter, RunError, SampleError
from model_adapters.spec import ModelSpec

CONCURRENCY = 64

Verdicts = dict[tuple[str, str, str, str], TraceVerdict]
"""(measure, judge, sample id, journal key) -> line."""


@dataclass(frozen=True, slots=True)
class Job:
    """One response to be judged by one measure."""

    file: Path
    measure: TraceJudge
    record: Record
    runs: int


def read(folder: Path) -> Verdicts:
    """What was said so far about the traces of a task; a later line wins."""
    return {(x.measure, x.judge, x.id, x.key): x for x in journal.read(folder / TraceVerdict.FILE, TraceVerdict)}


def open_jobs(jobs: Iterable[Job], judge: str) -> list[Job]:
    """The jobs without a line of this judge, this template and enough runs."""
    known: dict[Path, Verdicts] = {}
    found = []
    for job in jobs:
        lines = known.setdefault(job.file, read(job.file.parent)) if job.file not in known else known[job.file]
        line = lines.get((job.measure.name, judge, job.record.id, job.record.key))
        same = line is not None and line.template_sha256 == job.measure.template_sha256
        if not same or line is None or len(line.replies) < job.runs:
            found.append(job)
    return found


def ask_all(
    adapter: Adapter,
    judge: ModelSpec,
    jobs: Sequence[Job],
    *,
    concurrency: int = CONCURRENCY,
    policy: RetryPolicy | None = None,
) -> Counter[str]:
    """Ask for every job; returns why calls failed for good, counted (their traces are judged by the others).

    Raises:
        UsageError: no call can succeed (wrong key, wrong model).
    """
    gate, policy = Concurrency(concurrency, adaptive=False), policy or RetryPolicy()

    def ask(job: Job, writer: journal.Journal) -> Awaitable[Counter[str]]:
        return _ask(adapter, judge, job, gate, policy, writer)

    return asyncio.run(gather(ask, jobs, adapter, f"judge {judge.name}"))


class Filed(Protocol):
    """Something to ask, whose reply belongs into a file."""

    @property
    def file(self) -> Path:
        """The append-only file."""
        ...


F = TypeVar("F", bound=Filed)


async def gather(
    ask: Callable[[F, journal.Journal], Awaitable[Counter[str]]], jobs: Sequence[F], adapter: Adapter, who: str
) -> Counter[str]:
    """`ask` for every job at once, each with the journal of its file; returns why calls failed for good, counted.

    Raises:
        UsageError: no call can succeed; `who` is what the message calls the model.
    """
    writers = {file: journal.Journal(file) for file in {job.file for job in jobs}}
    tasks = [asyncio.ensure_future(ask(job, writers[job.file])) for job in jobs]
    try:
        return sum(await asyncio.gather(*tasks), Counter())
    except RunError as error:
        raise UsageError(f"{who}: {error}") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers.values():
            writer.close()
        await close(adapter)


async def _ask(
    adapter: Adapter, judge: ModelSpec, job: Job, gate: Concurrency, policy: RetryPolicy, writer: journal.Journal
) -> Counter[str]:
    turns = job.measure.render(job.record)
    messages = tuple(Message(cast(Any, role), (TextPart(text),)) for role, text in turns)
    replies: list[str] = []
    served: set[str] = set()
    failed: Counter[str] = Counter()
    for number in range(job.runs):
        generation = job.measure.generation(number)
        request = Request(messages, generation, sample_id=job.record.id, epoch=number)

        async def attempt(request: Request = request) -> Response:
            return await adapter.generate(request)

        try:
            response, _ = await call(attempt, gate, policy)
        except (ExhaustedError, SampleError) as error:
            failed[str(error)] += 1
            continue
        reply, name = reply_of(response, judge)
        replies.append(reply)
        served.update([name] if name else [])
    writer.append(
        TraceVerdict(
            job.record.id, job.record.key, job.measure.name, judge.name, judge.sha256(), sorted(served),
            job.measure.template_sha256, hashlib.sha256(repr(turns).encode()).hexdigest(),
            replies, [job.measure.parse(reply, job.record) for reply in replies], failed.total(),
        )
    )  # fmt: skip
    return failed
