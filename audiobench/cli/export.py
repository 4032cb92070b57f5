"""`audiobench export`: samples as Parquet, CSV or lm-eval's files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from audiobench.report.export import check_tasks, write_csv, write_parquet
from audiobench.report.export_lm_eval import write_lm_eval
from audiobench.results.runs import find_runs

FORMATS = ("parquet", "csv", "lm-eval")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run directories or folders of them")
    add("--format", choices=FORMATS, required=True, help="one line a sample, or lm-eval's results and samples files")
    add("--out", type=Path, required=True, metavar="PATH", help="file to write; for lm-eval the folder")
    add("--tasks", metavar="A,B", help="only these tasks")


def run(args: argparse.Namespace) -> int:
    """Read the journals, write the files."""
    runs = find_runs(args.runs)
    tasks = [name.strip() for name in args.tasks.split(",") if name.strip()] if args.tasks else None
    check_tasks(runs, tasks)
    if args.format == "lm-eval":
        written = write_lm_eval(args.out, runs, tasks)
        print("\n".join(map(str, written)), file=sys.stderr)
        return 0
    count = (write_parquet if args.format == "parquet" else write_csv)(args.out, runs, tasks)
    print(f"{args.out}: {count} lines, {args.out.stat().st_size} bytes", file=sys.stderr)
    return 0
