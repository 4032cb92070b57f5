"""`audiobench score`: score answers made elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from audiobench import data as dataset
from audiobench.ask.annotate import Terms
from audiobench.ask.engine import Ending
from audiobench.ask.reader import can_read, read_records
from audiobench.cli import output
from audiobench.core.disk import write_whole
from audiobench.core.errors import UsageError
from audiobench.core.plain_text import of_whole
from audiobench.core.sheet import Sheet
from audiobench.files.annotations import Reading, Slot
from audiobench.importers import predictions
from audiobench.importers.predictions import Prediction, Summary
from audiobench.results.score import metric_of
from audiobench.scorers.metrics import UNITS, Unit
from audiobench.task.check import refusals
from audiobench.task.find import find_task
from audiobench.task.spec import TaskSpec


def run(args: argparse.Namespace) -> int:
    """Score and count."""
    import msgspec
    import orjson

    form = output.chosen(args)
    task, file = find_task(args.task)
    if findings := refusals(task, file):
        raise UsageError("\n".join(findings))
    entries = list(predictions.read(args.predictions))
    samples = None
    if args.data is not None or not all(predictions.is_inline(entry) for _, entry in entries):
        samples = {
            sample.id: sample for sample in dataset.load(task, file, data=args.data, audio_required=False).samples
        }
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


def sheet(found: Summary, unit: Unit) -> Sheet:
    """The summary as a table of one row, in the columns of a run's."""
    header = ("task", "metric", "n", "value", "95 % interval", "coverage", "chance", "official", "not scored")
    table = Sheet("", header, left=2, all_columns=True)
    low, high = found.ci
    official = found.official
    chance = "-" if found.chance is None else UNITS["share"].show(found.chance)
    table.rows.append(
        (found.task, found.metric, of_whole(found.n, found.expected), unit.show(found.value),
         "-" if low is None else f"[{unit.show(low)}, {unit.show(high)}]", f"{100 * found.coverage:.1f}%", chance,
         f"{unit.show(official.value)} (n={official.n})" if official and official.value is not None else "-",
         ", ".join(f"{n} {kind}" for kind, n in found.counts.items() if n and kind != "scored") or "-")
    )  # fmt: skip
    return table


def words(found: Summary) -> list[str]:
    """The summary as people read it."""
    many = f"n={of_whole(found.n, found.expected)}"
    if found.outputs != found.n:
        many += f" ({found.outputs} outputs)"
    low, high = found.ci
    span = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
    kinds = ", ".join(f"{n} {kind}" for kind, n in found.counts.items() if n)
    parts = [f"{many}, coverage {100 * found.coverage:.1f}%", kinds]
    official = found.official
    if official and official.value is not None:
        parts.append(f"official {official.scorer}={official.value:.4f} (n={official.n})")
    if found.chance is not None:
        parts.append(f"chance {found.chance:.4f}")
    value = "-" if found.value is None else f"{found.value:.4f}"
    lines = [f"{found.task}: {found.metric}={value}{span}; {'; '.join(parts)}"]
    if read := found.reader:
        low, high = read.ci
        span = f" [{low:.4f}, {high:.4f}]" if low is not None else ""
        lines.append(
            f"  by rules and reader {read.reader}: {found.metric}={read.value:.4f}{span}; it found an answer in "
            f"{read.read} of {read.unparsed} unparsed responses"
        )
    lines += [f"  {error.n} x {error.message}" for error in found.errors]
    if found.counts["missing"]:
        lines.append(f"  {found.counts['missing']} samples of the data set have no prediction")
    return lines
