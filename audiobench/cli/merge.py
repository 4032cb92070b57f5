"""`audiobench merge`: join the shards of a run."""

from __future__ import annotations

import argparse
import sys

from audiobench.ask.run import completeness
from audiobench.cli import output
from audiobench.core.errors import ExitCode
from audiobench.importers.merge import merge
from audiobench.report.terminal import print_run, score_sheet
from audiobench.results.runs import Run


def run(args: argparse.Namespace) -> int:
    """Merge and show; incomplete while a shard is missing."""
    runs = [Run.open(folder) for folder in args.runs]
    merged = merge(runs, args.out)
    tasks = {name: task_run.task for found in runs for name, task_run in found.tasks.items()}
    code = int(ExitCode.INCOMPLETE if merged.missing else completeness(merged.summaries))
    form = output.chosen(args)
    if form == "json":
        missing = {name: list(shards) for name, shards in merged.missing.items()}
        document = {"run": str(args.out), "exit_code": code, "missing_shards": missing, "results": merged.summaries}
        output.write_json(document)
    elif form == "text":
        print_run(merged.summaries, tasks, args.out, breakdowns=False)
    else:
        output.write_sheets([score_sheet(merged.summaries, tasks, runs[0].model)], form)
    for name, shards in merged.missing.items():
        print(f"{name}: incomplete: shard {', '.join(shards)} missing; merge again with it", file=sys.stderr)
    return code
