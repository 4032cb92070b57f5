"""The options of `audiobench merge`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of the shards")
    output.place(parser, "DIR", "a run directory", required=True)
    output.configure(parser, out=False)
