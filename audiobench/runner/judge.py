"""Judge calls: any text model rates the responses of tasks whose scorer asks for a judge.

The verdicts go into an append-only file beside the journal, so that scoring stays a pure function of files. The judge
sees the model's output as data inside the published template, and a reply that cannot be read is asked for again by
the template's number of runs only: unreadable verdicts are counted, not guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from audiobench import journal, think
from audiobench.annotations import Judgement
from audiobench.errors import UsageError
from audiobench.records import Record
from audiobench.results import Run, Scored, TaskRun
from audiobench.runner.closing import close
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.engine import Ending
from audiobench.runner.identity import check_answered
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.score import scorer_of
from audiobench.scorers import JudgeSpec
from audiobench.speech.heard import pending
from audiobench.types import Message, Request, Response, TextPart
from model_adapters.base import Adapter, RunError, SampleError
from model_adapters.registry import build_adapter, find_model
from model_adapters.spec import ModelSpec

JUDGE_CONCURRENCY = 64


Asking = Callable[[Adapter, ModelSpec, Sequence[TaskRun], Any], Coroutine[Any, Any, Ending]]
"""How a judge is asked: `ask_live`, or `batch.judging.ask_by_batch`."""


def judge_run(works: Sequence[Any], options: Any, ask: Asking) -> Ending:
    """Judge every response of the judged tasks that has no verdict by this judge yet."""
    judged = [work for work in works if scorer_of(work.task.scorer).judge is not None]
    if not judged:
        return Ending()
    spec = find_model(options.judge, base_url=options.judge_base_url)
    adapter = build_adapter(spec, base_url=options.judge_base_url, timeout=options.timeout)
    run = Run.open(judged[0].folder.parent)
    return asyncio.run(ask(adapter, spec, [run.tasks[work.task.task] for work in judged], options))


def open_records(task_run: TaskRun, judge: ModelSpec) -> list[Record]:
    """Responses without a verdict, with one that could not be read, or with one by another judge."""
    verdicts, digest = task_run.judgements(), judge.sha256()
    unread = {slot for slot, line in verdicts.items() if line.value is None or line.judge_sha256 != digest}
    return [s.record for s in task_run.scored() if awaits_judge(s) or s.slot in unread]


def awaits_judge(scored: Scored) -> bool:
    """Whether nothing but a judge's verdict is missing."""
    return scored.outcome.status == "pending" and not pending(scored.record)


def judge_requests(template: JudgeSpec, record: Record) -> list[Request]:
    """What a judge is asked about a response: the template's number of times, with seeds that differ unless it fixes one."""
    sample = record.shown()
    turns = template.render(sample, record.text, record.reasoning)
    messages = tuple(Message(cast(Any, role), (TextPart(text),)) for role, text in turns)
    return [
        Request(
            messages,
            {"seed": number, **template.generation},
            sample_id=sample.id,
            epoch=number,
            sample=sample,
        )
        for number in range(template.runs)
    ]


def reply_of(response: Response, judge: ModelSpec) -> tuple[str, str | None]:
    """(what the judge said, without its thought; the model that said it)."""
    return think.split(response, None, judge.thinking).text, response.served_model


def verdict(judge: ModelSpec, template: JudgeSpec, record: Record, said: Sequence[tuple[str, str | None]]) -> Judgement:
    """The line of judgements.jsonl that these replies (`reply_of`) make."""
    replies = [reply for reply, _ in said]
    sample = record.shown()
    turns = template.render(sample, record.text, record.reasoning)
    ratings = [template.parse(reply, sample) for reply in replies]
    return Judgement(
        sample.id,
        record.key,
        template.combine(ratings),
        judge=judge.name,
        judge_sha256=judge.sha256(),
        template=template.template_name,
        served_models=sorted({name for _, name in said if name}),
        prompt_sha256=hashlib.sha256(str(turns).encode()).hexdigest(),
        replies=replies,
        ratings=ratings,
    )


async def ask_live(adapter: Adapter, judge: ModelSpec, tasks: Sequence[TaskRun], options: Any) -> Ending:
    """Ask by calls, all at once; each verdict is written as its replies are in."""
    gate = Concurrency(options.max_concurrency or JUDGE_CONCURRENCY, adaptive=False)
    policy = RetryPolicy(attempts=options.attempts, attempt_seconds=options.timeout)
    ending = Ending()
    try:
        for task_run in tasks:
            template = scorer_of(task_run.task.scorer).judge
            assert template is not None
            writer = journal.Journal(task_run.folder / Judgement.FILE)
            try:
                await asyncio.gather(
                    *(
                        _judge_one(adapter, judge, template, record, gate, policy, writer, options.allow_other_model)
                        for record in open_records(task_run, judge)
                    )
                )
            finally:
                writer.close()
    except (RunError, UsageError) as error:
        ending = Ending(error.exit_code, f"judge {judge.name}: {error}")
    finally:
        await close(adapter)
    return ending


async def _judge_one(
    adapter: Adapter,
    judge: ModelSpec,
    template: JudgeSpec,
    record: Record,
    gate: Concurrency,
    policy: RetryPolicy,
    writer: journal.Journal,
    allow_other_model: bool,
) -> None:
    said: list[tuple[str, str | None]] = []
    for request in judge_requests(template, record):

        async def attempt(request: Request = request) -> Response:
            return await adapter.generate(request)

        try:
            response, _ = await call(attempt, gate, policy)
        except (ExhaustedError, SampleError):
            continue
        if not allow_other_model:
            check_answered(response, judge)
        said.append(reply_of(response, judge))
    writer.append(verdict(judge, template, record, said))
