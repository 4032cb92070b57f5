"""`audiobench gate`: pass or fail a run against a committed baseline."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from audiobench.cli import output
from audiobench.cli.names import listed
from audiobench.core.errors import AudiobenchError, ExitCode, IncompleteError, UsageError, suggestion
from audiobench.core.plain_text import printable
from audiobench.gate.arms import arms_of_run
from audiobench.gate.baseline import read
from audiobench.gate.baseline import update as write_baseline
from audiobench.gate.calibrate import margins, policy_text, spread_sheet, spreads
from audiobench.gate.checks import evaluate
from audiobench.gate.confirm import ask_again
from audiobench.gate.junit import write_junit
from audiobench.gate.markdown import summary, write_summary
from audiobench.gate.policy import Policy, read_policy
from audiobench.gate.terminal import one_line, print_verdict, text, verdict_sheet, workflow_commands
from audiobench.gate.update import Update
from audiobench.gate.verdict import Confirmed, Verdict
from audiobench.results.runs import Run, find_runs


def run(args: argparse.Namespace) -> int:
    """Judge, tell, and return the exit code."""
    if args.calibrate is not None:
        return _calibrate(args)
    if missing := [
        flag for flag, value in (("--baseline", args.baseline), ("--run", args.run_folder)) if value is None
    ]:
        raise UsageError(f"{' and '.join(missing)}: missing (see audiobench gate --help)")
    if args.confirm < 0:
        raise UsageError(f"--confirm {args.confirm}: must not be negative")
    if args.one_line and args.format and not args.out:
        raise UsageError("--one-line and --format are two forms of what is printed; give one of them, or --out FILE")
    if args.update_baseline:
        if given := [flag for flag in ("--junit", "--summary", "--confirm") if getattr(args, flag[2:])]:
            raise UsageError(f"{' and '.join(given)}: of a verdict; --update-baseline writes a baseline and gives none")
        return _update(args)
    try:
        verdict = _judge(args)
    except AudiobenchError as error:
        verdict = Verdict("", str(args.baseline), "", str(args.run_folder), 0.05, 0.8)
        verdict.error, verdict.error_code = str(error), error.exit_code
        _tell(_write(args, verdict))
        _annotate(args, verdict)
        raise

    unwritten = _write(args, verdict)
    if args.one_line:
        print(one_line(verdict))
    elif not args.out:
        _write_verdict(verdict, output.chosen(args))
    _annotate(args, verdict)
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


def _calibrate(args: argparse.Namespace) -> int:
    """Write a policy whose margins are as wide as the runs lie apart."""
    unused = {"--baseline": args.baseline, "--run": args.run_folder, "--policy": args.policy, "--junit": args.junit,
              "--summary": args.summary, "--confirm": args.confirm, "--update-baseline": args.update_baseline,
              "--margin": args.margin, "--one-line": args.one_line}  # fmt: skip
    if given := [flag for flag, value in unused.items() if value]:
        raise UsageError(f"{' and '.join(given)}: of a verdict; --calibrate gives none")
    runs = [_open(folder) for folder in args.calibrate]
    names = [str(found.folder) for found in runs]
    tasks = _tasks(args, list(runs[0].tasks))
    arms = [arms_of_run(found, tasks) for found in runs]
    found = spreads(arms, names)
    metrics = {arm.task: arm.metric for arm in arms[0]}
    form = output.chosen(args)
    if form == "json":
        output.write_json({"spreads": found, "margins": margins(found, metrics), "exit_code": 0}, args.out)
        return 0
    policy = policy_text(found, metrics, names)
    if args.out is None:
        output.write_sheets([spread_sheet(found, metrics)], form)
        print(f"\n{policy}", end="")
    else:
        output.write(policy, args.out)
        output.write_sheets([spread_sheet(found, metrics)], "text")
        print(f"policy: {args.out}")
    return 0


def _judge(args: argparse.Namespace) -> Verdict:
    policy = _policy(args)
    baseline = read(args.baseline)
    found = _open(args.run_folder)
    tasks = _tasks(args, [*baseline.tasks, *found.tasks])
    arms = arms_of_run(found, tasks)
    names = (found.title, str(args.baseline), str(found.folder))
    verdict = evaluate(baseline, arms, policy, tasks=tasks, names=names)
    failed = list(dict.fromkeys(item.task for item in verdict.items if item.level == "regression"))
    if not args.confirm or not failed:
        return verdict

    print(f"audiobench: failed, running again: {', '.join(failed)}", file=sys.stderr)
    pooled = ask_again(found, failed, args.confirm, base_url=args.base_url)
    fresh = {arm.key: arm for arm in arms_of_run(pooled)}
    verdict = evaluate(baseline, [fresh.get(arm.key, arm) for arm in arms], policy, tasks=tasks, names=names)
    verdict.confirmed = Confirmed(failed, args.confirm, str(pooled.folder))
    return verdict


def _policy(args: argparse.Namespace) -> Policy:
    names = ("margin", "alpha", "max_error_rate", "require_power", "allow_subset")
    return read_policy(args.policy, {name: getattr(args, name) for name in names})


def _tasks(args: argparse.Namespace, known: Sequence[str]) -> list[str] | None:
    """The tasks that were asked for; None for all.

    Raises:
        UsageError: one is not among the `known`, those of the baseline and of the run.
    """
    if not args.tasks:
        return None
    names = listed(args.tasks)
    for name in names:
        if name not in known:
            there = f"neither in the baseline nor in the run, which have: {', '.join(dict.fromkeys(known)) or 'none'}"
            raise UsageError(f"--tasks {name}: {'; '.join(filter(None, [there, suggestion(name, known, '')]))}")
    return names


def _open(folder: Path) -> Run:
    if (folder / "run.json").is_file():
        return Run.open(folder)
    runs = find_runs([folder])
    if len(runs) > 1:
        raise UsageError(f"{folder}: {len(runs)} runs below; name one: {', '.join(str(r.folder) for r in runs[:4])}")
    return runs[0]


def _update(args: argparse.Namespace) -> int:
    """Show the bar before and after, and write it where it does not fall, or somebody said that it may."""
    found = _open(args.run_folder)
    try:
        before = read(args.baseline)
    except AudiobenchError:  # none yet, or none that can be read: what is written is a first one
        before = None
    tasks = _tasks(args, [*(before.tasks if before else ()), *found.tasks])
    arms = arms_of_run(found, tasks)
    names = (found.title, str(args.baseline), str(found.folder))
    verdict = evaluate(before, arms, _policy(args), tasks=tasks, names=names) if before else None
    lowers = verdict is not None and verdict.level == "regression" and not args.accept_regression
    if not lowers:
        write_baseline(args.baseline, found, arms)
    _show_update(args, Update(args.baseline, before, arms, verdict, written=not lowers))
    return int(ExitCode.REGRESSION if lowers else ExitCode.OK)


def _show_update(args: argparse.Namespace, made: Update) -> None:
    form = output.chosen(args)
    if args.json is not None:
        output.write_json(made.as_dict(), args.json)
    if args.one_line:
        print(made.end())
    elif not made.written:
        print(f"audiobench: {made.end()}", file=sys.stderr)
    if args.one_line and args.out is None:
        return
    if form == "json":
        output.write_json(made.as_dict(), args.out)
    elif form != "text":
        output.write_sheets([made.sheet(), *([verdict_sheet(made.verdict)] if made.verdict else [])], form, args.out)
    elif args.out is not None:
        told = [f"{line}\n" for line in made.lines()]
        output.write("".join([*told, text(made.verdict) if made.verdict else "", f"{made.end()}\n"]), args.out)
    else:
        print("".join(f"{line}\n" for line in made.lines()), end="")
        if made.verdict:
            print_verdict(made.verdict)
        if made.written:
            print(made.end())


def _annotate(args: argparse.Namespace, verdict: Verdict) -> None:
    """Workflow commands, which GitHub reads on either stream: beside text, but not in what another program reads."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and (commands := workflow_commands(verdict)):
        print("\n".join(commands), file=sys.stdout if output.chosen(args) == "text" else sys.stderr)


def _write(args: argparse.Namespace, verdict: Verdict) -> list[AudiobenchError]:
    """Write every report that was asked for; what could not be written, since none of it changes the verdict."""
    unwritten: list[AudiobenchError] = []
    wanted: list[tuple[Path | None, Callable[[Path], None]]] = [
        (args.junit, lambda path: write_junit(path, verdict)),
        (args.summary, lambda path: write_summary(path, verdict)),
        (args.json, lambda path: _write_verdict(verdict, "json", path)),
        (args.out, lambda path: _write_verdict(verdict, output.chosen(args), path)),
    ]
    for path, write in wanted:
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
