"""A prepared run, carried out: ask what is open, judge, summarise."""

from __future__ import annotations

import gc
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

import msgspec

from audiobench import data as dataset
from audiobench.ask import corrected, hypotheses, identity
from audiobench.ask.batch.driver import carry_by_jobs
from audiobench.ask.batch.jobs import jobs
from audiobench.ask.concurrency import Concurrency
from audiobench.ask.engine import Ending, Engine
from audiobench.ask.judge import judge_run
from audiobench.ask.measure import measure_run
from audiobench.ask.model_stage import ModelStage
from audiobench.ask.nli import nli_run
from audiobench.ask.prepare import Prepared, prepare
from audiobench.ask.progress import Progress, Tally
from audiobench.ask.reach import answering, check_server, reach, reached
from audiobench.ask.reader import reader_run
from audiobench.ask.replicated import note_used
from audiobench.ask.retry import RetryPolicy
from audiobench.ask.run_folder import run_name
from audiobench.ask.transcribe import transcribe_run
from audiobench.ask.work import TaskWork
from audiobench.core import event_loop
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.types import Outcome
from audiobench.data.loading import content_sha256
from audiobench.extraction import version_of
from audiobench.files import journal, plan, run_info, summary_entry
from audiobench.files.records import Record
from audiobench.files.summary_entry import SummaryEntry
from audiobench.model.adapter import Adapter
from audiobench.model.spec import ModelSpec
from audiobench.replicas.fleet import Fleet
from audiobench.results import cost
from audiobench.results import runs as results
from audiobench.results.answers import Answers, answers_of
from audiobench.results.score import outcome, scorer_of
from audiobench.results.submission import write_submission
from audiobench.results.summary import Served, summarise
from audiobench.task.spec import TaskSpec

DEFAULT_MAX_CONCURRENCY = 256
ONLY_THOUGHT = (
    "20 answers hold reasoning and no text: the server's reasoning parser takes whole answers for thought, or the wrong one "
    "is set (vLLM: --reasoning-parser); they count as unparsed"
)


@dataclass(slots=True)
class RunResult:
    """What a run came to."""

    folder: Path
    exit_code: ExitCode
    reason: str | None
    summaries: list[SummaryEntry]
    tally: Tally
    model: str
    tasks: dict[str, TaskSpec]
    costs: list[cost.Share]
    """What the run has cost so far, by part; empty where nothing has a price."""


def execute(prepared: Prepared) -> RunResult:
    """Ask what is open, then judge and summarise. The journals make this safe to repeat at any point."""
    options = prepared.options
    if (stopped := _ask_external(prepared)) is not None:
        return stopped
    # before any file is written: who lacks a key, an address or a GPU leaves nothing behind
    adapter = reach(prepared) if prepared.finished < prepared.total else None
    lock = journal.RunLock(prepared.folder)
    try:
        for work in prepared.works:
            work.mark_finished()  # again: another start may have answered some in the meantime
            corrected.supersede(work)
        # held to the end: what the progress line has read, the summary remembers
        answers = {work.task.task: answers_of(work.journal_path) for work in prepared.works}
        ending = Ending()
        tally = Tally(prepared.total, prepared.finished)
        if options.max_cost is not None:
            tally.spent_before = cost.spent(prepared.folder, prepared.model)
        if prepared.finished == prepared.total:
            check_server(prepared, reached(prepared))
            write_plans(prepared)
        else:
            if not options.batch:
                no_open_batch(prepared.folder)
            with answering(prepared, adapter) as adapter:
                check_server(prepared, adapter)
                write_plans(prepared)
                tally.started = time.monotonic()
                if isinstance(adapter, Fleet):
                    tally.replicas = adapter.shown
                since = time.time()
                try:
                    with Progress(tally, quiet=options.quiet) as progress:
                        ending = _drive(prepared, adapter, tally, progress, answers)
                finally:
                    note_used(prepared.folder, adapter, since)
        stages = (
            (options.asr, transcribe_run), (any(work.task.measures for work in prepared.works), measure_run),
            (options.reader, reader_run), (options.judge, judge_run), (options.nli, nli_run),
        )  # fmt: skip
        for named, stage_run in stages:
            if named and ending.exit_code is ExitCode.OK:
                spent = cost.spent(prepared.folder, prepared.model) if options.max_cost is not None else 0.0
                ending = stage_run(prepared.works, options, spent)
        gone = not (prepared.folder / run_info.FILE).is_file()
        summaries = [] if gone and ending.reason else write_summaries(prepared)
        may_cost = cost.is_known(prepared.model) or any((options.asr, options.reader, options.judge))
        costs = cost.account(prepared.folder, prepared.model) if may_cost else []
    finally:
        lock.release()
    if tally.priced and ending.reason and options.max_cost is not None and isfinite(tally.dollars):
        ending.reason += (
            f"; ${tally.dollars:.2f} spent by this command, ${tally.spent_before + tally.dollars:.2f} in all"
        )
    if tally.estimated and isfinite(tally.dollars):
        print(
            f"audiobench: warning: --max-cost: {tally.estimated} answers came without token counts and were counted at an "
            "estimate (4 characters a token, sound by the second); the bill may differ",
            file=sys.stderr,
        )
    code = ending.exit_code if ending.exit_code is not ExitCode.OK else completeness(summaries)
    tasks = {work.task.task: work.task for work in prepared.works}
    return RunResult(prepared.folder, code, ending.reason, summaries, tally, prepared.model.name, tasks, costs)


