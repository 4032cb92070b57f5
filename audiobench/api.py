"""Run from Python what `audiobench run` runs from the command line. Internal for now: it may still change."""

from __future__ import annotations

import sys

from audiobench.ask.plan_lines import plan_lines
from audiobench.ask.prepare import prepare
from audiobench.ask.run import RunResult, execute
from audiobench.files.run_spec import RunSpec


def run(spec: RunSpec) -> RunResult:
    """Run `spec`: plan, send what has no response yet, judge, summarise. Safe to repeat at any point.

    Raises:
        UsageError: something in `spec` cannot work; nothing was sent or written.
        IncompleteError: the run directory cannot be written.
    """
    prepared = prepare(spec)
    if not spec.quiet:
        print("\n".join(plan_lines(prepared)), file=sys.stderr)
    return execute(prepared)
