"""`audiobench report`: tables from results, made anew from the journals."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from audiobench.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="*", type=Path, default=[Path("results")], metavar="RUN", help="run directories")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--breakdown", metavar="COLUMN", help="show this breakdown whole, and only it")
    shape.add_argument("--json", action="store_true", help="the summaries as JSON, with all breakdowns")


def run(args: argparse.Namespace) -> int:
    """Summarise and print."""
    from audiobench import cost
    from audiobench.results import find_runs
    from audiobench.summary import summaries

    runs = find_runs(args.runs)
    if args.json:
        import orjson

        found = [
            {"run": str(r.folder), "model": r.model, "dollars": cost.of_run(r.folder, r.spec), "results": summaries(r)}
            for r in runs
        ]
        sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
        return 0
    from audiobench.report.estimate import dollars
    from audiobench.report.terminal import breakdown_table, condition_label, console, print_run

    out = console()
    columns = sorted(
        {column for found in runs for task_run in found.tasks.values() for column in task_run.task.breakdown}
    )
    if args.breakdown and args.breakdown not in columns:
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns) or 'none'}")
    for found in runs:
        out.print(f"[bold]{found.model}[/bold]")
        entries = summaries(found)
        tasks = {name: task_run.task for name, task_run in found.tasks.items()}
        if args.breakdown:
            for entry in entries:
                if args.breakdown in entry.get("breakdown", {}):
                    out.print(f"{entry['task']}, {condition_label(entry)}", markup=False)
                    out.print(breakdown_table(entry, args.breakdown))
            continue
        print_run(entries, tasks, found.folder, model=found.model)
        if (spent := cost.of_run(found.folder, found.spec)) is not None:
            out.print(f"${dollars(spent)} for the model's answers, at the prices of their days", markup=False)
    return 0
