"""Judge calls: any text model rates the responses of tasks whose scorer asks for a judge.

The verdicts go into an append-only file beside the journal, so that scoring stays a pure function of files. The judge
sees the model's output as data inside the published template, and a reply that cannot be read is asked for again by
the template's number of runs only: unreadable verdicts are counted, not guessed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from audiobench import journal
from audiobench.errors import ExitCode, UsageError
from audiobench.results import Run, TaskRun
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.engine import Ending
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.score import NOT_JUDGED, sample_of, scorer_of
from audiobench.scorers import JudgeSpec
from audiobench.types import Message, Request, Response, TextPart
from model_adapters.base import Adapter, RunError, SampleError
from model_adapters.registry import build_adapter, find_model

JUDGE_CONCURRENCY = 64


def judge_run(works: Sequence[Any], options: Any) -> Ending:
    """Judge every response of the judged tasks that has no verdict by this judge yet."""
    judged = [work for work in works if scorer_of(work.task.scorer).judge is not None]
    if not judged:
        return Ending()
    spec = find_model(options.judge, base_url=options.judge_base_url)
    adapter = build_adapter(spec, base_url=options.judge_base_url, timeout=options.timeout)
    run = Run.open(judged[0].folder.parent)
    return asyncio.run(_judge_all(adapter, spec.name, [run.tasks[work.task.task] for work in judged], options))


async def _judge_all(adapter: Adapter, judge: str, tasks: Sequence[TaskRun], options: Any) -> Ending:
    gate = Concurrency(options.max_concurrency or JUDGE_CONCURRENCY, adaptive=False)
    policy = RetryPolicy(attempts=options.attempts, attempt_seconds=options.timeout)
    ending = Ending()
    try:
        for task_run in tasks:
            template = scorer_of(task_run.task.scorer).judge
            assert template is not None
            verdicts = task_run.judgements()
            unread = {key for key, line in verdicts.items() if line["value"] is None or line["judge"] != judge}
            writer = journal.Journal(task_run.folder / "judgements.jsonl")
            try:
                open_records = [
                    s.record
                    for s in task_run.scored()
                    if s.outcome.detail.get("message") == NOT_JUDGED or (s.id, s.record["key"]) in unread
                ]
                await asyncio.gather(
                    *(_judge_one(adapter, judge, template, record, gate, policy, writer) for record in open_records)
                )
            finally:
                writer.close()
    except (RunError, UsageError) as error:
        ending = Ending(ExitCode.USAGE, f"judge {judge}: {error}")
    finally:
        await adapter.close()
    return ending


async def _judge_one(
    adapter: Adapter,
    judge: str,
    template: JudgeSpec,
    record: Mapping[str, Any],
    gate: Concurrency,
    policy: RetryPolicy,
    writer: journal.Journal,
) -> None:
    sample = sample_of(record)
    turns = template.render(sample, record["response"]["text"], record["response"].get("reasoning") or "")
    messages = tuple(Message(cast(Any, role), (TextPart(text),)) for role, text in turns)
    replies: list[str] = []
    for number in range(template.runs):
        generation = {**template.generation, "seed": template.generation.get("seed", 0) + number}
        request = Request(messages, generation, sample_id=sample.id, epoch=number, sample=sample)

        async def attempt(request: Request = request) -> Response:
            return await adapter.generate(request)

        try:
            response, _ = await call(attempt, gate, policy)
        except (ExhaustedError, SampleError):
            continue
        replies.append(response.text)
    ratings = [template.parse(reply, sample) for reply in replies]
    writer.append(
        {
            "key": record["key"],
            "id": sample.id,
            "judge": judge,
            "template": template.template_name,
            "prompt_sha256": hashlib.sha256(str(turns).encode()).hexdigest(),
            "replies": replies,
            "ratings": ratings,
            "value": template.combine(ratings),
        }
    )
