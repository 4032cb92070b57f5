"""The options of `audiobench merge`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of the shards")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="run directory to write")
