"""`audiobench ablate`."""

from __future__ import annotations

import argparse
import sys

from audiobench.analysis.ablate_sheets import ablation_sheets
from audiobench.analysis.across import ablate_run
from audiobench.analysis.plot import budget_plot
from audiobench.cli import output
from audiobench.cli.names import named
from audiobench.core.errors import UsageError
from audiobench.core.plot import targets
from audiobench.results.runs import Run


def run(args: argparse.Namespace) -> int:
    """Compare all conditions of the run and print."""
    if args.more:
        runs = " ".join([str(args.run_folder), *args.more])
        raise UsageError(
            f"ablate takes one run directory; several are set beside each other by: audiobench compare {runs}"
        )
    opened = Run.open(args.run_folder)
    if args.plot is not None:
        targets(args.plot)
    tasks = ablate_run(opened, named(args.tasks))
    files = budget_plot(tasks, opened.title).save(args.plot) if args.plot is not None else []
    form = output.chosen(args)
    if form == "json":
        plots = [str(file) for file in files]
        document = {
            "run": str(opened.folder),
            "model": opened.model,
            "name": opened.info.name,
            "tasks": tasks,
            "plots": plots,
            "exit_code": 0,
        }
        output.write_json(document, args.out)
        return 0

    sheets = [sheet for found in tasks for sheet in ablation_sheets(found, breakdown=args.breakdown)]
    if args.breakdown and not sheets:
        columns = sorted({column for found in tasks for column in opened.tasks[found.task].task.breakdown})
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns) or 'none'}")
    if sheets and not args.breakdown and all(found.conditions == 1 and not found.self_reflect for found in tasks):
        sheets[0].notes.append(
            "one condition only: run with e.g. --think off,on --audio full,none to have something to compare"
        )
    sheets[0].title = f"{opened.title}: {sheets[0].title}"
    output.write_sheets(sheets, form, args.out)
    for file in files:
        print(f"drawn: {file}", file=sys.stderr)
    return 0
