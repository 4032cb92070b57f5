"""Make a submission of a run: run.json and the summaries, without journals and without what names your servers."""

from __future__ import annotations

from pathlib import Path

from audiobench.errors import IncompleteError
from audiobench.journal import write_json
from audiobench.results import Run
from audiobench.summary import summarise

KEPT = ("schema_version", "run_id", "created", "updated", "versions", "model", "tasks", "command", "served_models")
"""Keys of run.json that are published; host facts and server addresses stay at home."""
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
            if entry["coverage"] < 0.99 or not entry["metrics"]:
                raise IncompleteError(f"{run.folder}: task {name}: coverage {entry['coverage']:.3f}; run it to the end")
    if not summaries:
        raise IncompleteError(f"{run.folder}: no scored task to submit")
    info = {key: run.info[key] for key in KEPT if key in run.info}
    info["tasks"] = sorted(summaries)
    info["model"] = {**info["model"], "base_url": None}
    info["command"] = _without_addresses(list(info.get("command") or []))
    for name, entries in summaries.items():
        write_json(folder / name / "summary.json", entries)
    write_json(folder / "run.json", info)
    return folder


def _without_addresses(command: list[str]) -> list[str]:
    kept: list[str] = []
    for word in command:
        flag, equals, _ = word.partition("=")
        if kept and kept[-1] in PRIVATE_FLAGS:
            kept.append("URL")
        else:
            kept.append(f"{flag}=URL" if equals and flag in PRIVATE_FLAGS else word)
    return kept
