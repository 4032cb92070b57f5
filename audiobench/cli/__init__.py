"""The command line: this module finds a command, runs it and turns errors into exit codes.

A command has two modules: `audiobench.cli.parsers.NAME` declares its options and imports nothing heavy, so that `--help` and
a mistyped option answer within 100 ms; `audiobench.cli.NAME` is what it runs, and is imported when its options are read.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import audiobench
from audiobench.cli import streams
from audiobench.core.errors import DISK, AudiobenchError, ExitCode, suggestion
from audiobench.core.plain_text import printable
from audiobench.core.redact import redacted

COLLECTION = (100_000, 20, 20)
"""When the garbage collector looks for cycles. Samples and records hold none: with Python's (700, 10, 10) a quarter of a
large run's offline time goes into looking through them."""

COMMANDS = {
    "run": "run models on tasks and score the answers",
    "score": "score answers made elsewhere",
    "tasks": "list, show, check or fetch tasks",
    "models": "list or show models",
    "report": "print tables of results",
    "compare": "compare runs or conditions of the same samples, paired",
    "ablate": "compare the conditions of a run: does thinking help, does it listen?",
    "difficulty": "select samples by how often a model gets them right, with rewards for a trainer",
    "traces": "measure reasoning traces: length, grounding, consistency",
    "annotate": "add a breakdown column with a value for each response",
    "gate": "pass or fail a run against a committed baseline",
    "leaderboard": "make tables of many runs",
    "view": "make a page for looking at samples and listening to them",
    "export": "write samples as Parquet, CSV or lm-eval's files",
    "merge": "join the shards of a run",
    "verify": "check the files of a run for damage, and repair them",
    "serve": "serve a model with vLLM",
    "doctor": "check the machine and a model's files",
}


EXAMPLES = {
    "run": ("run --model tiny-audio-r1 --tasks listening --limit 60",
            "run --model my-model --base-url http://localhost:8000/v1 --tasks mmau --think on,off",
            "run --model my-model --tasks mmau --audio full,swap --dry-run"),
    "score": ("score --task mmau --predictions answers.jsonl",),
    "tasks": ("tasks list", "tasks show mmau", "tasks check my_task.yaml"),
    "models": ("models list", "models show tiny-audio-r1"),
    "report": ("report results", "report results/my-model/RUN:on,full --out table.tex"),
    "compare": ("compare RUN_A RUN_B", "compare RUN:off RUN:on --out table.csv"),
    "ablate": ("ablate results/my-model/RUN", "ablate RUN --out ablation.md"),
    "difficulty": ("difficulty RUN --out difficulty",),
    "traces": ("traces RUN --judge my-judge --measures grounding",),
    "annotate": ("annotate RUN --by examples/own_annotator.py:Loudness",),
    "gate": ("gate --baseline results/baselines/m.json --run RUN --update-baseline",
             "gate --baseline results/baselines/m.json --run RUN --margin 2pp --junit gate.xml"),
    "leaderboard": ("leaderboard results --out board.html", "leaderboard RUN_A:on,full RUN_B:on,full --format latex",
                    "leaderboard --check results/published"),
    "view": ("view RUN", "view RUN --out page --embed s1,s2"),
    "export": ("export RUN --format csv --out samples.csv",),
    "merge": ("merge SHARD_1 SHARD_2 --out whole",),
    "verify": ("verify RUN", "verify RUN --repair"),
    "serve": ("serve step-audio-r1 --dry-run",),
    "doctor": ("doctor", "doctor step-audio-r1"),
}  # fmt: skip
"""Shown below each command's options."""


