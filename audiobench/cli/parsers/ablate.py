"""The options of `audiobench ablate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="run directory with several conditions")
    add("more", nargs="*", help=argparse.SUPPRESS)
    add("--tasks", metavar="A,B", help="only these tasks of the run")
    add("--breakdown", metavar="COLUMN", help="show only this breakdown, in full, for every comparison")
    add("--plot", type=Path, metavar="FILE", help="draw accuracy over budget: FILE.png and FILE.svg, or one by suffix")
    output.configure(parser, short=("json", "markdown"))
