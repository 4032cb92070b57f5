"""The rows of a leaderboard: from runs and submissions, and from the published scores of the task files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from msgspec import structs

from audiobench.core.errors import UsageError
from audiobench.core.plain_text import of_whole
from audiobench.core.types import Condition
from audiobench.files import run_info, summary_entry
from audiobench.files.run_info import RecordedModel, RunInfo, titled
from audiobench.files.summary_entry import NOTHING, RATERS, MetricScore, SummaryEntry
from audiobench.results.reasoned import contrary
from audiobench.results.runs import Run, TaskRun
from audiobench.results.score import metric_of
from audiobench.results.summary import summarise
from audiobench.scorers import Mean, Metric, metric_named
from audiobench.scorers.metrics import UNITS
from audiobench.statistics.intervals import By
from audiobench.task.find import find_task, task_files
from audiobench.task.spec import TaskSpec

IN_WORDS = (*RATERS, "quantisation", "task_version")
"""Parts of a fingerprint that are words and no digests."""


@dataclass(slots=True)
class Cell:
    """One score, in per cent where its unit allows that (`Metric.on_board`)."""

    value: float
    metric: str
    low: float | None = None
    high: float | None = None
    interval: By | None = None
    higher_is_better: bool = True
    averaged: bool = True
    """Whether more is better and 100 the most."""
    unit: str = "share"
    n: int | None = None
    size: str = ""
    """`n` in words, where the data set has another number of rows or not all of the samples have a response."""
    coverage: float | None = None
    """Share of the requests that got a response."""
    chance: float | None = None
    prompt: str = ""
    moment: float = 0.0
    """When the run was last changed, in seconds since 1970; 0.0 where it is not known."""
    run: str = ""
    fingerprint: Mapping[str, str] = field(default_factory=dict[str, str])
    mark: str = ""
    """Set where the cell is not comparable with the others of its column."""
    notes: str = ""
    """For published scores what the source leaves open; for ours how the responses contradict their think mode."""
    asked: int = 0
    """Size of the sample set that the fingerprint stands for: samples with a record, answered or not."""

    @property
    def date(self) -> str:
        """Day of the last change, UTC."""
        return datetime.fromtimestamp(self.moment, UTC).strftime("%Y-%m-%d") if self.moment else ""


@dataclass(slots=True)
class Gain:
    """What thinking brings, in percentage points."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int | None = None
    paired: bool = True
    lower_is_better: bool = False


@dataclass(slots=True)
class Row:
    """One model under one condition, or one published row."""

    model: str
    condition: Condition
    name: str = ""
    """Of the run (`--name`): runs of one model with different names are rows of their own."""
    source: str = ""
    """Of published scores; empty for our own."""
    effective: str = ""
    """What was really done about thinking, where it is not what was asked."""
    cells: dict[str, Cell] = field(default_factory=dict[str, Cell])
    gains: dict[str, Gain] = field(default_factory=dict[str, Gain])
    average: Cell | None = None
    average_se: float | None = None
    average_gain: Gain | None = None
    rank: tuple[int, int] | None = None

    @property
    def published(self) -> bool:
        """Whether it comes from a paper and not from a run."""
        return bool(self.source)

    @property
    def title(self) -> str:
        """The model and, where it has one, the run's own name."""
        return titled(self.model, self.name)

    @property
    def label(self) -> str:
        """The condition, short."""
        if self.published:
            return f"think={self.condition.think}" if self.condition.think != "default" else ""
        return self.condition.label + (f" ({self.effective})" if self.effective else "")


def measured_rows(
    folders: Sequence[Path], tasks: Sequence[str] | None, metric: str | None
) -> tuple[dict[tuple[str, str, str], Row], list[str]]:
    """(rows, notes) of every run at or under `folders`; of two runs of the same thing the newer one, and a note."""
    rows: dict[tuple[str, str, str], Row] = {}
    notes: list[str] = []
    paths = sorted(
        {file.parent for folder in folders for file in [*folder.glob("run.json"), *folder.rglob("run.json")]}
    )
    for path in paths:
        if (path / "confirms.json").is_file():  # answers of a gate's second look, pooled with a run's own
            continue
        info, found = _read_run(path, tasks)
        for entry, spec in found:
            cell = _cell(entry, spec, metric, info.moment, str(path))
            if cell is None:
                continue
            condition = entry.condition.condition
            key = (info.title, info.model.sha256 or "", condition.label)
            row = rows.setdefault(key, Row(info.model.name, condition, info.name))
            row.effective = ", ".join(entry.effective) or row.effective
            old = row.cells.get(entry.task)
            if old is not None:
                newer, older = (old, cell) if old.moment > cell.moment else (cell, old)
                why = "older" if older.moment < newer.moment else "neither is newer"
                for part in RATERS:
                    if part in difference(older.fingerprint, newer.fingerprint, audio=True):
                        why += f"; {part} {older.fingerprint.get(part, 'not named')}"
                notes.append(
                    f"{info.title}, {entry.task}, {condition.label}: {newer.run} is shown, not {older.run} ({why})"
                )
                cell = newer
            row.cells[entry.task] = cell
    if notes:
        notes.append("runs of one model under different names (audiobench run --name) have rows of their own")
    return rows, notes


