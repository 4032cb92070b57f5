"""`audiobench traces`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from audiobench.analysis.across import shared_tasks
from audiobench.analysis.arms import Arm, Selector
from audiobench.analysis.traces import captions, early
from audiobench.analysis.traces.asking import Job, TraceStage
from audiobench.analysis.traces.early import FRACTIONS
from audiobench.analysis.traces.facts import AGFV, FactStage, can_be_checked
from audiobench.analysis.traces.judges import JUDGES, RUBRICS, rubric_outcome
from audiobench.analysis.traces.measures import TaskTraces, measure_arm, traced
from audiobench.analysis.traces.sheets import trace_sheets
from audiobench.ask.annotate import carry
from audiobench.cli import output
from audiobench.cli.asking import terms
from audiobench.cli.names import listed, named
from audiobench.core.errors import AudiobenchError, ExitCode, UsageError
from audiobench.core.redact import is_redacted
from audiobench.files.annotations import CaptionAnswer, EarlyAnswer, TraceVerdict
from audiobench.files.journal import RunLock
from audiobench.model.registry import find_model
from audiobench.model.spec import ModelSpec
from audiobench.results import cost
from audiobench.results.runs import Run


def run(args: argparse.Namespace) -> int:
    """Judge what is open, then measure and print."""
    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit {args.limit}: must be at least 1")
    measures, fractions = _measures(args.measures), _fractions(args.fractions)
    selector = Selector.parse(args.run_folder)
    names, _ = shared_tasks([selector], named(args.tasks))
    arms = {name: selector.arms(name, prompts=True) for name in names}
    if not any(traced(arm) for group in arms.values() for arm in group):
        raise UsageError(f"{selector.text}: no response has a reasoning trace; run with --think on")
    failed: Counter[str] = Counter()
    asks = args.judge or args.early or args.captions
    if asks:
        lock = RunLock(selector.run.folder)
        try:
            chosen = {name: [(arm, _limited(traced(arm), args.limit)) for arm in group] for name, group in arms.items()}
            failed += _judge(args, measures, selector.run, chosen) if args.judge else Counter()
            failed += _early(args, fractions, selector.run, chosen) if args.early else Counter()
            failed += _captions(args, selector.run, arms) if args.captions else Counter()
        finally:
            lock.release()
    found = [TaskTraces(name, [measure_arm(arm) for arm in group]) for name, group in arms.items()]
    code = ExitCode.INCOMPLETE if failed else ExitCode.OK
    form = output.chosen(args)
    if form == "json":
        output.write_json(
            {
                "run": str(selector.run.folder),
                "model": selector.run.model,
                "name": selector.run.info.name,
                "tasks": found,
                "exit_code": int(code),
            },
            args.out,
        )
    else:
        output.write_sheets([sheet for entry in found for sheet in trace_sheets(entry)], form, args.out)
        if asks and (line := cost.account_line(cost.of_stages(selector.run.folder))):
            print(line, file=sys.stderr)
    if failed:
        print(f"audiobench: {_why(failed)}; the same command asks for them again", file=sys.stderr)
    return int(code)


def _why(failed: Counter[str]) -> str:
    """`30 calls failed for good, 28 of them with: HTTP 500: ...`, on one line."""
    ((reason, n),) = failed.most_common(1)
    total = failed.total()
    share = "" if n == total else f", {n} of them"
    return f"{total} call{'s' * (total > 1)} failed for good{share} with: {' '.join(reason.split())[:300]}"


def _limited(found: list[Any], limit: int | None) -> list[Any]:
    """A fixed choice, the same in each condition: first answers in the order of their id's hash, then repetitions."""
    from hashlib import sha256

    ordered = sorted(found, key=lambda s: (s.condition.option_order, s.epoch, sha256(s.id.encode()).digest()))
    return ordered[:limit] if limit else ordered


def _judge(
    args: argparse.Namespace, measures: list[str], run: Run, chosen: dict[str, list[tuple[Any, list[Any]]]]
) -> Counter[str]:
    if args.judge_runs is not None and args.judge_runs < 1:
        raise UsageError(f"--judge-runs {args.judge_runs}: must be at least 1")
    jobs: list[Job] = []
    for group in chosen.values():
        for arm, records in group:
            for name in measures:
                if name == AGFV.name:
                    continue
                judge = JUDGES[name]
                runs = judge.runs if judge.fixed_runs or args.judge_runs is None else args.judge_runs
                for scored in records:
                    task = arm.task_run.task
                    wrong = judge is RUBRICS and rubric_outcome(scored.record, task).status != "pending"
                    if judge.applies(scored.record.shown(), scored.record.reasoning) and not wrong:
                        jobs.append(Job(arm.task_run.folder, judge, scored.record, runs))
    judge = find_model(args.judge, base_url=args.judge_base_url)
    stage = TraceStage(judge, jobs)
    todo = list(stage.open())
    calls = sum(job.runs for job in todo)
    failed: Counter[str] = Counter()
    if jobs:
        _say(args, f"{stage.who}: {calls} calls for {len(todo)} judgements, {len(jobs) - len(todo)} already there")
        failed += _carry(args, run, stage, args.judge_base_url)
    return failed + _verify(args, judge, run, chosen) if AGFV.name in measures else failed


