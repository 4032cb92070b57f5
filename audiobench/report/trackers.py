"""Results in experiment trackers: Weights & Biases, MLflow, Trackio, TensorBoard.

A tracker is handed the scores with their intervals, the run's configuration, and two tables: scores and samples. Logging the
same run again updates its entry there, under the same id, instead of making another.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

from msgspec import Struct

from audiobench.core.errors import IncompleteError, UsageError, install, suggestion
from audiobench.core.sheet import escape
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.export import of_response
from audiobench.report.terminal import score_sheet
from audiobench.results import cost
from audiobench.results.runs import Run

MOST_SAMPLES = 1000
"""Responses in the samples table; all of them are in the run directory and in `audiobench export`."""
SHOWN = (
    "id", "think", "audio", "epoch", "status", "value", "answer", "target", "question", "text", "reasoning", "error",
)  # fmt: skip
"""Columns of the samples table (`audiobench.report.export`), behind the task."""

Cell = str | int | float | None


class Table(Struct):
    """Header and rows."""

    columns: list[str]
    rows: list[list[Cell]]


class Logged(Struct):
    """What a tracker is handed."""

    id: str
    """Of the run, the same each time it is logged."""
    title: str
    config: dict[str, Cell]
    metrics: dict[str, float]
    """`mmau/think_on_audio_full/acc`, with `acc_low`, `acc_high`, `n`, `coverage`, and the count of each outcome beside it."""
    scores: Table
    samples: Table


def logged(run: Run, entries: Sequence[SummaryEntry], page: str | None = None) -> Logged:
    """What there is to log of a run; `page`: address of its page, where it has one."""
    metrics: dict[str, float] = {}
    for entry in entries:
        place = f"{entry.task}/{entry.condition.condition.label}"
        if entry.metric is not None:
            name, score = entry.metric
            low, high = score.ci
            values = {name: score.value, f"{name}_low": low, f"{name}_high": high, "n": score.n, "chance": entry.chance}
            metrics |= {_plain(f"{place}/{key}"): float(value) for key, value in values.items() if value is not None}
        counts = {kind: number for kind, number in entry.counts.items() if number}
        metrics |= {
            _plain(f"{place}/{kind}"): float(number) for kind, number in {"coverage": entry.coverage, **counts}.items()
        }
    account = cost.account(run.folder, run.spec)
    if account and account[0].dollars is not None:
        metrics["dollars"] = account[0].dollars
    sheet = score_sheet(entries, {name: task_run.task for name, task_run in run.tasks.items()})
    columns = [column.name for column in sheet.columns().values()]
    info = run.info
    config: dict[str, Cell] = {
        "model": run.model, "name": info.name, "tasks": ", ".join(run.tasks), "run": run.folder.name, "created": info.created,
        "command": " ".join(info.command), "model_sha256": info.model.sha256, "page": page,
        **{f"version_{name}": str(version) for name, version in info.versions.items()},
    }  # fmt: skip
    for entry in entries:
        parts = ", ".join(f"{name}={value[:12]}" for name, value in sorted(entry.fingerprint.items()))
        config[_plain(f"fingerprint/{entry.task}")] = parts
    return Logged(
        hashlib.sha256(f"{info.created} {run.folder.name} {info.model.sha256}".encode()).hexdigest()[:16],
        f"{run.title}, {run.folder.name}",
        {name: value for name, value in config.items() if value not in (None, "")},
        metrics,
        Table(columns, [list(row) for row in sheet.rows]),
        _samples(run),
    )


def _samples(run: Run) -> Table:
    found = ((name, scored) for name, task_run in run.tasks.items() for scored in task_run.scored())
    rows: list[list[Cell]] = []
    for name, scored in islice(found, MOST_SAMPLES):
        line = of_response(scored)
        cells = [line[column] for column in SHOWN]
        rows.append([name, *(cell if isinstance(cell, int | float | None) else str(cell) for cell in cells)])
    return Table(["task", *SHOWN], rows)


def _plain(name: str) -> str:
    """A name that every tracker takes."""
    return re.sub(r"[^A-Za-z0-9_./\-]+", "_", name)


def targets(asked: Sequence[str]) -> list[tuple[str, str]]:
    """(tracker, project) of each `TRACKER` or `TRACKER:PROJECT`; TensorBoard's project is a folder.

    Raises:
        UsageError: no such tracker, or its library is not installed.
    """
    found: list[tuple[str, str]] = []
    for text in asked:
        kind, _, project = text.partition(":")
        if kind not in _TRACKERS:
            hint = suggestion(kind, list(_TRACKERS), f"allowed: {', '.join(_TRACKERS)}, each optionally with :PROJECT")
            raise UsageError(f"--log-to {text}: no such tracker; {hint}")
        _library(kind)
        found.append((kind, project or ("tensorboard" if kind == "tensorboard" else "audiobench")))
    return found


def log(found: Logged, kind: str, project: str) -> str:
    """Hand a run to a tracker; returns where it is.

    Raises:
        IncompleteError: the tracker refused it (no login, no server); the message is the tracker's own.
    """
    library = _library(kind)
    try:
        return _TRACKERS[kind](library, found, project)
    except Exception as error:  # whatever a tracker raises: the results themselves are written already
        raise IncompleteError(f"--log-to {kind}: {type(error).__name__}: {error}") from error


def _library(kind: str) -> Any:
    name = "tensorboardX" if kind == "tensorboard" else kind
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"--log-to {kind} needs {name}: {install(kind)}") from error


def _wandb(wandb: Any, found: Logged, project: str) -> str:
    run = wandb.init(
        project=project, id=found.id, name=found.title, config=found.config, job_type="evaluation", resume="allow",
        notes=found.config.get("page"), reinit="create_new",
    )  # fmt: skip
    try:
        run.summary.update(found.metrics)
        for name, table in (("scores", found.scores), ("samples", found.samples)):
            cells = [[None if cell is None else str(cell) for cell in row] for row in table.rows]
            run.log({name: wandb.Table(columns=table.columns, data=cells)})
    finally:
        run.finish()
    return str(run.url or run.dir)


def _mlflow(mlflow: Any, found: Logged, project: str) -> str:
    mlflow.set_experiment(project)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(project).experiment_id
    known = client.search_runs([experiment], filter_string=f"tags.audiobench_run = '{found.id}'")
    open_as = (
        {"run_id": known[0].info.run_id} if known else {"run_name": found.title, "tags": {"audiobench_run": found.id}}
    )
    with mlflow.start_run(**open_as) as run:
        if not known:
            mlflow.log_params({name: str(value)[:6000] for name, value in found.config.items()})
        if page := found.config.get("page"):
            mlflow.set_tag("mlflow.note.content", f"[The run's page]({page})")
        mlflow.log_metrics(found.metrics)
        for name, table in (("scores", found.scores), ("samples", found.samples)):
            # the form in which mlflow.load_table reads it
            mlflow.log_dict({"columns": table.columns, "data": table.rows}, f"{name}.json")
        return f"{mlflow.get_tracking_uri()}, run {run.info.run_id}"


def _trackio(trackio: Any, found: Logged, project: str) -> str:
    run = trackio.init(
        project=project, name=f"{found.title} {found.id[:6]}", config=found.config, resume="allow", embed=False,
        auto_log_gpu=False,
    )  # fmt: skip
    from pandas import DataFrame

    try:
        run.log(found.metrics)
        for name, table in (("scores", found.scores), ("samples", found.samples)):
            rows = [dict(zip(table.columns, map(str, row), strict=True)) for row in table.rows]
            run.log({name: trackio.Table(dataframe=DataFrame(rows))})
    finally:
        run.finish()
    return f"project {project}; to look: trackio show --project {project}"


def _tensorboard(library: Any, found: Logged, folder: str) -> str:
    place = os.path.join(folder, f"{found.title.replace('/', '_').replace(', ', '_')}_{found.id[:6]}")
    with library.SummaryWriter(place) as writer:
        for name, value in found.metrics.items():
            writer.add_scalar(name, value, 0)
        writer.add_text("config", _markdown(Table(["key", "value"], [[k, v] for k, v in found.config.items()])), 0)
        writer.add_text("scores", _markdown(found.scores), 0)
        writer.add_text("samples", _markdown(found.samples), 0)
    return f"{place}; to look: tensorboard --logdir {folder}"


def _markdown(table: Table) -> str:
    rows = [["" if cell is None else escape(str(cell), 300) for cell in row] for row in table.rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [table.columns, ["---"] * len(table.columns), *rows])


_TRACKERS: dict[str, Callable[[Any, Logged, str], str]] = {
    "wandb": _wandb, "mlflow": _mlflow, "trackio": _trackio, "tensorboard": _tensorboard,
}  # fmt: skip
