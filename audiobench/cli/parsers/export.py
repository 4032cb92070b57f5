"""The options of `audiobench export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output

FORMATS = ("parquet", "csv", "lm-eval")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders that contain some")
    add(
        "--format", choices=FORMATS, required=True,
        help="format of the result: one row per sample, or lm-eval's results and samples files",
    )  # fmt: skip
    output.place(parser, "PATH", "a file, or a folder for lm-eval", required=True)
    add("--tasks", metavar="A,B", help="only these tasks")
