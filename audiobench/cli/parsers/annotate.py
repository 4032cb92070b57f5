"""The options of `audiobench annotate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="run directory")
    add("--by", required=True, metavar="NAME", help="annotator: FILE.py:Class, or one of an installed package")
    add("--tasks", metavar="A,B", help="only these tasks of the run")
    add("--model", metavar="M", help="model that the annotator asks (declared name, YAML or adapter:name)")
    add("--base-url", metavar="URL", help="server of the model")
    add("--max-concurrency", type=int, default=64, metavar="N", help="requests at once (default 64)")
    add("--attempts", type=int, default=ATTEMPTS, metavar="N", help=f"calls a request may take (default {ATTEMPTS})")
    add(
        "--timeout", type=float, default=TIMEOUT_SECONDS, metavar="S",
        help=f"seconds one call may take (default {TIMEOUT_SECONDS:g})",
    )  # fmt: skip
    add(
        "--max-cost", type=output.dollars, metavar="USD",
        help="stop cleanly once the annotators of this run have cost this much, earlier commands included",
    )  # fmt: skip
    add("--allow-other-model", action="store_true", help="continue if the server reports a different model")
    output.configure(parser)
