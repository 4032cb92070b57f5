"""What thinking brings: every row with think=on against its twin without, paired by sample where the journals are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from audiobench.analysis.arms import Arm, arms_of, common
from audiobench.analysis.measure import difference as paired_difference
from audiobench.core.types import Condition
from audiobench.files.summary_entry import RATERS
from audiobench.leaderboard.rows import Cell, Gain, Row, difference
from audiobench.results.runs import Run
from audiobench.results.score import metric_of


def fill_gains(rows: Mapping[tuple[str, str, str], Row], metric: str | None) -> None:
    """Fill in on - off of every row that thinks and has a twin that does not; `rows` as `measured_rows` gives them."""
    for (name, sha, _), row in rows.items():
        if row.condition.think != "on":
            continue
        off = replace(row.condition, think="off")
        twin = rows.get((name, sha, off.label))
        for task, cell in row.cells.items() if twin else ():
            other = twin.cells.get(task) if twin else None
            if other is None or set(RATERS) & set(difference(cell.fingerprint, other.fingerprint, audio=True)):
                continue
            gain = Gain(cell.value - other.value, paired=False)
            if metric != "official":
                gain = _paired_gain(cell, other, row.condition, off, task) or gain
            row.gains[task] = gain


def _paired_gain(cell: Cell, other: Cell, on: Condition, off: Condition, task: str) -> Gain | None:
    """As `audiobench compare` has it: of pooled and corpus metrics never a mean over samples."""
    if difference(cell.fingerprint, other.fingerprint, audio=True):
        return None
    # a row's tasks may have prompts of different names; the condition of the row names one of them
    thinking, plain = (_arm(c, replace(how, prompt=c.prompt), task) for c, how in ((cell, on), (other, off)))
    ids = common([plain, thinking]) if plain and thinking else []
    if not plain or not thinking or not ids:
        return None
    found = paired_difference(plain, thinking, ids)
    if not found.n:
        return None
    made = metric_of(thinking.task_run.task)
    known = found.interval.known
    low, high = (made.on_board(found.interval.low), made.on_board(found.interval.high)) if known else (None, None)
    return Gain(made.on_board(found.difference), low, high, found.p, found.n, lower_is_better=not made.higher_is_better)


def _arm(cell: Cell, condition: Condition, task: str) -> Arm | None:
    """The responses behind a cell, in one option order; None where the journals are not there."""
    folder = Path(cell.run) / task
    if not (folder / "plan.json").is_file() or not (folder / "samples.jsonl").is_file():
        return None
    run = Run.open(Path(cell.run))
    for arm in arms_of(run, run.tasks[task]):
        kept = arm.kept(lambda s: s.condition == condition and s.outcome.value is not None)
        if kept.slots:
            return kept
    return None
