"""`audiobench gate`: pass or fail a run against a committed baseline."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TextIO

from audiobench.cli import output
from audiobench.core.errors import AudiobenchError, ExitCode, IncompleteError, UsageError
from audiobench.core.plain_text import plural, printable
from audiobench.gate.arms import Arm, arms_of_run
from audiobench.gate.baseline import read, update
from audiobench.gate.checks import evaluate
from audiobench.gate.confirm import ask_again
from audiobench.gate.junit import write_junit
from audiobench.gate.markdown import summary, write_summary
from audiobench.gate.policy import Policy, read_policy
from audiobench.gate.terminal import one_line, print_verdict, text, verdict_sheet, workflow_commands
from audiobench.gate.verdict import Verdict
from audiobench.results.runs import Run, find_runs


def run(args: argparse.Namespace) -> int:
    """Judge, tell, and return the exit code."""
    if args.confirm < 0:
        raise UsageError(f"--confirm {args.confirm}: must not be negative")
    if args.one_line and args.format and not args.out:
        raise UsageError("--one-line and --format are two forms of what is printed; give one of them, or --out FILE")
    if args.update_baseline:
        return _update(args)
    try:
        verdict = _judge(args)
    except AudiobenchError as error:
        verdict = Verdict("", str(args.baseline), "", str(args.run_folder), 0.05, 0.8)
        verdict.error, verdict.error_code = str(error), error.exit_code
        _tell(_write(args, verdict))
        _annotate(verdict, sys.stdout)
        raise

    unwritten = _write(args, verdict)
    if args.one_line:
        print(one_line(verdict))
    elif not args.out:
        _write_verdict(verdict, output.chosen(args))
    _annotate(verdict, sys.stdout if output.chosen(args) == "text" else sys.stderr)
    _tell(unwritten)
    return int(verdict.exit_code)


def _write_verdict(verdict: Verdict, form: str, out: Path | None = None) -> None:
    """In a format, to a file or to standard output."""
    if form == "json":
        output.write_json(verdict.as_dict(), out)
    elif form == "md":
        output.write(summary(verdict), out)
    elif form == "text" and out is None:
        print_verdict(verdict)
    elif form == "text":
        output.write(text(verdict), out)
    else:
        output.write_sheets([verdict_sheet(verdict)], form, out)


def _judge(args: argparse.Namespace) -> Verdict:
    policy = _policy(args)
    baseline = read(args.baseline)
    tasks = _tasks(args)
    found = _open(args.run_folder)
    arms = arms_of_run(found, tasks)
    names = (found.model, str(args.baseline), str(found.folder))
    verdict = evaluate(baseline, arms, policy, tasks=tasks, names=names)
    failed = list(dict.fromkeys(item.task for item in verdict.items if item.level == "regression"))
    if not args.confirm or not failed:
        return verdict

    print(f"audiobench: failed, running again: {', '.join(failed)}", file=sys.stderr)
    pooled = ask_again(found, failed, args.confirm, base_url=args.base_url)
    fresh = {arm.key: arm for arm in arms_of_run(pooled)}
    verdict = evaluate(baseline, [fresh.get(arm.key, arm) for arm in arms], policy, tasks=tasks, names=names)
    verdict.confirmed = {"tasks": failed, "epochs": args.confirm, "folder": str(pooled.folder)}
    return verdict


def _policy(args: argparse.Namespace) -> Policy:
    names = ("margin", "alpha", "max_error_rate", "require_power", "allow_subset")
    return read_policy(args.policy, {name: getattr(args, name) for name in names})


def _tasks(args: argparse.Namespace) -> list[str] | None:
    return [name.strip() for name in args.tasks.split(",") if name.strip()] if args.tasks else None


def _open(folder: Path) -> Run:
    if (folder / "run.json").is_file():
        return Run.open(folder)
    runs = find_runs([folder])
    if len(runs) > 1:
        raise UsageError(f"{folder}: {len(runs)} runs below; name one: {', '.join(str(r.folder) for r in runs[:4])}")
    return runs[0]


def _update(args: argparse.Namespace) -> int:
    found = _open(args.run_folder)
    arms = arms_of_run(found, _tasks(args))
    if not _better_or_told(args, found, arms):
        return int(ExitCode.REGRESSION)
    update(args.baseline, found, arms)
    size = args.baseline.stat().st_size
    outcomes = sum(len(arm.rows) for arm in arms)
    counts = f"{len(arms)} {plural(len(arms), 'arm')}, {outcomes} {plural(outcomes, 'outcome')}"
    print(f"{args.baseline}: {counts}, {size} bytes")
    return 0


def _better_or_told(args: argparse.Namespace, found: Run, arms: list[Arm]) -> bool:
    """Show the bar before and after; False where it would fall and nobody said that it may."""
    try:
        before = read(args.baseline)
    except AudiobenchError:  # none yet, or none that can be read: what is written is a first one
        return True
    verdict = evaluate(
        before, arms, _policy(args), tasks=_tasks(args), names=(found.model, str(args.baseline), str(found.folder))
    )
    print(f"{args.baseline}: before ({before.created}) and after:")
    old = {arm.key: arm for arm in before.arms}
    for arm in arms:
        was, now = (arm.metric.shown.show(found.score) if found else "-" for found in (old.get(arm.key), arm))
        print(f"  {arm.task}, {arm.condition.label}: {was} -> {now}")
    print_verdict(verdict)
    if verdict.level != "regression" or args.accept_regression:
        return True
    print(
        f"audiobench: {args.baseline}: not written: the run is worse; --accept-regression lowers the bar",
        file=sys.stderr,
    )
    return False


def _annotate(verdict: Verdict, to: TextIO) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print("\n".join(workflow_commands(verdict)), file=to)


def _write(args: argparse.Namespace, verdict: Verdict) -> list[AudiobenchError]:
    """Write every report that was asked for; what could not be written, since none of it changes the verdict."""
    unwritten: list[AudiobenchError] = []
    for path, write in (
        (args.junit, lambda path: write_junit(path, verdict)),
        (args.summary, lambda path: write_summary(path, verdict)),
        (args.json, lambda path: _write_verdict(verdict, "json", path)),
        (args.out, lambda path: _write_verdict(verdict, output.chosen(args), path)),
    ):
        try:
            if path is not None:
                write(path)
        except OSError as error:
            unwritten.append(IncompleteError(f"{error.filename}: {error.strerror}"))
        except AudiobenchError as error:
            unwritten.append(error)
        verdict.unwritten = max((error.exit_code for error in unwritten), default=ExitCode.OK)
    return unwritten


def _tell(unwritten: list[AudiobenchError]) -> None:
    for error in unwritten:
        print(f"audiobench: not written: {printable(str(error))}", file=sys.stderr)
