"""The options of `audiobench export`."""

from __future__ import annotations

import argparse
from pathlib import Path

FORMATS = ("parquet", "csv", "lm-eval")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run directories or folders of them")
    add("--format", choices=FORMATS, required=True, help="one line a sample, or lm-eval's results and samples files")
    add("--out", type=Path, required=True, metavar="PATH", help="file to write; for lm-eval the folder")
    add("--tasks", metavar="A,B", help="only these tasks")
