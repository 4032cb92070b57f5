"""`audiobench run`: one run from the command line, the runs of a suite file, or a run repeated from its run.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiobench.api.running import carry_out
from audiobench.ask.plan_lines import plan_lines
from audiobench.ask.prepare import prepare
from audiobench.ask.replicated import ONLY_RAY
from audiobench.ask.resolve import resolve
from audiobench.ask.run import RunResult
from audiobench.ask.run_folder import run_folder, run_name
from audiobench.cli import output, trackers
from audiobench.core.errors import AudiobenchError, ExitCode, UsageError
from audiobench.core.plain_text import printable
from audiobench.core.redact import redacted
from audiobench.core.sheet import Sheet
from audiobench.data.loading import at_hand
from audiobench.files import run_info, suite
from audiobench.files.run_info import command_line
from audiobench.files.run_spec import RunSpec, options
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.estimate import Estimate, declared, estimate, estimate_lines, estimate_sheet
from audiobench.report.serving import Served, served, serving_sheets
from audiobench.report.terminal import print_run, score_sheet
from audiobench.results import cost
from audiobench.results.groups import GroupScore, group_scores, known_groups
from audiobench.results.runs import Run


def run(args: argparse.Namespace) -> int:
    """Plan, run, show."""
    trackers.asked(args)  # a library that is missing is said before anything is paid
    given = {option.name: getattr(args, option.name) for option in options() if hasattr(args, option.name)}
    if args.format == "json":
        given["quiet"] = True
    if args.sweep:
        return _run_all(_swept(given, args), args, with_serving=True)
    if args.suite is not None:
        return _run_all(_suite(args, given), args)
    if args.repeat is not None:
        specs = _repeated(args.repeat, given)
        return _run_all(specs, args) if len(specs) > 1 else run_one(specs[0], args)
    return run_one(_named(given), args)


def _named(given: Mapping[str, Any]) -> RunSpec:
    """The run that the options name; raises UsageError without a model or tasks."""
    missing = [f"--{name}" for name in ("model", "tasks") if name not in given]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)}: missing; or use a suite file, or --from RUN.JSON (see audiobench run --help)"
        )
    return RunSpec(**given)


def _swept(given: Mapping[str, Any], args: argparse.Namespace) -> list[RunSpec]:
    """The same run with each number of requests at once.

    Raises:
        UsageError: it is no single run, or says itself how many.
    """
    from msgspec.structs import replace

    for flag, is_given in (
        ("a suite", args.suite is not None),
        ("--from", args.repeat is not None),
        ("--max-concurrency", "max_concurrency" in given),
        ("--batch", "batch" in given),
    ):
        if is_given:
            raise UsageError(f"--sweep-concurrency: {flag} does not go with it")
    spec = _named(given)
    folder = run_folder(resolve(spec).model, spec)
    return [replace(spec, max_concurrency=n, out=folder / f"concurrency-{n}") for n in args.sweep]


def _suite(args: argparse.Namespace, given: Mapping[str, Any]) -> list[RunSpec]:
    """The runs of a suite. Every name in it is looked up before the first request of the first run.

    Raises:
        UsageError: the file, or one of its runs, cannot work.
    """
    from msgspec.structs import replace

    file: Path = args.suite
    if args.repeat is not None:
        raise UsageError(f"{file}: a suite and --from are two sources of a run; give one of them")
    if file.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{file}: a suite is a YAML file; tasks are named with --tasks")
    twice = [f"--{name}" for name in ("model", "tasks") if name in given]
    if twice:
        raise UsageError(f"{' and '.join(twice)}: {file} names models and tasks itself; leave it out")
    specs: list[RunSpec] = []
    places: dict[tuple[Path, str], str] = {}
    for spec in suite.read(file, given):
        try:
            found = resolve(spec)
        except UsageError as error:
            raise UsageError(f"{file}: model {spec.model}, tasks {', '.join(spec.tasks)}: {error}") from error
        if spec.out is not None:
            spec = replace(spec, out=spec.out / found.model.name / run_name(found.model, spec))
        for task, _, _ in found.tasks:
            place = run_folder(found.model, spec), task.task
            if place in places:
                raise UsageError(
                    f"{file}: two entries of {spec.model} run task {task.task} in the same directory, {place[0]}; make "
                    "one entry of them, or let them differ in think, audio, option_order, prompt, gen, seed, limit or ids"
                )
            places[place] = spec.model
        specs.append(spec)
    return specs


def _repeated(file: Path, given: Mapping[str, Any]) -> list[RunSpec]:
    """The runs that a run.json records, with `given` options in place of the recorded ones.

    Without `--out` they continue in the directory of `file`, unless `given` names another model.

    Raises:
        UsageError: not a run.json, or one that cannot be repeated.
    """
    from msgspec.structs import replace

    folder = file if file.is_dir() else file.parent
    info = run_info.read(folder, f"{file}: no such run (a run directory, or its run.json)")
    changed = {name: value for name, value in given.items() if name != "tasks"}
    if "out" not in given and "model" not in given:
        changed["out"] = folder
    if given.get("engine") == "local":  # what the recorded engine was told says nothing to this one
        changed = {**{option.name: option.default for option in options() if option.name in ONLY_RAY}, **changed}
    named = RunSpec(model="any", tasks=given["tasks"]).tasks if "tasks" in given else None
    recorded = [name for start in info.starts for name in start.tasks]
    specs: list[RunSpec] = []
    for start in info.starts_of(named or recorded, folder / run_info.FILE):
        spec = replace(start.located(), **changed)
        if hidden := run_info.hidden_flags(spec):
            raise UsageError(f"{file}: a secret was left out of {', '.join(hidden)}; give it again")
        specs.append(spec)
    if not specs[0].quiet:
        tasks = ", ".join(name for spec in specs for name in spec.tasks)
        where = f"continues in {folder}" if changed.get("out") == folder else "starts a run of its own"
        print(f"--from {file}: {specs[0].model} on {tasks}; {where}", file=sys.stderr)
    return specs


def run_one(spec: RunSpec, args: argparse.Namespace) -> int:
    """Carry a run out, show it, and return the exit code."""
    if args.dry_run:
        entries = _estimate(spec, args)
        _write(args, {"estimate": entries, "exit_code": 0}, [estimate_sheet(entries)])
        return 0
    result = _run_and_show(spec, args)
    _write(args, _as_json(result, spec), [_sheet(result, spec)])
    _log(result, args)
    if result.exit_code and result.exit_code is not ExitCode.USAGE:
        _print_command()
    return int(result.exit_code)


def _run_all(specs: Sequence[RunSpec], args: argparse.Namespace, *, with_serving: bool = False) -> int:
    """Run one after the other. A run that fails does not keep the next from running; an interrupt does.

    `with_serving`: end with how the servers did.
    """
    figures: list[tuple[Served, SummaryEntry]] = []
    codes: list[int] = []
    shown: list[dict[str, Any]] = []
    sheets: list[Sheet] = []
    for number, spec in enumerate(specs, 1):
        tasks = ", ".join(spec.tasks)
        if not spec.quiet:
            print(f"== run {number} of {len(specs)}: {spec.model} on {tasks}", file=sys.stderr)
        try:
            if args.dry_run:
                entries = _estimate(spec, args)
                shown.append({"model": spec.model, "estimate": entries, "exit_code": 0})
                sheets.append(estimate_sheet(entries))
                sheets[-1].title = f"estimate: {spec.model}"
                continue
            result = _run_and_show(spec, args)
        except AudiobenchError as error:
            print(f"audiobench: {spec.model} on {tasks}: {printable(str(error))}", file=sys.stderr)
            codes.append(int(error.exit_code))
            shown.append({"model": spec.model, "tasks": spec.tasks, "exit_code": codes[-1], "reason": str(error)})
            continue
        codes.append(int(result.exit_code))
        shown.append(_as_json(result, spec))
        sheets.append(_sheet(result, spec))
        _log(result, args)
        if with_serving and result.summaries:
            figures += served(Run.open(result.folder), result.summaries)
        if result.exit_code in (ExitCode.SIGINT, ExitCode.SIGTERM):
            break
    code = max(codes, default=0)
    document: dict[str, Any] = {"runs": shown, "exit_code": code}
    if with_serving:
        document["serving"] = [one for one, _ in figures]
        sheets += (tables := serving_sheets(figures, specs[0].model)[:1] if figures else [])
        if output.chosen(args) == "text":
            output.write_sheets(tables, "text")
    _write(args, document, sheets)
    if code:
        done = sum(not code for code in codes)
        print(f"audiobench: {done} of {len(specs)} runs are complete", file=sys.stderr)
        _print_command()
    return code


def _estimate(spec: RunSpec, args: argparse.Namespace) -> list[Estimate]:
    """The plan and what it will take, as far as that is known without a download."""
    from msgspec.structs import replace

    tasks = resolve(spec).tasks
    absent = [task for task, file, _ in tasks if not at_hand(task, file, spec.data.get(task.task))]
    entries = [declared(task, spec) for task in absent]
    here = [named for task, _, named in tasks if task not in absent]
    if here:
        prepared = prepare(replace(spec, tasks=here), dry_run=True)
        if not spec.quiet:
            print("\n".join(plan_lines(prepared)), file=sys.stderr)
        entries = [*estimate(prepared), *entries]
    if output.chosen(args) == "text":
        print("\n".join(estimate_lines(entries)))
    return entries


def _run_and_show(spec: RunSpec, args: argparse.Namespace) -> RunResult:
    result = carry_out(spec)
    if output.chosen(args) == "text":
        print_run(result.summaries, result.tasks, result.folder, groups=_groups(result, spec))
    if output.chosen(args) != "json":
        for entry in result.summaries:
            for reason in entry.errors:
                print(f"{entry.task}: {reason.n} x {reason.message}", file=sys.stderr)
            if others := entry.other_errors:
                print(f"{entry.task}: {others} more for other reasons; audiobench view shows each", file=sys.stderr)
        if line := cost.account_line(result.costs):
            print(line)
    if result.reason:
        print(f"audiobench: {result.reason}", file=sys.stderr)
    return result


def _log(result: RunResult, args: argparse.Namespace) -> None:
    """Hand the run to trackers; after everything else, since a tracker may refuse it."""
    if args.log_to and result.summaries:
        trackers.log(args, Run.open(result.folder), result.summaries)


def _write(args: argparse.Namespace, document: Mapping[str, Any], sheets: Sequence[Sheet]) -> None:
    """The result in the form that was asked for; as text it has been printed while the runs went on."""
    form = output.chosen(args)
    if form == "json":
        output.write_json(document)
    elif form != "text":
        output.write_sheets(sheets, form)


def _sheet(result: RunResult, spec: RunSpec) -> Sheet:
    return score_sheet(result.summaries, result.tasks, run_info.titled(result.model, spec.name or ""))


def _groups(result: RunResult, spec: RunSpec) -> list[GroupScore]:
    return group_scores(result.summaries, result.tasks, known_groups(spec.tasks))


def _as_json(result: RunResult, spec: RunSpec) -> dict[str, Any]:
    return {
        "run": str(result.folder),
        "exit_code": int(result.exit_code),
        "reason": result.reason,
        "costs": result.costs,
        "results": result.summaries,
        "groups": _groups(result, spec),
    }


def _print_command() -> None:
    import shlex

    print(redacted(f"To resume, rerun:\n  {shlex.join(command_line())}"), file=sys.stderr)
