"""Tables over many runs: rows are models under a condition, columns are tasks; published scores stand apart.

Every number is in per cent: accuracies and error rates times 100, judge ratings as a share of the highest rating (10 of
1 to 10 is 100), BLEU as it is. A board never mixes unlike with unlike silently: a cell whose fingerprint differs from
the column's gets a mark, a note that names the part, and no rank.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.errors import NotComparableError, UsageError
from audiobench.gate.arms import Arm, arms_of_task
from audiobench.results import Run, TaskRun, read_json, summarise
from audiobench.score import scorer_of
from audiobench.scorers import SCORERS
from audiobench.statistics.intervals import Interval
from audiobench.statistics.macro import macro_average, rank_ranges, standard_error
from audiobench.statistics.paired import compare
from audiobench.task.find import find_task, task_files
from audiobench.task.spec import TaskSpec
from audiobench.types import Condition

if TYPE_CHECKING:
    import pandas as pd

MARKS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Cell:
    """One score, in per cent."""

    value: float
    metric: str
    low: float | None = None
    high: float | None = None
    interval: str = ""
    n: int | None = None
    coverage: float | None = None
    """Share of the requests that got a response."""
    chance: float | None = None
    prompt: str = ""
    date: str = ""
    run: str = ""
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    """Set where the cell is not comparable with the others of its column."""
    notes: str = ""
    """For published scores: what the source leaves open."""


@dataclass(slots=True)
class Gain:
    """What thinking brings, in percentage points."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    n: int | None = None
    paired: bool = True


@dataclass(slots=True)
class Row:
    """One model under one condition, or one published row."""

    model: str
    condition: Condition
    source: str = ""
    """Of published scores; empty for our own."""
    effective: str = ""
    """What was really done about thinking, where it is not what was asked."""
    cells: dict[str, Cell] = field(default_factory=dict)
    gains: dict[str, Gain] = field(default_factory=dict)
    average: Cell | None = None
    average_se: float | None = None
    average_gain: Gain | None = None
    rank: tuple[int, int] | None = None

    @property
    def published(self) -> bool:
        """Whether it comes from a paper and not from a run."""
        return bool(self.source)

    @property
    def label(self) -> str:
        """The condition, short."""
        if self.published:
            return f"think={self.condition.think}" if self.condition.think != "default" else ""
        return self.condition.label + (f" ({self.effective})" if self.effective else "")


@dataclass(slots=True)
class Board:
    """A whole leaderboard."""

    tasks: list[str]
    titles: dict[str, str]
    averaged: list[str]
    """Tasks that the average takes: those of which more is better and 100 the most."""
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    @property
    def measured(self) -> list[Row]:
        """Our own rows, best first."""
        return [row for row in self.rows if not row.published]

    @property
    def references(self) -> list[Row]:
        """Published rows."""
        return [row for row in self.rows if row.published]

    def frame(self) -> pd.DataFrame:
        """Every number in long form: one line for each row and task, the average among the tasks."""
        import pandas as pd

        lines = []
        for row in self.rows:
            cells = [*row.cells.items(), *([("average", row.average)] if row.average else [])]
            for task, cell in cells:
                gain = row.average_gain if task == "average" else row.gains.get(task)
                lines.append(
                    {
                        "model": row.model, "kind": "published" if row.published else "measured", "source": row.source,
                        "think": row.condition.think, "think_effective": row.effective, "audio": row.condition.audio,
                        "option_order": row.condition.option_order, "protocol": row.condition.protocol,
                        "task": task, "metric": cell.metric, "value": cell.value, "low": cell.low, "high": cell.high,
                        "interval": cell.interval, "se": row.average_se if task == "average" else None,
                        "n": cell.n, "coverage": cell.coverage, "chance": cell.chance, "prompt": cell.prompt,
                        "date": cell.date, "run": cell.run, "comparable": not cell.mark,
                        "think_gain": gain.value if gain else None, "think_gain_low": gain.low if gain else None,
                        "think_gain_high": gain.high if gain else None, "think_gain_p": gain.p if gain else None,
                        "think_gain_paired": gain.paired if gain else None,
                        "rank_best": row.rank[0] if row.rank else None, "rank_worst": row.rank[1] if row.rank else None,
                        "notes": cell.notes,
                    }
                )  # fmt: skip
        return (
            pd.DataFrame(lines).astype({"n": "Int64", "rank_best": "Int64", "rank_worst": "Int64"})
            if lines
            else pd.DataFrame()
        )


