"""`audiobench annotate`: a value for each response of a run, which is a breakdown column from then on."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from audiobench.analysis.across import tasks_of
from audiobench.ask.annotate import carry
from audiobench.ask.annotators import AnnotatorStage, Found, find_annotator
from audiobench.ask.engine import Ending
from audiobench.cli import output
from audiobench.cli.asking import terms
from audiobench.cli.names import named
from audiobench.core.errors import UsageError
from audiobench.core.sheet import Sheet
from audiobench.core.types import Request, Response
from audiobench.files import summary_entry
from audiobench.files.annotations import Note
from audiobench.files.journal import RunLock
from audiobench.model.adapter import Adapter
from audiobench.model.registry import find_model
from audiobench.results import cost
from audiobench.results.runs import Run, TaskRun
from audiobench.results.summary import summarise


class _Nobody:
    """The adapter of an annotator that asks no model."""

    async def generate(self, request: Request) -> Response:
        """Never called."""
        raise UsageError("this annotator asks no model")

    async def close(self) -> None:
        """Nothing to close."""


def run(args: argparse.Namespace) -> int:
    """Annotate what is open, make the summaries anew, and print how often each value was given."""
    found = find_annotator(args.by)
    if found.asks_a_model != (args.model is not None):
        raise UsageError(
            f"--by {args.by}: asks a model; name it with --model"
            if found.asks_a_model
            else f"--model {args.model}: annotator {found.name} asks no model; leave it out"
        )
    if args.max_cost is not None and not found.asks_a_model:
        raise UsageError(f"--max-cost: annotator {found.name} asks no model, so it costs nothing; leave it out")
    opened = Run.open(args.run_folder)
    tasks = [opened.tasks[name] for name in tasks_of(opened, named(args.tasks))]
    for task_run in tasks:
        if found.name in task_run.plan.task.get("breakdown", ()):
            raise UsageError(f"annotator {found.name}: task {task_run.task.task} has a breakdown column of that name")
    lock = RunLock(opened.folder)
    try:
        ending = _carry(args, found, opened, tasks)
        for task_run in Run.open(opened.folder).tasks.values():
            summary_entry.write(task_run.folder, summarise(task_run))
    finally:
        lock.release()
    counts = {task_run.task.task: _counts(task_run, found.name) for task_run in tasks}
    form = output.chosen(args)
    if form == "json":
        output.write_json(
            {"run": str(opened.folder), "annotator": found.name, "version": found.version, "tasks": counts,
             "costs": cost.of_stages(opened.folder), "reason": ending.reason, "exit_code": int(ending.exit_code)},
            args.out,
        )  # fmt: skip
    else:
        sheet = Sheet("", ("task", found.name, "n"), left=2)
        sheet.rows = [(task, value, f"{n:,}") for task, values in counts.items() for value, n in values.items()]
        sheet.notes.append(f"scores by these values: audiobench report {opened.folder} --breakdown {found.name}")
        output.write_sheets([sheet], form, args.out)
        if line := cost.account_line(cost.of_stages(opened.folder)):
            print(line, file=sys.stderr)
    if ending.reason:
        print(f"audiobench: {ending.reason}; to resume, rerun the same command", file=sys.stderr)
    return int(ending.exit_code)


def _carry(args: argparse.Namespace, found: Found, opened: Run, tasks: list[TaskRun]) -> Ending:
    model = find_model(args.model, base_url=args.base_url) if args.model else None
    adapter: Adapter | None = None if model else _Nobody()
    return carry(
        AnnotatorStage(found, model, tasks),
        terms(args, opened.folder, Note.PART),
        base_url=args.base_url,
        adapter=adapter,
    )


def _counts(task_run: TaskRun, name: str) -> dict[str, int]:
    """How often each value was given to a response that counts."""
    notes = task_run.notes().get(name, {})
    slots = [(record.id, record.key) for record in task_run.records() if record.response is not None]
    values = Counter(
        str(notes[slot].value) if notes[slot].value is not None else "(none)" for slot in slots if slot in notes
    )
    return dict(sorted(values.items()))