def _verify(
    args: argparse.Namespace, judge: ModelSpec, run: Run, chosen: dict[str, list[tuple[Any, list[Any]]]]
) -> Counter[str]:
    """The facts of each thought against the sound."""
    if judge.text_only:
        raise UsageError(f"--measures agfv: judge {judge.name} takes text only; facts are verified by listening")
    records = [(arm.task_run.folder, s.record) for group in chosen.values() for arm, found in group for s in found]
    jobs = [Job(folder, AGFV, record, AGFV.runs) for folder, record in records if can_be_checked(record)]
    stage = FactStage(judge, jobs)
    todo = len(list(stage.open()))
    _say(args, f"{stage.who}: {todo} thoughts to verify, a call for each fact, {len(jobs) - todo} already there")
    return _carry(args, run, stage, args.judge_base_url)


def _early(
    args: argparse.Namespace, fractions: list[float], run: Run, chosen: dict[str, list[tuple[Any, list[Any]]]]
) -> Counter[str]:
    early.check(run.spec)
    cuts = [
        early.Cut(arm.task_run.folder, arm, scored, fraction)
        for group in chosen.values()
        for arm, records in group
        for scored in records
        if scored.outcome.status == "scored"
        for fraction in fractions
    ]
    stage = early.EarlyStage(run.spec, cuts)
    todo = list(stage.open())
    _say(args, f"{stage.who}: {len(todo)} early answers to ask, {len(cuts) - len(todo)} already there")
    base_url = args.base_url or next(iter(run.info.base_urls), None)
    if todo and is_redacted([run.info.model.declared, base_url]):
        raise UsageError(
            f"--early: {run.folder}/run.json: a secret was left out of the recorded model or server; keep keys in "
            "environment variables (api_key_env in the model file), or give --base-url, and rerun the run"
        )
    return _carry(args, run, stage, base_url)


def _captions(args: argparse.Namespace, run: Run, arms: dict[str, list[Arm]]) -> Counter[str]:
    captions.check(run)
    jobs = [job for group in arms.values() for arm in group for job in _chosen_captions(arm, args.limit)]
    if not jobs:
        raise UsageError(
            f"--captions: {run.folder}: no response has a caption, or a judge rates the answers of its tasks"
        )
    stage = captions.CaptionStage(find_model(args.captions, base_url=args.captions_base_url), jobs)
    todo = list(stage.open())
    _say(args, f"{stage.who}: {len(todo)} captions to answer from, {len(jobs) - len(todo)} already answered")
    return _carry(args, run, stage, args.captions_base_url)


def _chosen_captions(arm: Arm, limit: int | None) -> list[captions.Job]:
    """Of the same traces as the other measures."""
    chosen = {scored.slot for scored in _limited(traced(arm), limit)}
    return [job for job in captions.jobs(arm) if job.scored.slot in chosen]


def _say(args: argparse.Namespace, text: str) -> None:
    if output.chosen(args) != "json":
        print(text, file=sys.stderr)


def _carry(args: argparse.Namespace, run: Run, stage: Any, base_url: str | None) -> Counter[str]:
    """Ask what is open; returns why requests failed for good, counted."""
    parts = TraceVerdict.PART, EarlyAnswer.PART, CaptionAnswer.PART
    ending = carry(stage, terms(args, run.folder, *parts), base_url=base_url)
    if ending.reason and not stage.failures:
        error = AudiobenchError(ending.reason)
        error.exit_code = ending.exit_code
        raise error
    return stage.failures


def _measures(text: str | None) -> list[str]:
    names = list(JUDGES) if text is None else listed(text)
    allowed = (*JUDGES, AGFV.name)
    unknown = [name for name in names if name not in allowed]
    if unknown or not names:
        raise UsageError(f"--measures {','.join(unknown)}: allowed: {', '.join(allowed)}")
    return names


def _fractions(text: str | None) -> list[float]:
    if text is None:
        return list(FRACTIONS)
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise UsageError(f"--fractions {text}: expected numbers from 0 to 1, such as 0,0.5,1") from None
    if len(found) < 2 or not 0 <= found[0] <= found[-1] <= 1:
        raise UsageError(f"--fractions {text}: expected two or more numbers from 0 to 1, such as 0,0.5,1")
    return found
