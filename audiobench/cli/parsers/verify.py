"""The options of `audiobench verify`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders that contain some")
    add(
        "--repair",
        action="store_true",
        help="move each damaged line into a file beside its own; the next start of the run sends those requests again",
    )
    output.configure(parser, ("text", "json"))
