"""The options of `audiobench models`."""

from __future__ import annotations

import argparse

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="every declared model: think modes, audio formats, price, key")
    output.configure(listing)
    show = commands.add_parser("show", help="one model: how it is reached, asked and priced")
    show.add_argument("model", help="declared model, model YAML or adapter:served-name")
    output.configure(show, ("text", "json"))