def make_board(
    folders: Sequence[Path], *, tasks: Sequence[str] | None = None, metric: str | None = None, published: bool = False,
    source: str | None = None, strict: bool = False,
) -> Board:  # fmt: skip
    """The board of every run at or under `folders`.

    `metric` restricts it to tasks of that metric; `official` shows the official scorers' own numbers instead.
    `published` adds the reference scores of the task files, restricted to sources that contain `source`.

    Raises:
        UsageError: nothing to show.
        NotComparableError: fingerprints are mixed and `strict` is set.
    """
    rows, notes = _measured_rows(folders, tasks, metric)
    found = list(tasks or dict.fromkeys(task for row in rows for task in row.cells))
    if published and not found:
        found = [name for name, spec in _shipped() if spec.reference_scores]
    if published:
        rows += _published_rows(found, source)
    names = [task for task in found if any(task in row.cells for row in rows)]
    if not names:
        raise UsageError(
            "leaderboard: nothing to show: no run with scores in "
            f"{', '.join(map(str, folders)) or 'no folder'} ({', '.join(tasks or ['any task'])}); --published shows papers'"
        )
    specs = {task: _spec(task) for task in names}
    averaged = [task for task in names if _is_share(rows, task)]
    board = Board(names, {t: (s.title if s else t) for t, s in specs.items()}, averaged, rows, notes)
    _mark(board, strict)
    for row in board.rows:
        _average(row, board)
    _rank(board)
    board.rows.sort(key=lambda row: (row.published, row.source, row.average is None, -_height(row, board), row.model))
    return board


def _measured_rows(
    folders: Sequence[Path], tasks: Sequence[str] | None, metric: str | None
) -> tuple[list[Row], list[str]]:
    rows: dict[tuple[str, str, str], Row] = {}
    notes: list[str] = []
    paths = sorted(
        {file.parent for folder in folders for file in [*folder.glob("run.json"), *folder.rglob("run.json")]}
    )
    for path in paths:
        if (path / "confirms.json").is_file():  # answers of a gate's second look, pooled with a run's own
            continue
        info = read_json(path / "run.json")
        date = _date(info)
        for entry, task_run in _entries(path, tasks):
            cell = _cell(entry, task_run, metric, date, str(path))
            if cell is None:
                continue
            condition = Condition(**{k: v for k, v in entry["condition"].items() if k != "epochs"})
            name = info["model"]["name"]
            row = rows.setdefault((name, info["model"].get("sha256") or "", condition.label), Row(name, condition))
            row.effective = ", ".join(entry.get("think_effective") or []) or row.effective
            old = row.cells.get(entry["task"])
            if old is not None:
                newer = max(old, cell, key=lambda c: c.date)
                older = old if newer is cell else cell
                notes.append(
                    f"{name}, {entry['task']}, {condition.label}: {newer.run} is shown, not {older.run} (older)"
                )
                cell = newer
            row.cells[entry["task"]] = cell
    _gains(rows, metric)
    return list(rows.values()), notes


def _entries(folder: Path, tasks: Sequence[str] | None) -> Iterable[tuple[Mapping[str, Any], TaskRun | None]]:
    """Summary entries of a run: made anew where the journals are, else as they were submitted."""
    run = Run.open(folder)
    for name, task_run in run.tasks.items():
        if (tasks is None or name in tasks) and (task_run.folder / "samples.jsonl").is_file():
            for entry in summarise(task_run):
                yield entry, task_run
    for file in sorted(folder.glob("*/summary.json")):
        name = file.parent.name
        if (tasks is None or name in tasks) and not (file.parent / "samples.jsonl").is_file():
            for entry in read_json(file):
                yield entry, None


