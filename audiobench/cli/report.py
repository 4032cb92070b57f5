"""`audiobench report`: tables from results, made anew from the journals."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.cli import output
from audiobench.core.errors import UsageError

if TYPE_CHECKING:
    from audiobench.core.sheet import Sheet
    from audiobench.results.runs import Run
    from audiobench.task.spec import TaskSpec


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="*", type=Path, default=[Path("results")], metavar="RUN", help="run directories")
    parser.add_argument("--breakdown", metavar="COLUMN", help="show this breakdown whole, and only it")
    output.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Summarise and print."""
    from audiobench.results import cost
    from audiobench.results.runs import find_runs
    from audiobench.results.summary import summaries

    form = output.chosen(args)
    if form == "json" and args.breakdown:
        raise UsageError("--breakdown: JSON has all breakdowns; leave out one of the two")
    runs = find_runs(args.runs)
    if form == "json":
        found = [
            {"run": str(r.folder), "model": r.model, "dollars": cost.of_run(r.folder, r.spec), "results": summaries(r)}
            for r in runs
        ]
        output.write_json(found, args.out)
        return 0
    columns = sorted(
        {column for found in runs for task_run in found.tasks.values() for column in task_run.task.breakdown}
    )
    if args.breakdown and args.breakdown not in columns:
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns) or 'none'}")
    if args.breakdown or form != "text" or args.out is not None:
        output.write_sheets([sheet for found in runs for sheet in _sheets(found, args.breakdown)], form, args.out)
        return 0
    from audiobench.core.sheet import console
    from audiobench.report.estimate import dollars
    from audiobench.report.terminal import print_run

    for found in runs:
        out = console()
        out.print(found.model, style="bold", markup=False)
        print_run(summaries(found), _tasks(found), found.folder, model=found.model)
        if (spent := cost.of_run(found.folder, found.spec)) is not None:
            out.print(f"${dollars(spent)} for the model's answers, at the prices of their days", markup=False)
    return 0


def _tasks(run: Run) -> dict[str, TaskSpec]:
    return {name: task_run.task for name, task_run in run.tasks.items()}


def _sheets(run: Run, breakdown: str | None) -> list[Sheet]:
    """The scores of a run, or one breakdown of them."""
    from audiobench.report.terminal import breakdown_table, condition_label, score_sheet
    from audiobench.results.summary import summaries

    entries = summaries(run)
    if breakdown is None:
        return [score_sheet(entries, _tasks(run), run.model)]
    return [
        breakdown_table(entry, breakdown, f"{run.model}: {entry.task}, {condition_label(entry)}")
        for entry in entries
        if breakdown in entry.breakdowns
    ]
