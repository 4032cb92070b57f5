"""Run from Python what `audiobench run` runs from the command line. Internal for now: it may still change."""

from __future__ import annotations

import sys

from audiobench.run_spec import RunSpec
from audiobench.runner.plan import plan_lines
from audiobench.runner.prepare import prepare
from audiobench.runner.run import RunResult, execute


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
