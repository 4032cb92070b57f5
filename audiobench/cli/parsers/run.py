"""The options of `audiobench run`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiobench.cli import output, tracker_options
from audiobench.files.option_kinds import Switch
from audiobench.files.run_spec import Named, options


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of a `RunSpec`, and where it comes from and how its result is shown."""
    add = parser.add_argument
    add("suite", nargs="?", type=Path, metavar="SUITE", help="YAML of models x tasks x conditions to run in turn")
    for option in options():
        flags = [flag for flag in (option.flag, option.declared.also) if flag]
        add(*flags, dest=option.name, default=argparse.SUPPRESS, help=option.help, **_how(option))
    add(
        "--from",
        dest="repeat",
        type=Path,
        metavar="RUN.JSON",
        help="repeat the run that wrote this run.json: in its own directory (only what is missing is sent), or in --out; "
        "further options override the recorded ones",
    )
    add(
        "--sweep-concurrency",
        dest="sweep",
        type=_counts,
        metavar="N,N,...",
        help="run once with each number of requests at once, in a directory each, and show accuracy and speed side by side",
    )
    add("--dry-run", action="store_true", help="print the plan and the estimated cost; send nothing")
    tracker_options.configure(parser)
    output.configure(parser, out=False)


def _how(option: Named) -> dict[str, Any]:
    """What argparse is told of an option."""
    if isinstance(option.kind, Switch):
        return {"action": "store_true"}
    how: dict[str, Any] = {"metavar": option.declared.metavar}
    if option.kind.repeatable:
        how["action"] = "append"
    if option.kind.word is not None:
        how["type"] = _worded(option.kind.word)
    return how


def _counts(text: str) -> list[int]:
    """Numbers of requests at once, each once."""
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1 or len({*found}) < len(found):
        raise argparse.ArgumentTypeError(f"{text:.40}: expected different numbers of at least 1, such as 1,8,32")
    return found


def _worded(word: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return word(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
