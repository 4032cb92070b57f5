"""A board as Markdown, CSV, LaTeX (booktabs) or JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from audiobench.plain_text import spaced
from audiobench.report.export import neutral
from audiobench.report.leaderboard import Board
from audiobench.report.leaderboard_rows import Cell, Gain, Row

if TYPE_CHECKING:
    import pandas as pd

_MARKDOWN = re.compile(r"([\\`*_|~]|\](?=[(\[:]))")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def number(cell: Cell | None) -> str:
    """`77.7 [75.0, 80.1]`, with the mark of a cell that is not comparable; a dash for none."""
    if cell is None:
        return "-"
    span = f" [{cell.low:.1f}, {cell.high:.1f}]" if cell.low is not None else ""
    mark = f" ^{cell.mark}" if cell.mark else ""
    return f"{cell.value:.1f}{span}{mark}"


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
    span = (
        f" [{found.low:+.1f}, {found.high:+.1f}]"
        if found.low is not None
        else " (no interval)"
        if found.paired
        else " (unpaired)"
    )
    return f"{found.value:+.1f}{span}"


def rank(row: Row) -> str:
    """`1`, or `1-3` where the intervals leave it open."""
    if row.rank is None:
        return "-"
    first, last = row.rank
    return str(first) if first == last else f"{first}-{last}"


def score_frame(board: Board, rows: Sequence[Row], *, published: bool = False) -> pd.DataFrame:
    """One line a row: rank, model, condition, average, every task, think gain."""
    import pandas as pd

    table: dict[str, list[str]] = {}
    if not published:
        table["rank"] = [rank(row) for row in rows]
    table["model"] = [row.model for row in rows]
    table["condition"] = [row.label or "-" for row in rows]
    if len(board.averaged) > 1:
        table["average"] = [average(row) for row in rows]
    for task in board.tasks:
        table[board.titles[task]] = [number(row.cells.get(task)) for row in rows]
    if any(row.gains for row in rows):
        if len(board.averaged) > 1:
            table["think gain"] = [gain(row.average_gain) for row in rows]
        for task in board.tasks:
            table[f"gain: {board.titles[task]}"] = [gain(row.gains.get(task)) for row in rows]
    if published:
        table["source"] = [row.source for row in rows]
    return pd.DataFrame(table)


def detail_frame(board: Board) -> pd.DataFrame:
    """What every measured number rests on."""
    import pandas as pd

    lines = [
        {
            "model": row.model, "condition": row.label, "task": board.titles[task], "metric": cell.metric,
            "n": "-" if cell.n is None else str(cell.n),
            "coverage": "-" if cell.coverage is None else f"{100 * cell.coverage:.1f}%",
            "chance": "-" if cell.chance is None else f"{cell.chance:.1f}",
            "prompt": cell.prompt, "date": cell.date, "interval": cell.interval or "-",
        }
        for row in board.measured
        for task in board.tasks
        if (cell := row.cells.get(task)) is not None
    ]  # fmt: skip
    return pd.DataFrame(lines)


def markdown(board: Board) -> str:
    """The board as GitHub-flavoured Markdown."""
    parts = ["# Leaderboard", "", LEGEND, ""]
    if board.measured:
        parts += [_markdown_table(score_frame(board, board.measured)), ""]
    if board.references:
        parts += ["## Published scores", "", PUBLISHED, ""]
        parts += [_markdown_table(score_frame(board, board.references, published=True)), ""]
    if board.measured:
        parts += ["## What the numbers rest on", "", _markdown_table(detail_frame(board)), ""]
    told = [*board.notes, *reference_notes(board)]
    if told:
        parts += ["## Notes", "", *(f"- {_escape_markdown(note)}" for note in told), ""]
    return "\n".join(parts)


LEGEND = (
    "All scores in per cent, with 95 % intervals. Average: unweighted over tasks, ± its standard error. Rank: the "
    "places that the intervals leave open. Think gain: score with thinking minus without, on the same samples."
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


def _markdown_table(frame: pd.DataFrame) -> str:
    left = {"model", "condition", "task", "metric", "prompt", "date", "interval", "source"}
    columns = [str(column) for column in frame.columns]
    head = "| " + " | ".join(_escape_markdown(column) for column in columns) + " |"
    rule = "|" + "|".join("---" if column in left else "---:" for column in columns) + "|"
    lines = ["| " + " | ".join(_escape_markdown(str(value)) for value in row) + " |" for row in frame.to_numpy()]
    return "\n".join([head, rule, *lines])


def _escape_markdown(text: str) -> str:
    plain = " ".join(spaced(text).split())
    text = html.escape(_MARKDOWN.sub(r"\\\1", plain), quote=False).replace("$", "&#36;")
    return re.sub(r"(@|://)(?=\w)", "\\1\u200b", text)


def latex(board: Board) -> str:
    """Two booktabs tables (ours, published); needs the package booktabs."""
    parts = []
    for rows, published, caption in ((board.measured, False, LEGEND), (board.references, True, PUBLISHED)):
        if rows:
            frame = score_frame(board, rows, published=published)
            parts.append(_latex_table(frame, caption, "published" if published else "scores"))
    return "% needs \\usepackage{booktabs}\n" + "\n".join(parts)


def _latex_table(frame: pd.DataFrame, caption: str, label: str) -> str:
    escaped = frame.map(lambda value: escape_latex(str(value)))
    escaped.columns = [escape_latex(str(column)) for column in frame.columns]
    words = {"model", "condition", "source"}
    layout = "".join("l" if column in words else "r" for column in frame.columns)
    return escaped.to_latex(
        index=False, escape=False, column_format=layout, caption=escape_latex(caption), label=f"tab:{label}"
    )


def escape_latex(text: str) -> str:
    """Text as LaTeX shows it; `^a` marks and `±` become mathematics."""
    plain = spaced(text)
    found = re.search(r" \^([a-z]+)$", plain)
    mark = f"$^{{{found[1]}}}$" if found else ""
    body = plain[: found.start()] if found else plain
    return "".join(_LATEX.get(c, c) for c in body).replace("±", r"$\pm$") + mark


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


FORMATS: dict[str, Callable[[Board], str]] = {"md": markdown, "csv": csv, "latex": latex, "json": json}
"""Format name -> renderer; html lives in `leaderboard_html`."""
