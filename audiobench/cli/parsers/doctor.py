"""The options of `audiobench doctor`."""

from __future__ import annotations

import argparse

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", nargs="?", help="also check this model (a name from `audiobench models list`, or a YAML file)"
    )
    output.configure(parser)
