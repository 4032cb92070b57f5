"""`--format` and `--out`, with one meaning for every command: the form of the result, and where it goes.

Of a command whose result is files (`run` a run directory, `view` a page, `difficulty` a manifest) `--out` says where these
go, and `--format` is the form of the table that is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiobench.core.sheet import Sheet

FORMATS = ("text", "md", "csv", "latex", "json")
SUFFIXES = {"txt": "text", "tex": "latex", "htm": "html"}


def configure(
    parser: argparse.ArgumentParser, formats: Sequence[str] = FORMATS, *, default: str = "text", out: bool = True,
    short: Sequence[str] = ("json",),
) -> None:  # fmt: skip
    """Declare the options; `short` are formats that have an option of their own (`--json`, `--markdown`)."""
    add = parser.add_mutually_exclusive_group().add_argument
    by_name = "by the suffix of --out, otherwise " if out else ""
    add("--format", choices=formats, help=f"format of the result (default: {by_name}{default})")
    for name in short:
        chosen = "md" if name == "markdown" else name
        add(f"--{name}", action="store_const", const=chosen, dest="format", help=f"the same as --format {chosen}")
    if out:
        place(parser, "FILE", "default: standard output")
    parser.set_defaults(by_suffix=formats if out else (), default_format=default)


def place(parser: argparse.ArgumentParser, what: str, more: str, *, required: bool = False) -> None:
    """Declare `--out`; `what` is a FILE, a DIR or a PATH, `more` what goes there and where it goes by default."""
    parser.add_argument("--out", type=Path, metavar=what, required=required, help=f"where to write the result ({more})")


def chosen(args: argparse.Namespace) -> str:
    """The format: as asked for, else by the suffix of `--out`, else the command's default."""
    suffix = args.out.suffix.lstrip(".") if args.by_suffix and args.out else ""
    by_name = SUFFIXES.get(suffix, suffix)
    return args.format or (by_name if by_name in args.by_suffix else args.default_format)


def write(text: str, out: Path | None = None) -> None:
    """Write to a file, whole or not at all, or to standard output."""
    if out is None:
        sys.stdout.write(text)
        return
    from audiobench.core.disk import write_whole

    write_whole(out, text.encode())


def write_json(value: Any, out: Path | None = None) -> None:
    """Write `value` as indented JSON."""
    import msgspec
    import orjson

    write(
        orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n",
        out,
    )


def lines(rows: Sequence[Sequence[str]]) -> str:
    """A line each, for other programs: what `write_sheets` would wrap on a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def write_sheets(sheets: Sequence[Sheet], form: str, out: Path | None = None) -> None:
    """Write tables in a format; as text on standard output they fit the terminal."""
    from audiobench.core.sheet import FORMATS as WRITERS
    from audiobench.core.sheet import show

    if form == "text" and out is None:
        show(sheets)
    else:
        write(WRITERS[form](sheets), out)


def dollars(text: str) -> float:
    """The value of `--max-cost`."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text:.40}: must be a positive number of US dollars")
    return value