def _read_run(path: Path, tasks: Sequence[str] | None) -> tuple[RunInfo, list[tuple[SummaryEntry, TaskSpec | None]]]:
    """run.json and the summary entries of a run: made anew where the journals are, else as they were submitted.

    Raises:
        UsageError: not a run or a submission.
        IncompleteError: a damaged file.
    """
    try:
        info = run_info.read(path)
        _check_model(path, info)
        plans: Mapping[str, TaskRun] = {} if not any(path.glob("*/plan.json")) else Run.open(path).tasks
        found: list[tuple[SummaryEntry, TaskSpec | None]] = []
        for name, task_run in plans.items():
            if (tasks is None or name in tasks) and (task_run.folder / "samples.jsonl").is_file():
                found += [(entry, task_run.task) for entry in summarise(task_run)]
        for file in sorted(path.glob("*/summary.json")):
            name = file.parent.name
            if (tasks is None or name in tasks) and not (file.parent / "samples.jsonl").is_file():
                found += [(entry, shipped(entry.task)) for entry in summary_entry.read(file)]
        return info, found
    except UsageError as error:
        raise UsageError(f"{error}; see audiobench leaderboard --check") from error


def _check_model(path: Path, info: RunInfo) -> None:
    """Raise IncompleteError where the model's declaration is damaged; its name may be any text."""
    declared = RecordedModel("model", None, {**info.model.declared, "name": "model"})
    _ = Run(path, structs.replace(info, model=declared), {}).spec


def _cell(entry: SummaryEntry, spec: TaskSpec | None, metric: str | None, moment: float, run: str) -> Cell | None:
    name, value = entry.metric or ("", NOTHING)
    if not isinstance(value, MetricScore) or value.value is None:
        return None
    chance = entry.chance
    about: dict[str, Any] = {
        "coverage": entry.coverage, "chance": None if chance is None else 100 * chance, "moment": moment, "run": run,
        "prompt": entry.condition.prompt, "fingerprint": entry.fingerprint,
        "notes": contrary(entry.condition.think, entry.effective, entry.reasoning) if entry.reasoning else "",
        "asked": entry.n - entry.counts.get("missing", 0) // max(1, entry.condition.epochs),
    }  # fmt: skip
    made = _metric(name, value, spec)
    about |= {"higher_is_better": made.higher_is_better, "averaged": made.averaged, "unit": made.unit}
    if metric == "official":
        official = entry.official
        if not official or official.value is None:
            return None
        return Cell(made.on_board(official.value), official.name, n=official.n, size=_size(official.n, entry), **about)
    if metric not in (None, name):
        return None
    bounds = (None, None) if value.interval is By.NONE else value.ci
    low, high = (None if bound is None else made.on_board(bound) for bound in bounds)
    return Cell(
        made.on_board(value.value), name, low, high, value.interval, n=value.n, size=_size(value.n, entry), **about
    )


def _size(n: int | None, entry: SummaryEntry) -> str:
    """`60 of 1,000`; empty where `n` says it all."""
    return "" if n is None or (n == entry.n and entry.whole is None) else of_whole(n, entry.n, entry.whole)


def _metric(name: str, value: MetricScore, spec: TaskSpec | None) -> Metric:
    """The task's metric; of a task that is not at hand, what the entry says of it."""
    if spec is not None and metric_of(spec).name == name:
        return metric_of(spec)
    if value.unit not in UNITS:  # an entry of version 0.1
        return metric_named(name) or Mean(name)
    low, high = (inf if bound is None else bound for bound in value.bounds)
    return Metric(name, unit=value.unit, higher_is_better=value.higher_is_better, bounds=(low, high))


def published_rows(tasks: Sequence[str], source: str | None) -> list[Row]:
    """Reference scores of the task files: one row for each model and source."""
    rows: dict[tuple[str, str, str], Row] = {}
    for task in tasks:
        spec = shipped(task)
        if spec is None:
            continue
        for score in spec.reference_scores:
            origin = re.sub(r"\s*\([^()]*\)$", "", score.source)
            if source is not None and source.lower() not in score.source.lower():
                continue
            key = (score.model, origin, score.think or "default")
            row = rows.setdefault(key, Row(score.model, Condition(think=score.think or "default"), source=origin))
            made = metric_of(spec)
            rated = made.unit == "rating" and score.value <= made.bounds[1]  # else the source prints per cent
            row.cells[task] = Cell(
                made.on_board(score.value) if rated else score.value, score.metric, notes=score.notes or "",
                higher_is_better=made.higher_is_better, averaged=made.averaged,
            )  # fmt: skip
    return list(rows.values())


def difference(first: Mapping[str, str], second: Mapping[str, str], *, audio: bool) -> list[str]:
    """Parts of two fingerprints that differ; `audio` False leaves out what the clips are (controls)."""
    left_out: set[str] = set() if audio else {"audio"}
    if not ("recogniser" in first and "recogniser" in second):  # not every answer need be spoken
        left_out.add("recogniser")
    if _local(first) or _local(second):  # a local copy has no revision: its samples and clips say what it is
        left_out.add("revision")
    parts = sorted({*first, *second} - left_out)
    return [part for part in parts if first.get(part) != second.get(part)]


def _local(fingerprint: Mapping[str, str]) -> bool:
    revision = fingerprint.get("revision")
    return revision is not None and (not revision or revision.startswith("sha256:"))


def shipped(task: str) -> TaskSpec | None:
    """The shipped or registered task of that name, if there is one."""
    if task not in task_files():
        return None
    return find_task(task)[0]
