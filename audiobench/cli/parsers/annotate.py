"""The options of `audiobench annotate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import asking_options, output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="run directory")
    add(
        "--by",
        required=True,
        metavar="NAME",
        help="annotator: FILE.py:Class, or the name of one from an installed package",
    )
    add("--tasks", metavar="A,B", help="only these tasks of the run")
    add(
        "--model",
        metavar="M",
        help="model that the annotator asks (a name from `audiobench models list`, a YAML file or adapter:name)",
    )
    add("--base-url", metavar="URL", help="server of that model")
    asking_options.configure(parser, "the annotators")
    output.configure(parser)
