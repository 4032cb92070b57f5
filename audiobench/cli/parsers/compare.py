"""The options of `audiobench compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "runs",
        nargs="+",
        metavar="RUN[:CONDITION]",
        help="run directories; CONDITION is think=on,audio=none or on,none",
    )
    add("--tasks", metavar="A,B", help="only these tasks (default: all that the runs share)")
    add("--breakdown", metavar="COLUMN", help="show only this breakdown, in full")
    add("--allow-different", default="", metavar="PARTS", help="fingerprint parts that may differ (revision, ...)")
    add(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw every arm with its interval: FILE.png and FILE.svg, or one by suffix",
    )
    output.configure(parser, short=("json", "markdown"))
