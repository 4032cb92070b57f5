"""Runs compared with each other, and the conditions of one run: tables that show themselves in a notebook."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.analysis.ablate import Ablation, in_short
from audiobench.analysis.ablate_sheets import ablation_sheets
from audiobench.analysis.across import Across, ablate_run, compare_runs
from audiobench.analysis.arms import Selector
from audiobench.analysis.plot import budget_plot, comparison_plot
from audiobench.analysis.sheets import comparison_sheets
from audiobench.api import frames
from audiobench.api.results import Run
from audiobench.core.plot import Plot
from audiobench.core.sheet import Sheet, as_html, text
from audiobench.results.runs import Run as Opened

if TYPE_CHECKING:
    from pandas import DataFrame

AnyRun = Run | str | os.PathLike[str]


class _Shown:
    """What has sheets shows them."""

    _sheets: Sequence[Sheet]

    def __repr__(self) -> str:
        return text(self._sheets).strip("\n")

    def _repr_html_(self) -> str:
        return as_html(self._sheets)


class Compared(_Shown):
    """Runs, or conditions of runs, set beside each other."""

    def __init__(self, across: Across) -> None:
        self.comparisons = across.comparisons
        """For each task and shared condition."""
        self.tasks_left_out = across.tasks_left_out
        """That only some of the runs have."""

    def table(self) -> DataFrame:
        """The differences to the first run, a row each (`audiobench.api.frames.differences`)."""
        return frames.differences(self.comparisons)

    def plot(self) -> Plot:
        """Every arm with its 95 % interval, a panel for each comparison; `.save(path)` writes it.

        Raises:
            UsageError: matplotlib is not installed, or there is no value to draw.
        """
        return comparison_plot(self.comparisons)

    @cached_property
    def _sheets(self) -> Sequence[Sheet]:  # type: ignore[override]
        return [sheet for entry in self.comparisons for sheet in comparison_sheets(entry, str(entry.title))]


class Ablated(_Shown):
    """All conditions of one run beside each other: does thinking help, does the model listen?"""

    def __init__(self, tasks: Sequence[Ablation], title: str) -> None:
        self.tasks = list(tasks)
        """What the conditions of each task say."""
        self._title = title

    @property
    def answers(self) -> list[str]:
        """In plain sentences, each with its figures."""
        return [f"{found.task}: {line}" for found in self.tasks for line in in_short(found)]

    def table(self) -> DataFrame:
        """The differences between think modes and between audio conditions, a row each (`audiobench.api.frames.differences`)."""
        return frames.differences([entry for found in self.tasks for entry in (*found.thinking, *found.audio)])

    def plot(self) -> Plot:
        """Accuracy over thinking budget; `.save(path)` writes it.

        Raises:
            UsageError: there is no budget curve, or matplotlib is not installed.
        """
        return budget_plot(self.tasks, self._title)

    @cached_property
    def _sheets(self) -> Sequence[Sheet]:  # type: ignore[override]
        return [sheet for found in self.tasks for sheet in ablation_sheets(found)]


def compare(*runs: AnyRun, tasks: Sequence[str] | None = None, allow_different: Collection[str] = ()) -> Compared:
    """Compare runs pairwise with the first, on the samples that all of them answered.

    Args:
        runs: runs, run directories, or `RUN:CONDITION` such as `"results/m/r:think=on"`.
        tasks: only these; None for all that they share.
        allow_different: fingerprint parts that may differ (`revision`).

    Raises:
        UsageError: fewer than two runs, nothing in common, or a task without targets.
        NotComparableError: what the runs rest on differs (prompt, samples, audio, scorer, ...).
    """
    return Compared(compare_runs([_selector(run) for run in runs], tasks, allowed=allow_different))


async def acompare(
    *runs: AnyRun, tasks: Sequence[str] | None = None, allow_different: Collection[str] = ()
) -> Compared:
    """`compare` without holding up the event loop."""
    return await asyncio.to_thread(lambda: compare(*runs, tasks=tasks, allow_different=allow_different))


def ablate(run: AnyRun, *, tasks: Sequence[str] | None = None) -> Ablated:
    """Compare all conditions of one run: think modes, budgets, audio conditions, option orders.

    Raises:
        UsageError: no such run or task, or a task without targets.
        NotComparableError: its conditions do not rest on the same samples, audio or prompt.
    """
    opened = Opened.open(run.folder if isinstance(run, Run) else Path(os.fspath(run)))
    return Ablated(ablate_run(opened, tasks), opened.title)


async def aablate(run: AnyRun, *, tasks: Sequence[str] | None = None) -> Ablated:
    """`ablate` without holding up the event loop."""
    return await asyncio.to_thread(lambda: ablate(run, tasks=tasks))


def _selector(run: AnyRun) -> Selector:
    if isinstance(run, Run):
        return Selector(str(run.folder), Opened.open(run.folder), {})
    return Selector.parse(os.fspath(run))
