"""A run and what came of it, in Python: tables, samples, plots."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.api import frames
from audiobench.api.sample import SampleView
from audiobench.ask.run import RunResult, completeness
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.plot import Plot
from audiobench.core.sheet import Sheet, as_html, text
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.plot import score_plot
from audiobench.report.terminal import group_sheet, score_sheet
from audiobench.report.trackers import log, logged, targets
from audiobench.results import cost
from audiobench.results.groups import group_scores
from audiobench.results.runs import Run as Opened
from audiobench.results.runs import Scored, TaskRun
from audiobench.results.summary import summaries
from audiobench.task.spec import TaskSpec

if TYPE_CHECKING:
    from pandas import DataFrame


class Run:
    """A run directory with its results. In a notebook it shows its scores."""

    def __init__(
        self,
        opened: Opened,
        entries: Sequence[SummaryEntry],
        exit_code: ExitCode = ExitCode.OK,
        reason: str | None = None,
    ) -> None:
        self._opened = opened
        self.scores = list(entries)
        """A summary entry for each task and condition, as in summary.json."""
        self.exit_code = int(exit_code)
        """What `audiobench run` would have ended with."""
        self.reason = reason
        """Why the run stopped before its end; None where it did not."""

    @classmethod
    def of(cls, result: RunResult) -> Run:
        """The run that has just been made."""
        return cls(Opened.open(result.folder), result.summaries, result.exit_code, result.reason)

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self._opened.folder

    @property
    def model(self) -> str:
        """The model's name."""
        return self._opened.model

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that it has."""
        return list(self._opened.tasks)

    @property
    def complete(self) -> bool:
        """Whether every request got a response (and its judgement, where one is needed)."""
        return self.exit_code == ExitCode.OK

    @property
    def dollars(self) -> float | None:
        """US dollars that it has cost so far; None where that is not known."""
        account = cost.account(self.folder, self._opened.spec)
        return account[0].dollars if account else None

    def table(self) -> DataFrame:
        """The scores, a row for each task and condition: `task`, the condition (`think`, `audio`, `option_order`, `prompt`,
        `protocol`, `epochs`), `metric`, `unit`, `value` with its 95 % interval `low` and `high`, `n` (samples with a response)
        of `planned`, `coverage`, `chance`, `official` (the official scorer's own number) with `official_n`, and how many
        responses were `scored`, `unparsed`, `truncated`, `refused`, `error`, `invalid_audio`, `missing`.
        """
        return frames.scores(self.scores)

    def groups(self) -> DataFrame:
        """The averages of task groups all of whose tasks are in the run."""
        return frames.groups(group_scores(self.scores, self._specs()))

    def samples(self, task: str | None = None) -> DataFrame:
        """The responses, a row each, in the columns of `audiobench export`: id, condition, status, value, answer and rule,
        target, question, choices, metadata, text, reasoning, error, tokens, seconds, ...; and `clips`, their paths.

        Args:
            task: of which task; None where the run has only one.

        Raises:
            UsageError: no such task, or several.
        """
        return frames.samples(self._task(task).scored())

    def sample(
        self, id: str, task: str | None = None, *, think: str | None = None, audio: str | None = None
    ) -> SampleView:
        """One item with all its responses, which a notebook shows with its sound.

        Args:
            id: the sample's.
            task: of which task; None where the run has only one.
            think: only responses under this think mode.
            audio: only responses under this audio condition.

        Raises:
            UsageError: no such sample, or no response to it under this condition.
        """
        of = self._task(task)
        wanted = [
            how for how in of.conditions if think in (None, how.think) and audio in (None, how.audio)
        ]  # fmt: skip
        found: list[Scored] = [one for one in of.scored(*wanted) if one.id == id] if wanted else []
        if not found:
            raise UsageError(
                f"{self.folder}: task {of.task.task} has no response to sample {id!r} under this condition"
            )
        return SampleView(found, self.folder)

    def plot(self) -> Plot:
        """Every score with its 95 % interval, a panel for each metric; `.save(path)` writes it.

        Raises:
            UsageError: matplotlib is not installed, or there is no score to draw.
        """
        return score_plot(self.scores, self._opened.title)

    def log_to(self, *trackers: str, page: str | None = None) -> list[str]:
        """Hand the results to experiment trackers, as `--log-to` does; returns where they are.

        Args:
            trackers: `wandb`, `mlflow`, `trackio` or `tensorboard`, each with `:PROJECT` where wanted.
            page: address of the run's page, to be linked.

        Raises:
            UsageError: no such tracker, its library is missing, or it refused.
        """
        asked = targets(trackers)
        found = logged(self._opened, self.scores, page)
        return [log(found, kind, project) for kind, project in asked]

    @cached_property
    def _sheets(self) -> list[Sheet]:
        groups = group_scores(self.scores, self._specs())
        found = [score_sheet(self.scores, self._specs(), self._opened.title)]
        found += [group_sheet(groups, f"{self._opened.title}: groups")] if groups else []
        if self.reason:
            found[0].notes.append(f"incomplete: {self.reason}")
        return found

    def _specs(self) -> dict[str, TaskSpec]:
        return {name: task_run.task for name, task_run in self._opened.tasks.items()}

    def _task(self, wanted: str | None) -> TaskRun:
        if wanted is None and len(self._opened.tasks) == 1:
            return next(iter(self._opened.tasks.values()))
        if wanted is None or wanted not in self._opened.tasks:
            said = "name a task" if wanted is None else f"task {wanted}: not in this run"
            raise UsageError(f"{self.folder}: {said}; it has: {', '.join(self.tasks)}")
        return self._opened.tasks[wanted]

    def __repr__(self) -> str:
        return text(self._sheets).strip("\n")

    def _repr_html_(self) -> str:
        return as_html(self._sheets)


def load(folder: str | os.PathLike[str]) -> Run:
    """The run of a directory, its scores made anew from its journals.

    Raises:
        UsageError: it is no run directory, or was scored by an object that this process does not have (`audiobench.own_task`
            hands it over again).
        IncompleteError: a file in it is damaged; the message names file and line.
    """
    opened = Opened.open(Path(os.fspath(folder)))
    entries = summaries(opened)
    return Run(opened, entries, completeness(entries))