def _ask_external(prepared: Prepared) -> RunResult | None:
    """Ask the model whose answers are shown to this one, where `--external` names one; its own result where it was
    stopped before its end.
    """
    if prepared.external is None or not any(work.awaits_hypotheses for work in prepared.works):
        return None
    if not prepared.options.quiet:
        print(f"external: {prepared.external.model} answers first -> {prepared.external.out}", file=sys.stderr)
    result = execute(prepare(prepared.external))
    if result.reason is not None:
        tally = Tally(prepared.total, prepared.finished)
        tasks = {work.task.task: work.task for work in prepared.works}
        reason = f"external {prepared.external.model}: {result.reason}"
        return RunResult(prepared.folder, result.exit_code, reason, [], tally, prepared.model.name, tasks, [])
    for work in prepared.works:
        found = hypotheses.find(prepared.options.external or "", work.task, work.samples, prepared.folder)
        work.hypotheses = found.texts
        work.awaits_hypotheses = False
        work.forget_finished()
    return None


def no_open_batch(folder: Path) -> None:
    """Raise UsageError when batch jobs of an earlier start may still bring what would be asked anew."""
    if not (folder / "batch").is_dir():
        return

    waiting = [job.name for job in jobs(folder) if job.is_open]
    if waiting:
        raise UsageError(f"{folder}: batch jobs are open ({', '.join(waiting)}); add --batch to collect their answers")


def _drive(
    prepared: Prepared, adapter: Adapter, tally: Tally, progress: Progress, answers: Mapping[str, Answers]
) -> Ending:
    options, model = prepared.options, prepared.model

    def observe(work: TaskWork, record: Record) -> None:
        result = outcome(record, work.task, read=answers[work.task.task].read)
        if result.status == "pending":
            result = Outcome("scored")
        dollars = cost.of_record(record, model)
        if dollars is None and record.response is not None and options.max_cost is not None:
            dollars = cost.estimated(record, model)
            tally.estimated += dollars > 0
        tally.add(result, record.attempts, dollars, f"{work.task.task} {record.condition.label}")
        if tally.only_thought(record.response):
            print(f"audiobench: warning: {ONLY_THOUGHT}", file=sys.stderr, flush=True)
        progress.update()

    def over_budget() -> str | None:
        if tally.dollars == inf:
            return (
                "--max-cost: the server does not say what an answer cost, and the model file has no price to count by"
            )
        if options.max_cost is not None and tally.spent_before + tally.dollars >= options.max_cost:
            return f"--max-cost {options.max_cost:g}: reached; raise it to continue; requests that were already sent are still paid for"
        return None

    known = run_info.read(prepared.folder).server.get(identity.FINGERPRINT, [])
    varies = len(known) > max(1, len(options.base_url))  # by itself, so that a new one says nothing
    check = prepared.finished and not varies and not options.allow_other_model
    stage = ModelStage(prepared.works, observe, known if check else ())
    if options.batch:
        named = run_name(model, options)
        return carry_by_jobs(stage, adapter, prepared.folder, named, list(stage.works), options)
    gc.freeze()  # the plan lives to the end: no need to look through it again and again
    maximum = options.max_concurrency or model.max_concurrency or DEFAULT_MAX_CONCURRENCY
    if isinstance(adapter, Fleet) and options.max_concurrency is None:
        maximum = max(maximum, adapter.concurrency)
    engine = Engine(
        stage,
        adapter,
        Concurrency(maximum, adaptive=options.max_concurrency is None),
        RetryPolicy(attempts=options.attempts, attempt_seconds=options.timeout),
        stop_when=over_budget,
        allow_other_model=options.allow_other_model,
    )
    return event_loop.run(engine.run())


