"""The options of `audiobench view`."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="*", type=Path, default=[Path("results")], metavar="RUN", help="run directories")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the page there instead of serving it")
    parser.add_argument("--port", type=int, default=0, help="where to serve on 127.0.0.1 (default: a free port)")
    parser.add_argument(
        "--embed", metavar="IDS", help="with --out: only these samples (ID,TASK/ID,...), with their audio in the page"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help="with --out: draw waveform and spectrogram of at most N clips ahead (default 1000; flipped and failed "
        "samples first)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
