"""The options of commands that ask a model about the responses of a run."""

from __future__ import annotations

import argparse

from audiobench.cli import output
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS


def configure(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare how it is asked; `what` has a price that `--max-cost` limits, in words."""
    add = parser.add_argument
    add("--max-concurrency", type=int, default=64, metavar="N", help="requests in flight at once (default 64)")
    add("--attempts", type=int, default=ATTEMPTS, metavar="N", help=f"attempts per request (default {ATTEMPTS})")
    add(
        "--timeout", type=float, default=TIMEOUT_SECONDS, metavar="S",
        help=f"time limit per call in seconds (default {TIMEOUT_SECONDS:g})",
    )  # fmt: skip
    add(
        "--max-cost", type=output.dollars, metavar="USD",
        help=f"stop cleanly once {what} of this run have cost this much, earlier commands included",
    )  # fmt: skip
    add("--allow-other-model", action="store_true", help="continue if the server reports a different model")