def write_plans(prepared: Prepared) -> None:
    """run.json and each task's plan.json."""
    options, model = prepared.options, prepared.model
    for work in prepared.works:
        data = prepared.datasets[work.task.task]
        parts = work.task.fingerprint(work.prompt, fingerprint_extra(work.task, data, model))
        if work.pool:  # which examples they are
            told = f"{parts['prompt']} {content_sha256(work.pool)} {work.seed}"
            parts["prompt"] = hashlib.sha256(told.encode()).hexdigest()
        plan.write(
            work.folder,
            plan.Plan(
                task=work.task.model_dump(mode="json", by_alias=True),
                prompt=work.prompt.model_dump(mode="json"),
                ids=[sample.id for sample in work.samples],
                conditions=work.conditions,
                fewer_orders=work.fewer_orders,
                epochs=work.epochs,
                shard=options.shard,
                seed=work.seed,
                overrides=dict(work.overrides),
                dataset=plan.DataFacts(
                    data.source, data.revision, data.form, data.total, data.content_sha256, list(data.notes)
                ),
                fingerprint=parts,
                protocols=work.versions,
            ),
        )
    tasks = [work.task.task for work in prepared.works]
    info = run_info.started(prepared.folder, model, tasks, options.base_url, prepared.starts, prepared.server)
    run_info.write(prepared.folder, info)


def fingerprint_extra(task: TaskSpec, data: dataset.Dataset, model: ModelSpec) -> dict[str, str]:
    """Fingerprint parts that the task file alone does not know; `quantisation`, in words, only where there is some."""
    quantised = {"quantisation": model.quantisation} if model.quantisation else {}
    return {
        **quantised,
        "scorer_version": f"{scorer_of(task).name}@{scorer_of(task).version}",
        "extraction_version": version_of(task.extraction),
        "revision": data.revision or "",
    }


def write_summaries(prepared: Prepared) -> list[SummaryEntry]:
    """summary.json of each task, from the journals alone."""
    run = results.Run.open(prepared.folder)
    summaries: list[SummaryEntry] = []
    served = Served()
    for work in prepared.works:
        entries = summarise(run.tasks[work.task.task], served)
        summary_entry.write(work.folder, entries)
        summaries.extend(entries)
        if work.task.answers_withheld:
            write_submission(run.tasks[work.task.task])
    for other in run.tasks.keys() - {work.task.task for work in prepared.works}:
        for record in run.tasks[other].records():
            served.add(record)
    if served.models or served.fingerprints:
        prints = {identity.FINGERPRINT: sorted(served.fingerprints)} if served.fingerprints else {}
        names = dict(sorted(served.models.items()))
        info = msgspec.structs.replace(run.info, served_models=names, server={**run.info.server, **prints})
        run_info.write(prepared.folder, info)
    return summaries


def completeness(summaries: Sequence[SummaryEntry]) -> ExitCode:
    """OK when every request of every condition got a response."""
    return ExitCode.INCOMPLETE if any(entry.failed for entry in summaries) else ExitCode.OK
