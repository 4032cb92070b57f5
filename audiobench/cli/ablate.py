"""`audiobench ablate`."""

from __future__ import annotations

import argparse
import sys

from audiobench.analysis.ablate import ablate_task
from audiobench.analysis.ablate_sheets import ablation_sheets
from audiobench.analysis.plot import draw, targets
from audiobench.cli import output
from audiobench.cli.compare import check_withheld
from audiobench.cli.names import tasks_of
from audiobench.core.errors import UsageError
from audiobench.results.runs import Run


def run(args: argparse.Namespace) -> int:
    """Compare all conditions of the run and print."""
    if args.more:
        runs = " ".join([str(args.run_folder), *args.more])
        raise UsageError(
            f"ablate takes one run directory; several are set beside each other by: audiobench compare {runs}"
        )
    opened = Run.open(args.run_folder)
    names = tasks_of(opened, args.tasks)
    if not names:
        raise UsageError(f"{args.run_folder}: no task in this run has a plan yet")
    for name in names:
        check_withheld(opened.tasks[name].task)
    if args.plot is not None:
        targets(args.plot)
    tasks = [ablate_task(opened, opened.tasks[name]) for name in names]
    files = draw(tasks, opened.title, args.plot) if args.plot is not None else []
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
        columns = sorted({column for name in names for column in opened.tasks[name].task.breakdown})
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
