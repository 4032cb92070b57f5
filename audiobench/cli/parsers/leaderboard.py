"""The options of `audiobench leaderboard`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "runs", nargs="*", metavar="RUN[:CONDITION]",
        help="run directories, or folders that contain some (default: results); CONDITION is think=on,audio=full or on,full",
    )  # fmt: skip
    output.configure(parser, (*output.FORMATS, "html"), default="md", short=())
    add("--tasks", metavar="A,B", help="only these tasks, in this order")
    add(
        "--metric",
        metavar="M",
        help="only tasks with this metric (acc, wer, ...); `official`: the official scorers' numbers",
    )
    add("--published", action="store_true", help="also show the published scores from the task files, marked as such")
    add(
        "--source",
        metavar="TEXT",
        help="with --published: only scores whose source contains this text (such as 2511.15848)",
    )
    add(
        "--strict",
        action="store_true",
        help="refuse results with different fingerprints (exit code 3) instead of marking them",
    )
    add(
        "--submit",
        type=Path,
        metavar="RUN",
        help="write a submission of RUN's results to results/published (or to --out)",
    )
    add("--check", type=Path, metavar="DIR", help="check a folder of submitted results instead")
    add("--base", metavar="REF", help="with --check: git revision or folder whose results must all still be present")