class Parser(argparse.ArgumentParser):
    """Takes options only as they are written out, and tells what is unknown beside the usage of its own command."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **options)

    def parse_known_args(self, *args: Any, **options: Any) -> Any:
        """Refuses what is not known; a sub-command would hand it up to the whole program."""
        found, unknown = super().parse_known_args(*args, **options)
        if unknown:
            flags = (word.partition("=")[0] for word in unknown if word.startswith("-"))
            hint = next((text for flag in flags if (text := _meant(flag, self._option_string_actions))), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Names the choice that was meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _meant(str(value), map(str, action.choices or ()))
            raise


def _meant(word: str, known: Iterable[str]) -> str:
    meant = suggestion(word, known, "")
    return f"; {meant}" if meant else ""


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser; with `only`, just that command's options are made."""
    parser = Parser(
        prog="audiobench",
        description="Evaluate audio language models: does thinking help, and does the model listen?",
        epilog="Exit codes: 0 all scored / gate passed, 1 regression, 2 usage, 3 not comparable, 4 incomplete, "
        "70 a bug in audiobench, 130/143 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"audiobench {audiobench.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        end = "" if summary.endswith("?") else "."
        shown = "\n".join(["examples:", *(f"  audiobench {example}" for example in EXAMPLES[name])])
        command = commands.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + end, epilog=shown,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if name == only:
            importlib.import_module(f"audiobench.cli.parsers.{name}").configure(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, which is the same whether or not anybody reads what it prints."""
    streams.forgive()
    gc.set_threshold(*COLLECTION)
    code = _run(argv)
    if why := streams.lost():
        return code or _fail(f"standard output: {why}", ExitCode.INCOMPLETE, as_json=False)
    return code


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    only = next((word for word in arguments if word in COMMANDS), None)
    after_dashes: list[str] = []
    if only == "serve" and "--" in arguments:  # for another program, so not for the parser
        end = arguments.index("--")
        arguments, after_dashes = arguments[:end], arguments[end + 1 :]
    json_wanted = "--json" in arguments
    if odd := next((text for text in (*arguments, os.getcwd()) if not _is_text(text)), None):
        shown = os.fsencode(odd).decode("utf-8", "replace")
        encoding = sys.getfilesystemencoding()
        return _fail(
            f"{shown}: this Python reads file names as {encoding}, which has not all of these letters; set PYTHONUTF8=1, or "
            "a UTF-8 locale such as LC_ALL=C.UTF-8",
            ExitCode.USAGE,
            json_wanted,
        )
    try:
        parsed = build_parser(only).parse_args(arguments)
        parsed.after_dashes = after_dashes
        json_wanted = getattr(parsed, "json", False) is True or getattr(parsed, "format", "") == "json"
        return int(importlib.import_module(f"audiobench.cli.{parsed.command}").run(parsed))
    except AudiobenchError as error:
        return _fail(str(error), error.exit_code, json_wanted)
    except KeyboardInterrupt:
        print("audiobench: interrupted", file=sys.stderr)
        return int(ExitCode.SIGINT)
    except Exception as error:
        _traceback()
        if isinstance(error, OSError) and (error.filename is not None or error.errno in DISK):
            code = ExitCode.INCOMPLETE if error.errno in DISK else ExitCode.USAGE
            place = error.filename or "standard output"
            return _fail(f"{place}: {error.strerror}", code, json_wanted and error.filename is not None)
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _fail(
            f"{said} ({_place(error)}); this is a bug, please report it; AUDIOBENCH_TRACEBACK=1 shows where",
            ExitCode.INTERNAL,
            json_wanted,
        )


def _is_text(name: str) -> bool:
    """Whether a file name came whole out of the file system's encoding."""
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _fail(message: str, code: ExitCode, as_json: bool) -> int:
    message = redacted(message)
    if as_json:
        import json

        print(json.dumps({"error": message, "exit_code": int(code)}))
    else:
        print(f"audiobench: {printable(message)}", file=sys.stderr)
    return int(code)


def _place(error: BaseException) -> str:
    """file:line of the innermost frame that is ours."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(audiobench.__file__)))
    place, step = "outside of audiobench", error.__traceback__
    while step is not None:
        file = os.path.relpath(step.tb_frame.f_code.co_filename, root)
        if file.split(os.sep)[0] in ("audiobench", "model_adapters"):
            place = f"{file}:{step.tb_lineno}"
        step = step.tb_next
    return place


def _traceback() -> None:
    if os.environ.get("AUDIOBENCH_TRACEBACK"):
        import traceback

        traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
