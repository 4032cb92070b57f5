"""`--confirm N`: run the tasks that failed for N more epochs on the same samples, and judge all epochs together.

This is not "re-run until green": nothing is thrown away. The answers that failed stay, N more epochs join them, the
question is the unit, and the report says so. The new answers are in a run directory of their own beside the run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from audiobench.ask.prepare import prepare
from audiobench.ask.run import execute
from audiobench.core.disk import write_json
from audiobench.core.errors import ExitCode, IncompleteError, NotComparableError, UsageError
from audiobench.files import run_info
from audiobench.results.runs import Run, read_json

MARKER = "confirms.json"
"""In a confirmation's folder: the sha256 of the answers that it confirms."""


def ask_again(run: Run, tasks: Sequence[str], epochs: int, *, base_url: Sequence[str] = ()) -> Run:
    """Run `tasks` of `run` for `epochs` more epochs, in the run directory `<run>.confirm`.

    The specification in run.json is used; epoch k has seed + k, so every new epoch has a fresh seed. What the journals
    hold already is copied and not sent again.

    Args:
        run: the run that failed.
        tasks: names of its tasks that failed.
        epochs: how many more.
        base_url: servers, where they have moved since.

    Raises:
        UsageError: run.json holds no specification.
        IncompleteError: not every request got a response.
        NotComparableError: the specification now means other samples.
    """
    try:
        starts = run.info.starts_of(tasks, run.folder / run_info.FILE)
    except UsageError as error:
        raise UsageError(f"--confirm: {error}") from error
    folder = fresh_folder(run, tasks)
    before = max(run.tasks[name].epochs for name in tasks)
    for name in tasks:
        source, target = run.tasks[name].folder / "samples.jsonl", folder / name / "samples.jsonl"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    changed: dict[str, Any] = {"epochs": before + epochs, "out": folder, "quiet": True}
    if base_url:
        changed["base_url"] = list(base_url)
    for start in starts:
        result = execute(prepare(replace(start.located(), **changed)))
        if result.exit_code is not ExitCode.OK:
            why = f" ({result.reason})" if result.reason else ""
            raise IncompleteError(
                f"{folder}: --confirm: the run ended with exit code {int(result.exit_code)}{why}; rerun the gate to resume"
            )
    confirmed = Run.open(folder)
    for name in tasks:
        if confirmed.tasks[name].plan.ids != run.tasks[name].plan.ids:
            raise NotComparableError(f"{folder}: task {name}: the specification in run.json now chooses other samples")
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
        raise UsageError(f"{folder}: exists but was not written by --confirm (no {MARKER}); move it away")
    if marker.is_file() and read_json(marker).get("of_sha256") != digest.hexdigest():
        shutil.rmtree(folder)
    write_json(marker, {"of": str(run.folder), "of_sha256": digest.hexdigest()})
    return folder
