"""The options of `audiobench gate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--baseline", type=Path, required=True, metavar="FILE", help="committed baseline (results/baselines/NAME.json)")
    add("--run", type=Path, required=True, metavar="DIR", dest="run_folder", help="run directory to judge")
    add("--tasks", metavar="A,B", help="only these tasks of the baseline")
    add("--policy", type=Path, metavar="FILE", help="YAML: margins, floors, error rates, also by task")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    add("--summary", type=Path, metavar="FILE", help="append Markdown, as $GITHUB_STEP_SUMMARY wants it")
    add("--json", type=Path, metavar="FILE", help="the same as --format json --out FILE, beside what is printed")
    output.configure(parser, short=())
    add("--update-baseline", action="store_true", help="write the run to the baseline file instead of judging it")
    add("--accept-regression", action="store_true", help="let --update-baseline lower the bar")
    add("--one-line", action="store_true", help="print the verdict on one line, as for a chat")
    add("--confirm", type=int, default=0, metavar="N", help="run tasks that failed for N more epochs, and pool all")
    add("--base-url", action="append", default=[], metavar="URL", help="server for --confirm, where it has moved")
    add("--require-power", action="store_true", default=None, help="fail where a drop of the margin could go unseen")
    add("--allow-subset", action="store_true", default=None, help="compare the samples that both have")
    add("--margin", metavar="X", help="tolerated drop, such as 2pp (default 1pp)")
    add("--alpha", metavar="P", help="chance of any false alarm (default 0.05)")
    add("--max-error-rate", metavar="X", help="tolerated share of requests without a response (default 1%%)")
