"""`audiobench export`: samples as Parquet, CSV or lm-eval's files."""

from __future__ import annotations

import argparse
import sys

from audiobench.cli.names import listed
from audiobench.report.export import check_tasks, write_csv, write_parquet
from audiobench.report.export_lm_eval import write_lm_eval
from audiobench.results.runs import find_runs


def run(args: argparse.Namespace) -> int:
    """Read the journals, write the files."""
    runs = find_runs(args.runs)
    tasks = listed(args.tasks) if args.tasks else None
    check_tasks(runs, tasks)
    if args.format == "lm-eval":
        written = write_lm_eval(args.out, runs, tasks)
        print("\n".join(map(str, written)), file=sys.stderr)
        return 0
    count = (write_parquet if args.format == "parquet" else write_csv)(args.out, runs, tasks)
    print(f"{args.out}: {count} lines, {args.out.stat().st_size} bytes", file=sys.stderr)
    return 0
