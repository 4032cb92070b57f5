"""`audiobench compare`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from msgspec.structs import replace

from audiobench.analysis.arms import Selector, matched
from audiobench.analysis.comparison import Comparison, compare_arms
from audiobench.analysis.sheets import comparison_sheets
from audiobench.cli import output
from audiobench.cli.names import listed
from audiobench.core.errors import UsageError
from audiobench.task.spec import TaskSpec


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    selectors = [Selector.parse(text) for text in args.runs]
    if len(selectors) < 2:
        raise UsageError(
            "compare needs two or more runs, or conditions of a run (RUN:off RUN:on); "
            f"all conditions of one run: audiobench ablate {selectors[0].run.folder}"
        )
    tasks, left_out = shared_tasks(selectors, args.tasks)
    allowed = listed(args.allow_different)
    found: list[Comparison] = []
    for task in tasks:
        for group in matched(selectors, task):
            check_withheld(group[0].task_run.task)
            if len({(arm.run.folder.resolve(), arm.how) for arm in group}) < len(group):
                raise UsageError(f"{' '.join(args.runs)}: the same condition of the same run twice (task {task})")
            conditions = list(dict.fromkeys(arm.how for arm in group))
            shared = f", think={conditions[0].think} audio={conditions[0].audio}" if len(conditions) == 1 else ""
            found.append(replace(compare_arms(group, allowed=allowed), title=f"{task}{shared}"))
    form = output.chosen(args)
    if form == "json":
        output.write_json({"comparisons": found, "tasks_left_out": left_out, "exit_code": 0}, args.out)
        return 0

    sheets = [s for entry in found for s in comparison_sheets(entry, str(entry.title), breakdown=args.breakdown)]
    if args.breakdown and not sheets:
        raise UsageError(f"--breakdown {args.breakdown}: no such column; they are: {', '.join(columns(found))}")
    if left_out:
        sheets[0].notes.append(f"not in every run, left out: {', '.join(left_out)}")
    output.write_sheets(sheets, form, args.out)
    return 0


def shared_tasks(selectors: Sequence[Selector], wanted: str | None) -> tuple[list[str], list[str]]:
    """Tasks that every run has (and that are asked for), and those that only some have.

    Raises:
        UsageError: none is shared, or one that is asked for is not.
    """
    everything = list(dict.fromkeys(task for selector in selectors for task in selector.run.tasks))
    shared = [task for task in everything if all(task in selector.run.tasks for selector in selectors)]
    if wanted is not None:
        asked = listed(wanted)
        missing = [name for name in asked if name not in shared]
        if missing:
            raise UsageError(f"--tasks {','.join(missing)}: not in every run; shared: {', '.join(shared) or 'none'}")
        return asked, []
    if not shared:
        raise UsageError(f"the runs share no task; they have: {', '.join(everything) or 'none'}")
    return shared, [task for task in everything if task not in shared]


def check_withheld(task: TaskSpec) -> None:
    """Raise UsageError for a task without targets: there is nothing to compare."""
    if task.answers_withheld:
        raise UsageError(f"task {task.task}: its answers are withheld, so there is no score to compare")


def columns(found: Sequence[Comparison]) -> list[str]:
    """Breakdown columns that occur."""
    return sorted({column for entry in found for pair in entry.pairs for column in pair.breakdown})
