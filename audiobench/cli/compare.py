"""`audiobench compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from audiobench.analysis.across import compare_runs
from audiobench.analysis.arms import Selector
from audiobench.analysis.comparison import Comparison
from audiobench.analysis.plot import comparison_plot
from audiobench.analysis.sheets import comparison_sheets
from audiobench.cli import output
from audiobench.cli.names import listed, named
from audiobench.core.errors import UsageError
from audiobench.core.plot import targets


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    if args.plot is not None:
        targets(args.plot)
    selectors = [Selector.parse(text) for text in args.runs]
    across = compare_runs(selectors, named(args.tasks), allowed=listed(args.allow_different))
    found, left_out = across.comparisons, across.tasks_left_out
    files = comparison_plot(found).save(args.plot) if args.plot is not None else []
    form = output.chosen(args)
    if form == "json":
        plots = [str(file) for file in files]
        document = {"comparisons": found, "tasks_left_out": left_out, "plots": plots, "exit_code": 0}
        output.write_json(document, args.out)
        return 0

    sheets = [s for entry in found for s in comparison_sheets(entry, str(entry.title), breakdown=args.breakdown)]
    if args.breakdown and not sheets:
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns(found))}")
    if left_out:
        sheets[0].notes.append(f"not in every run, left out: {', '.join(left_out)}")
    output.write_sheets(sheets, form, args.out)
    for file in files:
        print(f"drawn: {file}", file=sys.stderr)
    return 0


def columns(found: Sequence[Comparison]) -> list[str]:
    """Breakdown columns that occur."""
    return sorted({column for entry in found for pair in entry.pairs for column in pair.breakdown})
