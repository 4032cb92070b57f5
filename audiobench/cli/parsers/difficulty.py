"""The options of `audiobench difficulty`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "run_folder", type=Path, metavar="RUN[:CONDITION]", help="finished run with --epochs K; CONDITION as in compare"
    )
    add("--k", type=int, default=8, metavar="K", help="answers of a sample that are counted (default 8)")
    add(
        "--keep",
        default="3..6",
        metavar="LOW..HIGH",
        help="keep samples with this many right answers out of K (default 3..6)",
    )
    add("--tasks", metavar="A,B", help="only these tasks of the run")
    output.place(parser, "FILE", "manifest of the kept samples; default: RUN/difficulty.jsonl")
    add("--all", action="store_true", help="write every sample to the manifest, with kept: true or false")
    add(
        "--trainer",
        type=Path,
        metavar="FILE.parquet",
        help="also write the same samples as Parquet for TRL and verl (prompts, clip paths, what audiobench.rewards needs)",
    )
    add("--rewards", type=Path, metavar="FILE", help="also write each response with its reward, for a trainer")
    add(
        "--rewards-of",
        choices=("kept", "all"),
        default="kept",
        help="whose responses --rewards writes (default: those of kept samples)",
    )
    output.configure(parser, out=False)