def _cell(entry: Mapping[str, Any], task_run: TaskRun | None, metric: str | None, date: str, run: str) -> Cell | None:
    name, value = next(iter(entry["metrics"].items()), (None, None))
    if name is None or value is None or value["value"] is None:
        return None
    spec = task_run.task if task_run else _spec(entry["task"])
    chance = entry.get("chance")
    about: dict[str, Any] = {
        "coverage": entry["coverage"], "chance": None if chance is None else 100 * chance, "date": date, "run": run,
        "prompt": entry["condition"]["prompt"], "fingerprint": entry["fingerprint"],
    }  # fmt: skip
    if metric == "official":
        official = entry.get("official")
        if not official or official.get("value") is None:
            return None
        scale = _scale(name, spec)
        return Cell(scale * official["value"], official.get("name") or "official", n=official["n"], **about)
    if metric not in (None, name):
        return None
    scale = _scale(name, spec)
    low, high = (None, None) if value["interval"] == "none" else value["ci"]
    low, high = (None if bound is None else scale * bound for bound in (low, high))
    return Cell(scale * value["value"], name, low, high, value["interval"], value["n"], **about)


def _scale(metric: str, spec: TaskSpec | None) -> float:
    """What makes per cent of a metric's value."""
    if metric == "bleu":
        return 1.0
    judge = SCORERS[spec.scorer].judge if metric == "rating" and spec and spec.scorer in SCORERS else None
    return 100.0 / (judge.scale[1] if judge else 1.0)


def _gains(rows: Mapping[tuple[str, str, str], Row], metric: str | None) -> None:
    """Fill in on - off of every row that thinks and has a twin that does not."""
    arms: dict[Path, list[Arm]] = {}
    for (name, sha, _), row in rows.items():
        if row.condition.think != "on":
            continue
        off = Condition(**{**row.condition.as_dict(), "think": "off"})
        twin = rows.get((name, sha, off.label))
        for task, cell in row.cells.items() if twin else ():
            other = twin.cells.get(task) if twin else None
            if other is None:
                continue
            gain = Gain(cell.value - other.value, paired=False)
            if metric != "official":
                gain = _paired_gain(cell, other, row.condition, off, task, arms) or gain
            row.gains[task] = gain


def _paired_gain(
    cell: Cell, other: Cell, on: Condition, off: Condition, task: str, arms: dict[Path, list[Arm]]
) -> Gain | None:
    found = []
    for run, condition in ((cell.run, on), (other.run, off)):
        folder = Path(run) / task
        if not (folder / "plan.json").is_file() or not (folder / "samples.jsonl").is_file():
            return None
        if folder not in arms:
            arms[folder] = arms_of_task(Run.open(Path(run)).tasks[task])
        found += [arm for arm in arms[folder] if arm.condition.label == condition.label]
    if len(found) != 2 or _difference(found[0].fingerprint, found[1].fingerprint, audio=True):
        return None
    thinking, plain = found
    both = [
        (plain.rows[sample], row)
        for sample, row in thinking.rows.items()
        if sample in plain.rows and row.value is not None and plain.rows[sample].value is not None
    ]
    if not both:
        return None
    scale = _scale(thinking.metric, _spec(task))
    if thinking.pooled:
        total = sum(row.length or 0 for _, row in both)
        scale *= len(both) / total if total else 0.0
    clusters = [row.cluster for _, row in both]
    keys = [key or f"sample:{i}" for i, key in enumerate(clusters)]
    pair = compare([a.value or 0.0 for a, _ in both], [b.value or 0.0 for _, b in both], keys)
    return Gain(scale * pair.difference, scale * pair.interval.low, scale * pair.interval.high, pair.p, pair.n)


def _published_rows(tasks: Sequence[str], source: str | None) -> list[Row]:
    """Reference scores of the task files: one row for each model and source."""
    rows: dict[tuple[str, str, str], Row] = {}
    for task in tasks:
        spec = _spec(task)
        for score in spec.reference_scores if spec else ():
            origin = re.sub(r"\s*\([^()]*\)$", "", score.source)
            if source is not None and source.lower() not in score.source.lower():
                continue
            key = (score.model, origin, score.think or "default")
            row = rows.setdefault(key, Row(score.model, Condition(think=score.think or "default"), origin))
            value = score.value
            judge = SCORERS[spec.scorer].judge if spec and score.metric == "rating" else None
            if judge and value <= judge.scale[1]:
                value *= 100 / judge.scale[1]
            row.cells[task] = Cell(value, score.metric, notes=score.notes or "")
    return list(rows.values())


