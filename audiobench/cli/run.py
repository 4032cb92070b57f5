"""`audiobench run`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

from audiobench.errors import ExitCode, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--model", required=True, metavar="M", help="declared model, model YAML, adapter:served-name, or FILE.py:Class")
    add("--tasks", required=True, metavar="A,B", help="tasks, groups, task YAMLs or lm_eval:NAME, comma-separated")
    add("--limit", type=_whole, metavar="N", help="a fixed random N samples of each task (nested: 200 contains 100)")
    add("--ids", metavar="A,B", help="only these sample ids, comma-separated or @FILE with one a line")
    add("--shard", metavar="I/N", help="only the I-th of N parts (1-based); join them with `audiobench merge`")
    add("--prompt", metavar="NAME", help="which of the task's prompts (default: its first)")
    add("--epochs", type=_whole, default=1, metavar="K", help="ask everything K times")
    add("--think", default="default", metavar="MODES", help="off,on,default,budget:N - comma-separated conditions")
    add("--audio", default="full", metavar="CONDS", help="full,none,silence,noise,swap,reverse,transcript")
    add("--option-order", type=_whole, default=1, metavar="K", help="ask under K rotations of the options")
    add("--data", action="append", default=[], metavar="TASK=PATH", help="local copy of a task's data")
    add("--base-url", action="append", default=[], metavar="URL", help="server; repeat for several replicas")
    add("--max-concurrency", type=_whole, metavar="N", help="fixed number of requests at once (default: adaptive)")
    add("--out", type=Path, metavar="DIR", help="run directory (default: results/<model>/<run>)")
    add("--judge", metavar="M", help="text model that judges tasks which need a judge")
    add("--judge-base-url", metavar="URL", help="server of the judge")
    add("--judge-batch", action="store_true", help="ask the judge by batch jobs: half the price, within a day")
    add("--asr", metavar="M", help="model that transcribes spoken answers (speech-to-speech tasks)")
    add("--asr-base-url", metavar="URL", help="server of the recogniser")
    add("--gen", action="append", default=[], metavar="K=V", help="override a generation parameter (temperature=0)")
    add("--seed", type=_whole, default=0, help="base seed; epoch k uses seed + k (default 0)")
    add("--allow-approx", action="store_true", help="allow think modes that the model has only approximately")
    add("--dry-run", action="store_true", help="print the plan and the estimated cost; send nothing")
    add("--batch", action="store_true", help="batch jobs of OpenAI or Gemini: half the price, within a day; resumable")
    add("--batch-poll", type=float, default=30.0, metavar="S", help="seconds between looks at a batch job (default 30)")
    add(
        "--max-cost",
        type=float,
        metavar="USD",
        help="stop cleanly once the model's answers have cost this much, earlier starts included (a judge's and a "
        "recogniser's calls are not counted)",
    )
    add("--allow-other-model", action="store_true", help="go on when another model answers than was asked")
    add("--attempts", type=_whole, default=8, metavar="N", help="calls a request may take (default 8)")
    add("--timeout", type=float, default=600.0, metavar="S", help="seconds one call may take (default 600)")
    add("--quiet", action="store_true", help="no plan, no progress")
    add("--json", action="store_true", help="print {run, exit_code, reason, results} as JSON on standard output")


def run(args: argparse.Namespace) -> int:
    """Plan, run, show."""
    from audiobench.runner.options import RunOptions
    from audiobench.runner.plan import plan_lines
    from audiobench.runner.prepare import prepare
    from audiobench.runner.run import execute

    options = RunOptions(
        model=args.model,
        tasks=_list("--tasks", args.tasks),
        limit=_positive("--limit", args.limit),
        ids=_ids(args.ids),
        shard=_shard(args.shard),
        prompt=args.prompt,
        epochs=_positive("--epochs", args.epochs) or 1,
        think=_list("--think", args.think),
        audio=_list("--audio", args.audio),
        option_orders=_positive("--option-order", args.option_order) or 1,
        data=dict(_data(entry) for entry in args.data),
        base_urls=args.base_url,
        max_concurrency=_positive("--max-concurrency", args.max_concurrency),
        out=args.out,
        judge=args.judge,
        judge_base_url=args.judge_base_url,
        judge_batch=args.judge_batch,
        asr=args.asr,
        asr_base_url=args.asr_base_url,
        generation=dict(_generation(entry) for entry in args.gen),
        seed=args.seed,
        allow_approx=args.allow_approx,
        dry_run=args.dry_run,
        max_cost=None if args.max_cost is None else _positive_number("--max-cost", args.max_cost),
        allow_other_model=args.allow_other_model,
        attempts=_positive("--attempts", args.attempts) or 8,
        timeout=_positive_number("--timeout", args.timeout),
        quiet=args.quiet or args.json,
        batch=args.batch,
        batch_poll=args.batch_poll,
        command=["audiobench", *sys.argv[1:]],
    )
    prepared = prepare(options)
    if not options.quiet:
        print("\n".join(plan_lines(prepared)), file=sys.stderr)
    if options.dry_run:
        from audiobench.report.estimate import estimate, estimate_lines

        expected = estimate(prepared)
        if args.json:
            _print_json({"estimate": expected, "exit_code": 0})
        else:
            print("\n".join(estimate_lines(expected)))
        return 0
    result = execute(prepared)
    if args.json:
        _print_json(
            {
                "run": str(result.folder),
                "exit_code": int(result.exit_code),
                "reason": result.reason,
                "results": result.summaries,
            }
        )
    else:
        from audiobench.report.terminal import print_run

        tasks = {work.task.task: work.task for work in prepared.works}
        print_run(result.summaries, tasks, result.folder, model=prepared.model.name)
    for entry in result.summaries if not args.json else ():
        for reason in entry["errors"]:
            print(f"{entry['task']}: {reason['n']} x {reason['message']}", file=sys.stderr)
    if result.reason:
        print(f"audiobench: {result.reason}", file=sys.stderr)
    if result.exit_code and result.exit_code is not ExitCode.USAGE:
        import shlex

        print(f"to go on, run the same command again:\n  {shlex.join(options.command)}", file=sys.stderr)
    return int(result.exit_code)


def _print_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def _list(flag: str, text: str, items: list[str] | None = None) -> list[str]:
    """The items, each once: those of `text`, or those that a file of that name holds."""
    found = [item.strip() for item in (text.split(",") if items is None else items) if item.strip()]
    if not found:
        raise UsageError(f"{flag} {text!r}: names nothing, so there is nothing to ask")
    return list(dict.fromkeys(found))


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:  # also: more digits than Python reads
        number = 2**63
    if not -(2**63) <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text:.40}: must be a whole number of at most 64 bits")
    return number


def _positive(flag: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise UsageError(f"{flag} {value}: must be at least 1")
    return value


def _positive_number(flag: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise UsageError(f"{flag} {value:g}: must be a positive number")
    return value


def _ids(text: str | None) -> list[str] | None:
    if text is None:
        return None
    if not text.startswith("@"):
        return _list("--ids", text)
    try:
        return _list("--ids", text, Path(text[1:]).read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise UsageError(f"--ids {text}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--ids {text}: not a text file: {error}") from error


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        index, count = (int(part) for part in text.split("/"))
    except ValueError:
        raise UsageError(f"--shard {text}: expected I/N, such as 1/4") from None
    if not 1 <= index <= count:
        raise UsageError(f"--shard {text}: I must lie between 1 and N")
    return index, count


def _data(entry: str) -> tuple[str, Path]:
    task, equals, path = entry.partition("=")
    if not equals:
        raise UsageError(f"--data {entry}: expected TASK=PATH")
    return task, Path(path)


def _generation(entry: str) -> tuple[str, Any]:
    import orjson
    import yaml

    from audiobench.task import generation

    name, equals, text = entry.partition("=")
    if not equals:
        raise UsageError(f"--gen {entry}: expected NAME=VALUE")
    try:
        value = yaml.safe_load(text)
        orjson.dumps(value)
    except (yaml.YAMLError, ValueError, TypeError) as error:  # TypeError: what JSON cannot hold
        raise UsageError(f"--gen {entry}: not a value: {error}") from error
    if name in generation.NUMBERS and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)  # YAML 1.1 takes 1e-3 for text
    if problem := generation.wrong(name, value):
        raise UsageError(f"--gen {name}: {problem}")
    return name, value
