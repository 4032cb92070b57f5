"""The options of `audiobench report`."""

from __future__ import annotations

import argparse

from audiobench.cli import output, tracker_options


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "runs", nargs="*", default=["results"], metavar="RUN[:CONDITION]",
        help="run directories, or folders of them; CONDITION is think=on,audio=full or on,full",
    )  # fmt: skip
    parser.add_argument("--breakdown", metavar="COLUMN", help="show only this breakdown, in full")
    tracker_options.configure(parser)
    parser.add_argument(
        "--serving", action="store_true",
        help="show how fast the server was: throughput, latency, time to the first token, real-time factor, by requests in flight",
    )  # fmt: skip
    output.configure(parser)
