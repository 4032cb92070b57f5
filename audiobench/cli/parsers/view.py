"""The options of `audiobench view`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        default=[Path("results")],
        metavar="RUN",
        help="run directories (default: results)",
    )
    output.place(parser, "DIR", "a page; default: none, the page is served")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--embed",
        metavar="IDS",
        help="with --out: write only these samples (ID,TASK/ID,...), with their audio inside the page",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help="with --out: draw the waveform and spectrogram of at most N clips in advance (default 1000; flipped and "
        "failed samples first)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
