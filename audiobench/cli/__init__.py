"""The command line: one module a command; this one finds it, runs it and turns errors into exit codes.

Nothing heavy is imported here: `audiobench --help` answers within 100 ms.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import audiobench
from audiobench.errors import AudiobenchError, ExitCode

COMMANDS = {
    "run": "ask a model the samples of some tasks and score the answers",
    "score": "score answers made elsewhere",
    "tasks": "list, show, check or fetch tasks",
    "models": "list or show models",
    "report": "tables from results",
    "compare": "compare two runs of the same samples, paired",
    "ablate": "compare the conditions of a run: does thinking help, does it listen?",
    "difficulty": "samples by how often a model passes them, with rewards for a trainer",
    "traces": "measure reasoning traces: length, grounding, consistency",
    "gate": "pass or fail a run against a committed baseline",
    "leaderboard": "tables over many runs",
    "view": "a page for looking at samples and listening to them",
    "export": "samples as Parquet, CSV or lm-eval's files",
    "merge": "join the shards of a run",
    "serve": "serve a declared model with vLLM",
    "doctor": "check the machine and a model's files",
}


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser; with `only`, just that command's options are made."""
    parser = argparse.ArgumentParser(
        prog="audiobench",
        description="Evaluate audio language models: does thinking help, and does the model listen?",
        epilog="Exit codes: 0 all scored / gate passed, 1 regression, 2 usage, 3 not comparable, 4 incomplete, "
        "130/143 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"audiobench {audiobench.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == only:
            module = importlib.import_module(f"audiobench.cli.{name}")
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    only = next((word for word in arguments if word in COMMANDS), None)
    parsed = build_parser(only).parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except AudiobenchError as error:
        if getattr(parsed, "json", False) is True:
            import json

            print(json.dumps({"error": str(error), "exit_code": int(error.exit_code)}))
        else:
            print(f"audiobench: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("audiobench: interrupted", file=sys.stderr)
        return int(ExitCode.SIGINT)
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main())
