"""Tables over many runs: rows are models under a condition, columns are tasks; published scores stand apart.

Numbers are in per cent: accuracies and error rates times 100, judge ratings as a share of the highest rating (10 of 1 to
10 is 100), BLEU as it is; seconds and distances are no shares of anything and stay as they are. A board never mixes unlike with unlike silently: a cell whose fingerprint differs from
the column's gets a mark, a note that names the part, and no rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from audiobench.core.errors import NotComparableError, UsageError
from audiobench.core.types import Condition
from audiobench.leaderboard.gains import fill_gains
from audiobench.leaderboard.rows import IN_WORDS, Cell, Gain, Row, difference, measured_rows, published_rows, shipped
from audiobench.results.selection import chosen
from audiobench.statistics.intervals import By, Interval
from audiobench.statistics.macro import macro_average, rank_ranges, standard_error
from audiobench.task.find import task_files

if TYPE_CHECKING:
    import pandas as pd

MARKS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Board:
    """A whole leaderboard."""

    tasks: list[str]
    titles: dict[str, str]
    averaged: list[str]
    """Tasks that the average takes: those of which more is better and 100 the most."""
    rows: list[Row]
    notes: list[str] = field(default_factory=list[str])

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

        lines: list[dict[str, object]] = []
        for row in self.rows:
            cells = [*row.cells.items(), *([("average", row.average)] if row.average else [])]
            for task, cell in cells:
                gain = row.average_gain if task == "average" else row.gains.get(task)
                lines.append(
                    {
                        "model": row.model, "name": row.name, "kind": "published" if row.published else "measured", "source": row.source,
                        "think": row.condition.think, "think_effective": row.effective, "audio": row.condition.audio,
                        "option_order": row.condition.option_order, "protocol": row.condition.protocol,
                        "task": task, "metric": cell.metric, "value": cell.value, "low": cell.low, "high": cell.high,
                        "interval": cell.interval or "", "se": row.average_se if task == "average" else None,
                        "n": cell.n, "size": cell.size, "coverage": cell.coverage, "chance": cell.chance, "prompt": cell.prompt,
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
    folders: Sequence[Path | tuple[Path, Mapping[str, str]]], *, tasks: Sequence[str] | None = None, metric: str | None = None, published: bool = False,
    source: str | None = None, strict: bool = False,
) -> Board:  # fmt: skip
    """The board of every run at or under `folders`, of all its conditions or of those chosen (`results.selection`).

    `metric` restricts it to tasks of that metric; `official` shows the official scorers' own numbers instead.
    `published` adds the reference scores of the task files, restricted to sources that contain `source`.

    Raises:
        UsageError: nothing to show.
        NotComparableError: fingerprints are mixed and `strict` is set.
    """
    wanted: list[tuple[Path, Mapping[str, str]]] = [
        (folder, {}) if isinstance(folder, Path) else folder for folder in folders
    ]
    measured, notes = measured_rows([folder for folder, _ in wanted], tasks, metric)
    fill_gains(measured, metric)  # before a choice of conditions leaves out what the gain is over
    for row in measured.values():
        row.cells = {task: cell for task, cell in row.cells.items() if _is_wanted(row.condition, cell, wanted)}
    rows = [row for row in measured.values() if row.cells]
    found = list(tasks or dict.fromkeys(task for row in rows for task in row.cells))
    if published and not found:
        found = [name for name in sorted(task_files()) if (spec := shipped(name)) and spec.reference_scores]
    if published:
        rows += published_rows(found, source)
    names = [task for task in found if any(task in row.cells for row in rows)]
    if not names:
        raise UsageError(
            f"leaderboard: nothing to show: no run with {metric or 'scores'} in "
            f"{', '.join(str(folder) for folder, _ in wanted) or 'no folder'} ({', '.join(tasks or ['any task'])}); "
            "--published shows published scores"
        )
    specs = {task: shipped(task) for task in names}
    averaged = [task for task in names if all(r.cells[task].averaged for r in rows if task in r.cells)]
    for unit in ("seconds", "distance"):
        plain = [task for task in names if any(r.cells[task].unit == unit for r in rows if task in r.cells)]
        notes += [f"{task}: not in per cent but in its own unit ({unit})" for task in plain]
    board = Board(names, {t: (s.title if s else t) for t, s in specs.items()}, averaged, rows, notes)
    _mark(board, {task: spec.expected_rows for task, spec in specs.items() if spec}, strict)
    board.notes += [
        f"{row.title}, {board.titles[task]}, {row.label}: {row.cells[task].notes}"
        for row in board.measured
        for task in names
        if task in row.cells and row.cells[task].notes
    ]
    for row in board.rows:
        _average(row, board)
    _rank(board)
    board.rows.sort(key=lambda row: (row.published, row.source, row.average is None, -_height(row, board), row.title))
    return board


def _is_wanted(condition: Condition, cell: Cell, wanted: Sequence[tuple[Path, Mapping[str, str]]]) -> bool:
    how, run = structs.replace(condition, prompt=cell.prompt), Path(cell.run)
    return any((folder == run or folder in run.parents) and chosen(how, choice) for folder, choice in wanted)


def _mark(board: Board, expected: Mapping[str, int | None], strict: bool) -> None:
    """Mark measured cells whose fingerprint is not the reference of their column; `expected` rows of each task."""
    marks: dict[str, str] = {}
    for task in board.tasks:
        cells = [(row, row.cells[task]) for row in board.measured if task in row.cells]
        if not cells:
            continue
        full = [(row, cell) for row, cell in cells if row.condition.audio == "full"] or cells
        whole = expected.get(task)
        usual, asked = _reference(full, whole)
        if whole and asked != whole:
            board.notes.append(f"{board.titles[task]}: on {asked:,} of the data set's {whole:,} samples")
        for row, cell in cells:
            parts = difference(usual, cell.fingerprint, audio=row.condition.audio == "full")
            if not parts:
                continue
            text = f"{board.titles[task]}: not comparable with the rest of the column: different {', '.join(parts)}"
            for part in IN_WORDS:
                if part in parts:
                    absent = "none" if part == "quantisation" else "not named"
                    names = (found.get(part, absent) for found in (cell.fingerprint, usual))
                    text += " ({} {}, the column has {})".format(part, *names)
            if "samples" in parts and cell.asked != asked:
                text += f" ({cell.asked} samples, the column has {asked})"
            if strict:
                raise NotComparableError(f"{cell.run}: {text}; show it marked by leaving out --strict")
            cell.mark = marks.setdefault(text, MARKS[len(marks) % len(MARKS)])
    board.notes += [f"[{mark}] {text}" for text, mark in marks.items()]


def _reference(cells: Sequence[tuple[Row, Cell]], expected: int | None) -> tuple[Mapping[str, str], int]:
    """(fingerprint, size of its sample set) that a column goes by.

    The task's whole sample set first, else the largest one; among its fingerprints that of most models, then the newest.
    """
    models: dict[tuple[tuple[str, str], ...], set[str]] = {}
    newest: dict[tuple[tuple[str, str], ...], float] = {}
    sizes: dict[str, int] = {}
    users: dict[str, set[str]] = {}
    for row, cell in cells:
        key, samples = tuple(sorted(cell.fingerprint.items())), cell.fingerprint.get("samples", "")
        models.setdefault(key, set()).add(row.title)
        newest[key] = max(newest.get(key, 0.0), cell.moment)
        users.setdefault(samples, set()).add(row.title)
        sizes[samples] = max(sizes.get(samples, 0), cell.asked)
    chosen = max(sizes, key=lambda samples: (sizes[samples] == expected, sizes[samples], len(users[samples])))
    able = [key for key in models if dict(key).get("samples", "") == chosen]
    return dict(max(able, key=lambda key: (len(models[key]), newest[key]))), sizes[chosen]


def _average(row: Row, board: Board) -> None:
    if len(board.averaged) < 2 or any(task not in row.cells for task in board.averaged):
        return
    cells = [row.cells[task] for task in board.averaged]
    values = [cell.value for cell in cells]
    mark = "".join(sorted({cell.mark for cell in cells}))
    row.average = Cell(sum(values) / len(values), "macro", mark=mark, moment=max(cell.moment for cell in cells))
    if not row.published:
        found, bounds = macro_average(values, [_bounds(cell) for cell in cells])
        known = bounds.known
        row.average = Cell(
            found, "macro", bounds.low if known else None, bounds.high if known else None, bounds.method,
            n=sum(cell.n or 0 for cell in cells), coverage=min(cell.coverage or 0 for cell in cells), moment=row.average.moment, mark=mark,
        )  # fmt: skip
        row.average_se = standard_error(bounds) if known else None
    gains = [row.gains[task] for task in board.averaged if task in row.gains]
    if len(gains) == len(board.averaged):
        paired = all(gain.paired and gain.low is not None for gain in gains)
        spans = [Interval(g.low or 0.0, g.high or 0.0, By.PAIRED if paired else By.NONE) for g in gains]
        centre, span = macro_average([gain.value for gain in gains], spans)
        row.average_gain = Gain(centre, span.low if paired else None, span.high if paired else None, paired=paired)


def _bounds(cell: Cell) -> Interval:
    if cell.low is None or cell.high is None:
        return Interval(0.0, 100.0, By.NONE)
    return Interval(cell.low, cell.high, cell.interval or By.NONE)


def _headline(row: Row, board: Board) -> Cell | None:
    """The cell that rows are ranked by: the average, or the only task."""
    return row.average or (row.cells.get(board.tasks[0]) if len(board.tasks) == 1 else None)


def _height(row: Row, board: Board) -> float:
    cell = _headline(row, board) or next(iter(row.cells.values()))
    return cell.value if cell.higher_is_better else -cell.value


def _rank(board: Board) -> None:
    """Rank ranges of our own rows on real audio: the places that the intervals leave open."""
    ranked = [
        (row, cell)
        for row in board.measured
        if row.condition.audio == "full" and (cell := _headline(row, board)) and cell.low is not None and not cell.mark
    ]
    higher = all(cell.higher_is_better for _, cell in ranked)
    ranges = rank_ranges([_bounds(cell) for _, cell in ranked], higher_is_better=higher)
    for (row, _), found in zip(ranked, ranges, strict=True):
        row.rank = found
