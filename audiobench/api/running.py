"""Runs, started from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from audiobench.api.handed import Task, model_name, task_names
from audiobench.api.options import RunOptions
from audiobench.api.results import Run
from audiobench.ask.plan_lines import plan_lines
from audiobench.ask.prepare import prepare
from audiobench.ask.run import RunResult, execute
from audiobench.core import event_loop
from audiobench.core.errors import UsageError
from audiobench.files.run_spec import RunSpec

Tasks = str | os.PathLike[str] | Task | Sequence[str | os.PathLike[str] | Task]


def run(spec: RunSpec | None = None, /, *, model: Any = None, tasks: Tasks = (), **options: Unpack[RunOptions]) -> Run:
    """Evaluate a model on tasks, as `audiobench run` does: plan, ask what has no response yet, judge, summarise.

    The same call again resumes a run that was stopped, and asks nothing that has been answered. It works where an event
    loop is running (Jupyter) too; code that must not wait uses `arun`.

    Args:
        spec: a whole specification, instead of all others.
        model: a declared model's name, a model file, `adapter:served-name`, `FILE.py:Class`, a function or object
            (see `audiobench.own_model`).
        tasks: tasks and groups by name or file, or tasks made by `audiobench.own_task`.
        options: what `audiobench run` takes, with underscores: `think=["off", "on"]`, `limit=100`, `audio=["full", "none"]`.
            `quiet=True` shows neither the plan nor the progress (on standard error).

    Returns:
        The run with its results; `run.complete` says whether every request got a response.

    Raises:
        UsageError: something cannot work; nothing was sent or written.
        IncompleteError: the run directory cannot be read or written.
    """
    return Run.of(carry_out(_spec(spec, model, tasks, options)))


async def arun(
    spec: RunSpec | None = None, /, *, model: Any = None, tasks: Tasks = (), **options: Unpack[RunOptions]
) -> Run:
    """`run` without holding up the event loop: the work is done in a thread. Cancelled, it stops as an interrupted run does,
    and the same call resumes it.
    """
    asked = _spec(spec, model, tasks, options)
    return Run.of(await event_loop.aside(lambda: carry_out(asked)))


def carry_out(spec: RunSpec) -> RunResult:
    """The run of a specification; raises as `run`."""
    prepared = prepare(spec)
    if not spec.quiet:
        print("\n".join(plan_lines(prepared)), file=sys.stderr)
    return execute(prepared)


def _spec(spec: RunSpec | None, model: Any, tasks: Tasks, options: Mapping[str, Any]) -> RunSpec:
    if spec is not None:
        if model is not None or tasks or options:
            raise UsageError("ab.run: give a RunSpec, or model, tasks and options; not both")
        return spec
    missing = [name for name, value in (("model", model), ("tasks", tasks)) if value is None or value == ()]
    if missing:
        raise UsageError(f"ab.run: {' and '.join(missing)}: missing")
    unknown = sorted(options.keys() - RunOptions.__annotations__.keys())
    if unknown:
        raise UsageError(
            f"ab.run: {', '.join(unknown)}: no such option; they are: {', '.join(RunOptions.__annotations__)}"
        )
    given = dict(options)
    if isinstance(out := given.get("out"), str | os.PathLike):
        given["out"] = Path(os.fspath(out))
    return RunSpec(model=model_name(model), tasks=task_names(tasks), **given)
