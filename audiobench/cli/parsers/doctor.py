"""The options of `audiobench doctor`."""

from __future__ import annotations

import argparse

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", nargs="?", help="also check this model (a name from `audiobench models list`, or a YAML file)"
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: also look at a Ray cluster (default: local)"
    )
    parser.add_argument(
        "--ray-address", metavar="ADDRESS", help="HOST:PORT of the cluster's head, or auto (default: as for run)"
    )
    output.configure(parser)
