"""`audiobench score`: score answers made elsewhere."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.ask.annotate import Terms
from audiobench.ask.engine import Ending
from audiobench.ask.reader import can_read, read_records
from audiobench.ask.resolve import resolve
from audiobench.ask.run_folder import run_folder
from audiobench.cli import output
from audiobench.cli.run import run_one
from audiobench.core.disk import write_whole
from audiobench.core.errors import UsageError
from audiobench.files import records
from audiobench.files.annotations import Reading, Slot
from audiobench.files.run_spec import RunSpec
from audiobench.importers import predictions
from audiobench.importers.in_words import sheet, words
from audiobench.importers.predictions import Prediction
from audiobench.model.registry import build_adapter
from audiobench.results.heard import answer_audio
from audiobench.results.score import metric_of
from audiobench.scorers.metrics import UNITS
from audiobench.task.check import refusals
from audiobench.task.find import find_task
from audiobench.task.spec import TaskSpec


def run(args: argparse.Namespace) -> int:
    """Score and count."""
    import msgspec
    import orjson

    form = output.chosen(args)
    task, file = find_task(args.task)
    if args.predictions.is_dir():
        return score_sounds(args, task)
    if args.measure or args.asr:
        raise UsageError(f"--measure and --asr belong to a folder of sounds, and {args.predictions} is a file")
    if findings := refusals(task, file):
        raise UsageError("\n".join(findings))
    entries = list(predictions.read(args.predictions))
    samples = predictions.samples_for(task, file, entries, args.data)
    group = list(predictions.scored(task, entries, samples, where=args.predictions, think_tags=args.think_tags))
    ending, readings = read_unparsed(args, task, group)
    body = b"".join(
        orjson.dumps(
            msgspec.to_builtins(predictions.line(one, task, readings.get(one.slot))), option=orjson.OPT_APPEND_NEWLINE
        )
        for one in group
    )
    if args.out is not None:
        write_whole(args.out, body)
    elif form == "text":
        sys.stdout.write(body.decode())
    found = predictions.summary(task, group, samples, readings)
    if ending is not None and ending.reason is not None:
        found.exit_code = found.exit_code or int(ending.exit_code)
        print(f"{ending.reason}; to resume, rerun the same command", file=sys.stderr)
    if form == "json":
        print(msgspec.json.encode(found).decode())
    elif form == "text":
        print("\n".join(words(found)), file=sys.stderr)
    else:
        output.write_sheets([sheet(found, UNITS[metric_of(task).unit])], form)
    return found.exit_code


def score_sounds(args: argparse.Namespace, task: TaskSpec) -> int:
    """A folder of sounds made elsewhere: a run whose model is the folder, so that a later start measures what is new.

    Raises:
        UsageError: the task asks for no sound, or a sound that the run has is another in the folder now.
    """
    if task.answer != "audio":
        raise UsageError(f"--predictions {args.predictions}: a folder; task {task.task} asks for words: give a file")
    spec = RunSpec(
        model=f"made_sounds_folder:{args.predictions}", tasks=[args.task], data={task.task: args.data} if args.data else {},
        measure=args.measure or [], asr=args.asr, asr_base_url=args.asr_base_url, out=args.out,
        quiet=output.chosen(args) == "json",
    )  # fmt: skip
    _check_unchanged(spec, task)
    return run_one(spec, argparse.Namespace(**{**vars(args), "dry_run": False, "log_to": None}))


def _check_unchanged(spec: RunSpec, task: TaskSpec) -> None:
    """Raise UsageError where the run has another sound of a sample than its folder has now: figures would be of the old one."""
    model = resolve(spec).model
    folder = run_folder(model, spec)
    kept: dict[records.Slot, str] = {}
    for record in records.read(folder / task.task / records.FILE):
        part = answer_audio(record)
        kept[record.id, record.condition, record.epoch] = part.sha256 if part is not None else ""
    sounds: Any = build_adapter(model)
    files = {
        slot: file for slot, sha256 in kept.items() if sha256 and (file := sounds.file(slot[0], slot[2])) is not None
    }
    others = [file for slot, file in files.items() if hashlib.sha256(file.read_bytes()).hexdigest() != kept[slot]]
    if others:
        raise UsageError(
            f"{others[0]}: another sound now than {folder} has of this sample (so are {len(others)} of {len(files)} files); to "
            "score the new ones, use another --out"
        )


def read_unparsed(
    args: argparse.Namespace, task: TaskSpec, group: Sequence[Prediction]
) -> tuple[Ending | None, Mapping[Slot, Reading]]:
    """Let `--reader` read the outputs that no rule can read: how that ended (None without a reader), and its readings.

    Raises:
        UsageError: the task has no options to choose from, there is no such model, or `--reader` is missing.
    """
    if not args.reader:
        if args.readings or args.reader_base_url:
            raise UsageError("--readings and --reader-base-url belong to --reader MODEL, which is missing")
        return None, {}

    if not can_read(task):
        raise UsageError(f"--reader: a reader chooses among options, and task {task.task} has none to choose from")
    unparsed = [one.record for one in group if one.outcome.status == "unparsed" and one.record.text]
    file = args.readings or args.predictions.with_name(args.predictions.name + ".readings.jsonl")
    terms = Terms(quiet=output.chosen(args) == "json", max_cost=args.max_cost)
    return read_records(args.reader, unparsed, file, terms, base_url=args.reader_base_url)
