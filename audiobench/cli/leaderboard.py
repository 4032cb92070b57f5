"""`audiobench leaderboard`: tables over many runs, and the check of submitted results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from audiobench.cli import output
from audiobench.cli.names import listed
from audiobench.core.errors import ExitCode, UsageError
from audiobench.leaderboard.board import Board, make_board
from audiobench.leaderboard.check import check
from audiobench.leaderboard.page import html
from audiobench.leaderboard.submit import submit
from audiobench.leaderboard.text import FORMATS as TEXT
from audiobench.results.runs import Run
from audiobench.results.selection import split
from audiobench.task.find import expand


def run(args: argparse.Namespace) -> int:
    """Make the board and write it, or check."""
    if args.check is not None:
        return _check(args)
    if args.submit is not None:
        print(submit(Run.open(args.submit), args.out or Path("results") / "published"))
        return 0

    folders = [split(text) for text in args.runs] or ([(Path("results"), {})] if Path("results").is_dir() else [])
    for folder, _ in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
    tasks = expand(listed(args.tasks)) if args.tasks else None
    board = make_board(
        folders, tasks=tasks, metric=args.metric, published=args.published, source=args.source, strict=args.strict
    )
    output.write(_renderer(output.chosen(args))(board), args.out)
    if args.out is not None:
        print(f"{args.out}: {len(board.measured)} measured and {len(board.references)} published rows", file=sys.stderr)
    return 0


def _renderer(name: str) -> Callable[[Board], str]:
    if name == "html":
        return html

    return TEXT[name]


def _check(args: argparse.Namespace) -> int:
    if args.format not in (None, "text", "json"):
        raise UsageError(f"--format {args.format}: --check answers as text or json")
    found = check(args.check, args.base)
    code = ExitCode.USAGE if found.problems else ExitCode.OK
    if output.chosen(args) == "json":
        document = {
            "runs": found.runs, "results": found.entries, "problems": found.problems, "warnings": found.warnings,
            "exit_code": int(code),
        }  # fmt: skip
        output.write_json(document, args.out)
        return int(code)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    told = f"{args.check}: {found.runs} runs, {found.entries} results, {len(found.problems)} problems\n"
    output.write(told, args.out)
    return int(code)
