"""The options of `audiobench doctor`."""

from __future__ import annotations

import argparse

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", nargs="?", help="declared model or model YAML to check as well")
    output.configure(parser)
