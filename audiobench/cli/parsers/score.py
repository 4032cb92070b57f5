"""The options of `audiobench score`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiobench.cli import output


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--task", required=True, help="task whose extraction and scorer are used")
    add(
        "--predictions",
        required=True,
        type=Path,
        metavar="FILE",
        help="lines of {id, output}, or a log of Inspect, lm-eval, lmms-eval; for a task that asks for sound, a folder of files "
        "that are named by sample (then --out is a run directory)",
    )
    add("--measure", type=lambda text: text.split(","), metavar="NAMES", help="what measures a folder of sounds")
    add("--asr", metavar="MODEL", help="model that transcribes a folder of spoken answers")
    add("--asr-base-url", metavar="URL", help="server of the recogniser")
    add("--data", type=Path, metavar="PATH", help="local copy of the task's data, for lines without their sample")
    add(
        "--think-tags",
        action="append",
        default=[],
        type=_tags,
        metavar="OPEN,CLOSE",
        help="tags around a thought, if they are not among the known ones; may be given more than once",
    )
    add("--reader", metavar="MODEL", help="text model that reads multiple-choice outputs which no rule can read")
    add("--reader-base-url", metavar="URL", help="server of the reader")
    add(
        "--readings",
        type=Path,
        metavar="FILE",
        help="where the readings are kept; a later start resumes from them (default: the predictions' name + .readings.jsonl)",
    )
    add(
        "--max-cost",
        type=output.dollars,
        metavar="USD",
        help="stop cleanly once the reader's replies have cost this much",
    )
    output.place(parser, "FILE", "the scored lines; default: standard output, where --format is text")
    output.configure(parser, out=False)


def _tags(given: str) -> tuple[str, str]:
    opening, _, closing = given.partition(",")
    if not opening.strip() or not closing.strip() or "," in closing:
        raise argparse.ArgumentTypeError(f"{given!r}: expected two tags and a comma, such as '<plan>,</plan>'")
    return opening.strip(), closing.strip()
