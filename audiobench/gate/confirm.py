"""`--confirm N`: ask the tasks that failed again, with fresh seeds on the same samples, and judge all epochs together.

This is no re-run until green: nothing is thrown away. The answers that failed stay, N more epochs join them, the
question is the unit, and the report says so. The new answers lie in a run directory of their own beside the run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from audiobench.errors import IncompleteError, NotComparableError, UsageError
from audiobench.journal import write_json
from audiobench.results import Run, read_json

MARKER = "confirms.json"
"""In a confirmation's folder: the sha256 of the answers that it confirms."""


def ask_again(run: Run, tasks: Sequence[str], epochs: int, *, options: Sequence[str] = ()) -> Run:
    """`run` for `tasks` with `epochs` more epochs, as a run directory `<run>.confirm`.

    The command that made the run is used as run.json recorded it, from the present working directory; epoch k has
    seed + k, so every new epoch has a fresh seed. What the journals answer already is copied and not asked again.
    `options` are appended to the command (`--base-url`, say).

    Raises:
        UsageError: the run was not made by `audiobench run`.
        IncompleteError: not every request got a response.
        NotComparableError: the command now means other samples.
    """
    command = list(run.info.get("command") or [])
    if len(command) < 2 or command[1] != "run":
        raise UsageError(
            f"{run.folder}: --confirm needs a run made by `audiobench run`; this one was made by {command}"
        )
    folder = fresh_folder(run, tasks)
    before = max(run.tasks[name].epochs for name in tasks)
    for name in tasks:
        source, target = run.tasks[name].folder / "samples.jsonl", folder / name / "samples.jsonl"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    again = [*command[2:], "--tasks", ",".join(_named(command, tasks)), "--epochs", str(before + epochs)]
    again += ["--out", str(folder), "--quiet", *options]
    code = _run(again)
    if code != 0:
        raise IncompleteError(f"{folder}: --confirm: audiobench run ended with {code}; run the gate again to go on")
    confirmed = Run.open(folder)
    for name in tasks:
        if confirmed.tasks[name].plan.ids != run.tasks[name].plan.ids:
            raise NotComparableError(f"{folder}: task {name}: the recorded command now chooses other samples")
    return confirmed


def fresh_folder(run: Run, tasks: Sequence[str]) -> Path:
    """`<run>.confirm`, emptied unless it belongs to these very answers (an earlier confirmation, interrupted).

    Raises:
        UsageError: there is such a folder, and no confirmation made it.
    """
    folder = run.folder.with_name(run.folder.name + ".confirm")
    digest = hashlib.sha256()
    for name in sorted(tasks):
        digest.update((run.tasks[name].folder / "samples.jsonl").read_bytes())
    marker = folder / MARKER
    if folder.exists() and not marker.is_file():
        raise UsageError(f"{folder}: exists and is no confirmation of an earlier gate (no {MARKER}); move it away")
    if marker.is_file() and read_json(marker).get("of_sha256") != digest.hexdigest():
        shutil.rmtree(folder)
    write_json(marker, {"of": str(run.folder), "of_sha256": digest.hexdigest()})
    return folder


def _named(command: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The tasks as the command named them: a path to a YAML stays a path."""
    from audiobench.task.find import find_task

    paths: dict[str, str] = {}
    for word in _value(command, "--tasks").split(","):
        if word.strip().endswith((".yaml", ".yml")):
            paths[find_task(word.strip())[0].task] = word.strip()
    return [paths.get(name, name) for name in tasks]


def _value(command: Sequence[str], flag: str) -> str:
    for i, word in enumerate(command):
        if word == flag and i + 1 < len(command):
            return command[i + 1]
        if word.startswith(f"{flag}="):
            return word.split("=", 1)[1]
    return ""


def _run(arguments: Sequence[str]) -> int:
    from audiobench.cli import run as command

    parser = argparse.ArgumentParser(prog="audiobench run")
    command.configure(parser)
    try:
        parsed = parser.parse_args(list(arguments))
    except SystemExit as error:
        raise UsageError(f"--confirm: the recorded command cannot be read: {' '.join(arguments)}") from error
    with contextlib.redirect_stdout(io.StringIO()):
        return int(command.run(parsed))
