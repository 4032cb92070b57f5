"""Whole runs compared with each other or within themselves, task after task."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from audiobench.analysis.ablate import Ablation, ablate_task
from audiobench.analysis.arms import Selector, matched
from audiobench.analysis.comparison import Comparison, compare_arms
from audiobench.core.errors import UsageError
from audiobench.results.runs import Run
from audiobench.task.spec import TaskSpec


class Across(Struct):
    """Runs compared: a comparison for each task and each condition that all of them have."""

    comparisons: list[Comparison]
    tasks_left_out: list[str]
    """That only some of the runs have."""


def compare_runs(
    selectors: Sequence[Selector], tasks: Sequence[str] | None = None, *, allowed: Collection[str] = ()
) -> Across:
    """Compare runs on these tasks (None: all that they share); `allowed`: fingerprint parts that may differ.

    Raises:
        UsageError: fewer than two runs, no task or condition in common, or a task without targets.
        NotComparableError: what they rest on differs.
    """
    if len(selectors) < 2:
        raise UsageError(
            "compare needs two or more runs, or conditions of a run (RUN:off RUN:on); "
            f"all conditions of one run: audiobench ablate {selectors[0].run.folder}"
        )
    names, left_out = shared_tasks(selectors, tasks)
    found: list[Comparison] = []
    for task in names:
        for group in matched(selectors, task):
            check_withheld(group[0].task_run.task)
            if len({(arm.run.folder.resolve(), arm.how) for arm in group}) < len(group):
                said = " ".join(selector.text for selector in selectors)
                raise UsageError(f"{said}: the same condition of the same run twice (task {task})")
            conditions = list(dict.fromkeys(arm.how for arm in group))
            shared = f", think={conditions[0].think} audio={conditions[0].audio}" if len(conditions) == 1 else ""
            found.append(replace(compare_arms(group, allowed=allowed), title=f"{task}{shared}"))
    return Across(found, left_out)


def ablate_run(run: Run, tasks: Sequence[str] | None = None) -> list[Ablation]:
    """All conditions of a run compared, on these tasks (None: all that it has).

    Raises:
        UsageError: it has no such task, none at all, or one without targets.
        NotComparableError: its conditions do not rest on the same samples, audio or prompt.
    """
    names = tasks_of(run, tasks)
    if not names:
        raise UsageError(f"{run.folder}: no task in this run has a plan yet")
    for name in names:
        check_withheld(run.tasks[name].task)
    return [ablate_task(run, run.tasks[name]) for name in names]


def tasks_of(run: Run, wanted: Sequence[str] | None) -> list[str]:
    """The tasks of a run that are wanted; all of them for None.

    Raises:
        UsageError: the run does not have one of them.
    """
    if wanted is None:
        return list(run.tasks)
    if missing := [name for name in wanted if name not in run.tasks]:
        raise UsageError(f"--tasks {','.join(missing)}: not in this run; it has: {', '.join(run.tasks)}")
    return list(wanted)


def shared_tasks(selectors: Sequence[Selector], wanted: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Tasks that every run has (and that are asked for), and those that only some have.

    Raises:
        UsageError: none is shared, or one that is asked for is not.
    """
    everything = list(dict.fromkeys(task for selector in selectors for task in selector.run.tasks))
    shared = [task for task in everything if all(task in selector.run.tasks for selector in selectors)]
    if wanted is not None:
        missing = [name for name in wanted if name not in shared]
        if missing:
            raise UsageError(f"--tasks {','.join(missing)}: not in every run; shared: {', '.join(shared) or 'none'}")
        return list(wanted), []
    if not shared:
        raise UsageError(f"the runs share no task; they have: {', '.join(everything) or 'none'}")
    return shared, [task for task in everything if task not in shared]


def check_withheld(task: TaskSpec) -> None:
    """Raise UsageError for a task without targets: there is nothing to compare."""
    if task.answers_withheld:
        raise UsageError(f"task {task.task}: its answers are withheld, so there is no score to compare")
