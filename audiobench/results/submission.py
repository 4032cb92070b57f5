"""The file that a benchmark with withheld answers wants to be sent."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from audiobench.core import template
from audiobench.core.disk import write_json, write_whole
from audiobench.core.errors import UsageError
from audiobench.results.runs import TaskRun
from audiobench.statistics.passk import majority

_ANSWER = re.compile(r"\b(answer|output)\b")


def _voted(runs: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The names of the earliest run with the answer that most runs gave."""
    in_order = [names for _, names in sorted(runs, key=lambda run: run[0])]
    most = majority([names["answer"] or None for names in in_order])
    return next((names for names in in_order if names["answer"] == most), in_order[0])


def write_submission(task_run: TaskRun) -> Path:
    """Write `<task>/<submission file>`: one object a sample, or where its name ends in .csv one line a sample below a header.

    The fields, as the task's `submission` says, are templates over `id`, `answer` (the extracted option's text, empty when unparsed), `output` (the
    model's text), `question`, `choices`, and `row` with the breakdown columns as well. Of a task that asks a question in several
    runs (`repeat`), lines that differ in nothing but the answer become one, with the answer that most of the runs gave.

    Raises:
        UsageError: the task declares no submission fields.
    """
    task = task_run.task
    fields = {name: text for name, text in task.submission.items() if name != "file"}
    if not fields:
        raise UsageError(f"task {task.task}: submission: answers are withheld, so the fields to send must be declared")
    found: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    for scored in task_run.scored(task_run.conditions[0]):
        if scored.epoch or scored.record.response is None:
            continue
        sample = scored.sample
        answer = scored.outcome.answer or ""
        letter, dot, option = answer.partition(". ")
        names = {
            **sample.metadata,
            "id": sample.id,
            "question": sample.question,
            "choices": [choice for choice in sample.choices if choice is not None],
            "answer": option if dot and len(letter) == 1 else answer,
            "output": scored.record.text,
        }
        key: Any = sample.id
        if task.repeat:
            key = tuple(str(template.evaluate(text, names)) for text in fields.values() if not _ANSWER.search(text))
        found.setdefault(key, []).append((sample.id, names))
    rows = [{name: template.evaluate(text, _voted(runs)) for name, text in fields.items()} for runs in found.values()]
    path = task_run.folder / task.submission.get("file", "submission.json")
    rows.sort(key=str)
    if path.suffix == ".csv":
        out = io.StringIO()
        table = csv.DictWriter(out, list(fields), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_whole(path, out.getvalue().encode())
    else:
        write_json(path, rows)
    return path
