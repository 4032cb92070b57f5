"""The options of `audiobench gate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--baseline", type=Path, metavar="FILE", help="committed baseline (results/baselines/NAME.json)")
    add("--run", type=Path, metavar="DIR", dest="run_folder", help="run directory to judge")
    add(
        "--calibrate",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="instead of judging: write a policy with margins from runs that repeat one another (three or more)",
    )
    add("--tasks", metavar="A,B", help="only these tasks of the baseline")
    add("--policy", type=Path, metavar="FILE", help="YAML with margins, floors and error rates, also per task")
    add("--junit", type=Path, metavar="FILE", help="also write the verdict as JUnit XML")
    add("--summary", type=Path, metavar="FILE", help="append the verdict as Markdown, for $GITHUB_STEP_SUMMARY")
    add("--json", type=Path, metavar="FILE", help="also write the verdict as JSON")
    output.configure(parser, short=())
    add("--update-baseline", action="store_true", help="write the run to the baseline file instead of judging it")
    add("--accept-regression", action="store_true", help="allow --update-baseline to write lower scores")
    add("--one-line", action="store_true", help="print the verdict on one line, for a chat message")
    add(
        "--confirm",
        type=int,
        default=0,
        metavar="N",
        help="run failed tasks for N more epochs, and judge all epochs together",
    )
    add(
        "--base-url",
        action="append",
        default=[],
        metavar="URL",
        help="server for --confirm, if its address has changed",
    )
    add(
        "--require-power",
        action="store_true",
        default=None,
        help="fail if a drop as large as the margin could go undetected",
    )
    add(
        "--allow-subset", action="store_true", default=None, help="compare only the samples that run and baseline share"
    )
    add("--margin", metavar="X", help="tolerated drop, such as 2pp (default 1pp)")
    add("--alpha", metavar="P", help="probability of any false alarm, over all tasks (default 0.05)")
    add("--max-error-rate", metavar="X", help="tolerated share of requests without a response (default 1%%)")
