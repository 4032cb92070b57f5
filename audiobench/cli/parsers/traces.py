"""The options of `audiobench traces`."""

from __future__ import annotations

import argparse

from audiobench.cli import asking_options, output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("run_folder", metavar="RUN[:CONDITION]", help="run directory; CONDITION as in compare")
    add("--tasks", metavar="A,B", help="only these tasks of the run")
    add("--judge", metavar="M", help="text model that judges the traces (declared name, YAML or adapter:name)")
    add("--judge-base-url", metavar="URL", help="server of the judge")
    add("--judge-runs", type=int, metavar="K", help="judge each trace K times (default 3; for the rubrics always 5)")
    add(
        "--measures",
        metavar="A,B",
        help="what the judge is asked: grounding, consistency, rubrics (default: all three), agfv (by a judge that takes audio)",
    )
    add("--early", action="store_true", help="ask the model to answer after fractions of its reasoning")
    add("--fractions", metavar="A,B", help="the fractions of --early, from 0 to 1 (default 0,0.1,0.25,0.5,0.75,1)")
    add("--captions", metavar="M", help="text model that answers from the caption in each structured thought alone")
    add("--captions-base-url", metavar="URL", help="server of the text model")
    add("--base-url", metavar="URL", help="server of the model, for --early")
    add(
        "--limit",
        type=int,
        metavar="N",
        help="judge, or ask, only N traces of each condition, always the same ones",
    )
    asking_options.configure(parser, "trace judges, early answers and caption answers")
    output.configure(parser)
