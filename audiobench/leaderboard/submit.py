"""Make a submission of a run: run.json and the summaries, without journals and without what names your servers."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from audiobench.core.errors import IncompleteError
from audiobench.files import run_info, summary_entry
from audiobench.files.plan import DataFacts
from audiobench.files.run_info import RecordedModel
from audiobench.files.summary_entry import SummaryEntry
from audiobench.results.runs import Run
from audiobench.results.summary import summarise

LOCAL_COPY = re.compile(r"sha256:[0-9a-f]{64}")
"""What stands in place of a revision where the data were a local copy: the sha256 of its samples (ids, targets, questions,
options)."""
PRIVATE_FLAGS = ("--base-url", "--judge-base-url")


def submit(run: Run, out: Path) -> Path:
    """Write `out/<model>/<run>/`; returns that folder.

    Raises:
        IncompleteError: a request without a response, beyond what the check allows, or nothing scored.
    """
    folder = out / run.model / run.folder.resolve().name
    summaries = {
        name: summarise(task_run) for name, task_run in run.tasks.items() if not task_run.task.answers_withheld
    }
    for name, entries in summaries.items():
        for entry in entries:
            _name_local_copy(entry, run.tasks[name].plan.dataset)
            if entry.coverage < 0.99 or not entry.metrics:
                raise IncompleteError(f"{run.folder}: task {name}: coverage {entry.coverage:.3f}; run it to the end")
    if not summaries:
        raise IncompleteError(f"{run.folder}: no scored task to submit")
    model = run.info.model
    model = RecordedModel(model.name, model.sha256, {**model.declared, "base_url": None})
    info = msgspec.structs.replace(
        run.info, tasks=sorted(summaries), model=model, command=_without_addresses(run.info.command),
        base_urls=[], host={}, starts=[],
    )  # fmt: skip
    for name, entries in summaries.items():
        summary_entry.write(folder / name, entries)
    run_info.write(folder, info)
    return folder


def _name_local_copy(entry: SummaryEntry, data: DataFacts | None) -> None:
    if not entry.fingerprint.get("revision") and data is not None and data.content_sha256:
        entry.fingerprint["revision"] = f"sha256:{data.content_sha256}"


def _without_addresses(command: list[str]) -> list[str]:
    kept: list[str] = []
    for word in command:
        flag, equals, _ = word.partition("=")
        if kept and kept[-1] in PRIVATE_FLAGS:
            kept.append("URL")
        else:
            kept.append(f"{flag}=URL" if equals and flag in PRIVATE_FLAGS else word)
    return kept
