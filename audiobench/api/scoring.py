"""Answers made elsewhere, scored from Python."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.api import frames
from audiobench.api.handed import Task
from audiobench.core.errors import UsageError
from audiobench.importers import predictions as importer
from audiobench.importers.in_words import words
from audiobench.importers.predictions import Prediction, Summary
from audiobench.task.check import refusals
from audiobench.task.find import find_task

if TYPE_CHECKING:
    from pandas import DataFrame

Predictions = str | os.PathLike[str] | Iterable[Mapping[str, Any]]


class Scores:
    """What the predictions of a file or a list come to."""

    def __init__(self, summary: Summary, found: Sequence[Prediction]) -> None:
        self.summary = summary
        """The score with its interval, coverage, chance, the official scorer's number and the counts of outcomes."""
        self._found = found

    @property
    def value(self) -> float | None:
        """The metric's value."""
        return self.summary.value

    def samples(self) -> DataFrame:
        """The predictions, a row each, in the columns of `Run.samples`."""
        return frames.samples(self._found)

    def __repr__(self) -> str:
        return "\n".join(words(self.summary))


def score(
    predictions: Predictions, *, task: str | os.PathLike[str] | Task, data: str | os.PathLike[str] | None = None,
    think_tags: Sequence[tuple[str, str]] = (),
) -> Scores:  # fmt: skip
    """Score answers made elsewhere with a task's extraction and scorer, as `audiobench score` does.

    Args:
        predictions: a file of `{id, output}` lines, a log of Inspect, lm-eval or lmms-eval, or such objects themselves;
            with `question`, `choices` and `answer` they carry their sample.
        task: by name or file, or from `audiobench.own_task`.
        data: local copy of the task's data, for predictions without their sample.
        think_tags: what opens and closes a thought, beside the known ones.

    Raises:
        UsageError: the task cannot be scored, or a prediction has no sample.
    """
    spec, file = find_task(task.name if isinstance(task, Task) else os.fspath(task))
    if findings := refusals(spec, file):
        raise UsageError("\n".join(findings))
    if isinstance(predictions, str | os.PathLike):
        where = Path(os.fspath(predictions))
        entries = list(importer.read(where))
    else:
        where = Path("predictions")
        entries = list(importer.checked(enumerate(map(dict, predictions), 1), where))
    samples = importer.samples_for(spec, file, entries, None if data is None else Path(os.fspath(data)))
    found = list(importer.scored(spec, entries, samples, where=where, think_tags=think_tags))
    return Scores(importer.summary(spec, found, samples), found)


async def ascore(
    predictions: Predictions, *, task: str | os.PathLike[str] | Task, data: str | os.PathLike[str] | None = None,
    think_tags: Sequence[tuple[str, str]] = (),
) -> Scores:  # fmt: skip
    """`score` without holding up the event loop."""
    return await asyncio.to_thread(lambda: score(predictions, task=task, data=data, think_tags=think_tags))