def _mark(board: Board, strict: bool) -> None:
    """Mark measured cells whose fingerprint is not that of most of their column."""
    marks: dict[str, str] = {}
    for task in board.tasks:
        cells = [(row, row.cells[task]) for row in board.measured if task in row.cells]
        full = [cell for row, cell in cells if row.condition.audio == "full"] or [cell for _, cell in cells]
        prints = Counter(tuple(sorted(cell.fingerprint.items())) for cell in full)
        if not prints:
            continue
        usual = dict(prints.most_common(1)[0][0])
        for row, cell in cells:
            parts = _difference(usual, cell.fingerprint, audio=row.condition.audio == "full")
            if not parts:
                continue
            text = f"{board.titles[task]}: not comparable with the rest of the column: {', '.join(parts)} differ"
            if strict:
                raise NotComparableError(f"{cell.run}: {text}; show it marked by leaving out --strict")
            cell.mark = marks.setdefault(text, MARKS[len(marks) % len(MARKS)])
    board.notes += [f"[{mark}] {text}" for text, mark in marks.items()]


def _difference(first: Mapping[str, str], second: Mapping[str, str], *, audio: bool) -> list[str]:
    parts = sorted({*first, *second} - (set() if audio else {"audio"}))
    return [part for part in parts if first.get(part) != second.get(part)]


def _average(row: Row, board: Board) -> None:
    if len(board.averaged) < 2 or any(task not in row.cells for task in board.averaged):
        return
    cells = [row.cells[task] for task in board.averaged]
    values = [cell.value for cell in cells]
    mark = "".join(sorted({cell.mark for cell in cells}))
    row.average = Cell(sum(values) / len(values), "macro", mark=mark, date=max(cell.date for cell in cells))
    if not row.published:
        found, bounds = macro_average(values, [_bounds(cell) for cell in cells])
        known = bounds.method != "none"
        row.average = Cell(
            found, "macro", bounds.low if known else None, bounds.high if known else None, bounds.method,
            sum(cell.n or 0 for cell in cells), min(cell.coverage or 0 for cell in cells), date=row.average.date, mark=mark,
        )  # fmt: skip
        row.average_se = standard_error(bounds) if known else None
    gains = [row.gains[task] for task in board.averaged if task in row.gains]
    if len(gains) == len(board.averaged):
        paired = all(gain.paired and gain.low is not None for gain in gains)
        spans = [Interval(g.low or 0.0, g.high or 0.0, "paired" if paired else "none") for g in gains]
        centre, span = macro_average([gain.value for gain in gains], spans)
        row.average_gain = Gain(centre, span.low if paired else None, span.high if paired else None, paired=paired)


def _bounds(cell: Cell) -> Interval:
    if cell.low is None or cell.high is None:
        return Interval(0.0, 100.0, "none")
    return Interval(cell.low, cell.high, cell.interval)


def _headline(row: Row, board: Board) -> Cell | None:
    """The cell that rows are ranked by: the average, or the only task."""
    return row.average or (row.cells.get(board.tasks[0]) if len(board.tasks) == 1 else None)


def _height(row: Row, board: Board) -> float:
    cell = _headline(row, board) or next(iter(row.cells.values()))
    return -cell.value if cell.metric in ("wer", "cer") else cell.value


def _rank(board: Board) -> None:
    """Rank ranges of our own rows on real audio: the places that the intervals leave open."""
    ranked = [
        (row, cell)
        for row in board.measured
        if row.condition.audio == "full" and (cell := _headline(row, board)) and cell.low is not None and not cell.mark
    ]
    higher = not any(cell.metric in ("wer", "cer") for _, cell in ranked)
    ranges = rank_ranges([_bounds(cell) for _, cell in ranked], higher_is_better=higher)
    for (row, _), found in zip(ranked, ranges, strict=True):
        row.rank = found


def _is_share(rows: Sequence[Row], task: str) -> bool:
    return all(row.cells[task].metric not in ("wer", "cer", "bleu") for row in rows if task in row.cells)


def _shipped() -> Iterable[tuple[str, TaskSpec]]:
    for name in sorted(task_files()):
        spec = _spec(name)
        if spec is not None:
            yield name, spec


def _spec(task: str) -> TaskSpec | None:
    """The shipped or registered task of that name, if there is one."""
    if task not in task_files():
        return None
    spec = find_task(task)[0]
    scorer_of(spec.scorer)
    return spec


def _date(info: Mapping[str, Any]) -> str:
    moment = info.get("updated") or info.get("created") or 0
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") if moment else ""
