"""A board as plain text, Markdown, CSV, LaTeX (booktabs) or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audiobench.core import sheet
from audiobench.core.plain_text import neutral
from audiobench.core.sheet import Column, Sheet
from audiobench.leaderboard.board import Board
from audiobench.leaderboard.rows import Cell, Gain, Row


def number(cell: Cell | None) -> str:
    """`77.7 [75.0, 80.1] (60 of 1,000)`, with the mark of a cell that is not comparable; a dash for none."""
    if cell is None:
        return "-"
    span = f" [{cell.low:.1f}, {cell.high:.1f}]" if cell.low is not None else ""
    mark = f" ^{cell.mark}" if cell.mark else ""
    size = f" ({cell.size})" if cell.size else ""
    return f"{cell.value:.1f}{span}{size}{mark}"


def average(row: Row) -> str:
    """`83.6 ± 0.7`: the macro average and its standard error."""
    if row.average is None:
        return "-"
    error = f" ± {row.average_se:.1f}" if row.average_se is not None else ""
    mark = f" ^{row.average.mark}" if row.average.mark else ""
    return f"{row.average.value:.1f}{error}{mark}"


def gain(found: Gain | None) -> str:
    """`+6.0 [4.1, 7.9]` percentage points; without an interval where too little or only summaries are there."""
    if found is None:
        return "-"
    if found.low is not None:
        return f"{found.value:+.1f} [{found.low:+.1f}, {found.high:+.1f}]"
    return f"{found.value:+.1f} ({'no interval' if found.paired else 'unpaired'})"


def rank(row: Row) -> str:
    """`1`, or `1-3` where the intervals leave it open."""
    first, last = row.rank or ("-", "-")
    return str(first) if first == last else f"{first}-{last}"


def score_sheet(board: Board, *, published: bool = False) -> Sheet:
    """One line a row, measured or published: rank, model, condition, average, every task, think gain."""
    rows = board.references if published else board.measured
    found = [] if published else [(Column("rank"), [rank(row) for row in rows])]
    found.append((Column("model", text=True), [row.title for row in rows]))
    found.append((Column("condition", text=True), [row.label or "-" for row in rows]))
    if len(board.averaged) > 1:
        found.append((Column("average"), [average(row) for row in rows]))
    found += [(Column(board.titles[task]), [number(row.cells.get(task)) for row in rows]) for task in board.tasks]
    if any(row.gains for row in rows):
        if len(board.averaged) > 1:
            found.append((Column("think gain", later=1), [gain(row.average_gain) for row in rows]))
        for task in board.tasks:
            gains = [gain(row.gains.get(task)) for row in rows]
            found.append((Column(f"gain: {board.titles[task]}", later=1), gains))
    if published:
        found.append((Column("source", text=True), [row.source for row in rows]))
    lines: list[Sequence[str]] = list(zip(*(cells for _, cells in found), strict=True))
    title, notes = ("Published scores", [PUBLISHED]) if published else ("Scores", [LEGEND])
    return Sheet(title, [column for column, _ in found], lines, notes, left=2 if published else 3, all_columns=True)


def detail_sheet(board: Board) -> Sheet:
    """What every measured number rests on."""
    header = (
        "model", "condition", "task", Column("metric", text=True), "n", "coverage", "chance", Column("prompt", text=True),
        Column("date", text=True), Column("interval", text=True),
    )  # fmt: skip
    sheet = Sheet("What the numbers rest on", header, left=3, all_columns=True)
    for row in board.measured:
        for task in board.tasks:
            if (cell := row.cells.get(task)) is not None:
                sheet.rows.append(
                    (row.title, row.label, board.titles[task], cell.metric, cell.size or ("-" if cell.n is None else f"{cell.n:,}"),
                     "-" if cell.coverage is None else f"{100 * cell.coverage:.1f}%",
                     "-" if cell.chance is None else f"{cell.chance:.1f}", cell.prompt, cell.date, cell.interval or "-")
                )  # fmt: skip
    return sheet


def sheets(board: Board) -> list[Sheet]:
    """The whole board: measured scores, published scores, what the numbers rest on, notes."""
    told = [*board.notes, *reference_notes(board)]
    found = [score_sheet(board), score_sheet(board, published=True), detail_sheet(board)]
    return [sheet for sheet in found if sheet.rows] + ([Sheet("Notes", notes=told)] if told else [])


LEGEND = (
    "All scores in per cent, with 95 % intervals. Average: unweighted over tasks, ± its standard error. Rank: the "
    "range consistent with the confidence intervals. Think gain: score with thinking minus without, on the same samples."
)
PUBLISHED = (
    "As printed by their sources, with the sources' own prompts, splits and scorers: for orientation, not for ranking."
)


def reference_notes(board: Board) -> list[str]:
    """What the sources of published scores leave open."""
    return [
        f"{row.model} ({row.source}), {board.titles[task]}: {cell.notes}"
        for row in board.references
        for task, cell in row.cells.items()
        if cell.notes
    ]


def csv(board: Board) -> str:
    """Every number in long form, for pandas and spreadsheets; text that a spreadsheet would compute is quoted."""
    frame = board.frame()
    for column in frame.select_dtypes(include=["object", "string"]):
        frame[column] = frame[column].map(lambda value: neutral(value) if isinstance(value, str) else value)
    return frame.to_csv(index=False, lineterminator="\n")


def json(board: Board) -> str:
    """The same as JSON, with the notes."""
    import orjson

    rows = orjson.loads(board.frame().to_json(orient="records") or "[]")
    document = {
        "schema_version": 1, "tasks": [{"task": task, "title": board.titles[task]} for task in board.tasks],
        "averaged": board.averaged, "rows": rows, "notes": board.notes,
    }  # fmt: skip
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def latex(board: Board) -> str:
    """Two booktabs tables (ours, published); needs the package booktabs."""
    return sheet.latex([found for found in (score_sheet(board), score_sheet(board, published=True)) if found.rows])


def markdown(board: Board) -> str:
    """The board as GitHub-flavoured Markdown."""
    return "# Leaderboard\n\n" + sheet.markdown(sheets(board), level=2)


FORMATS: dict[str, Callable[[Board], str]] = {
    "text": lambda board: sheet.text(sheets(board)), "md": markdown, "csv": csv, "latex": latex, "json": json,
}  # fmt: skip
"""Format name -> renderer; html lives in `leaderboard_html`."""
