"""A table in any form: for a terminal of any width, as Markdown, CSV, LaTeX (booktabs) or plain text."""

from __future__ import annotations

import csv as csv_module
import html
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import fill

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from audiobench.core.plain_text import neutral, one_line, spaced

GAP = 2
"""Spaces between two columns of a terminal."""
_MARKDOWN = re.compile(r"([\\`*_|~]|\](?=[(\[:]))")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Text is aligned left and wraps between words where it must; numbers never break."""

    name: str
    unit: str = ""
    text: bool = False
    later: int = 0
    """On a terminal that is too narrow for all columns, those with a higher number go to a table below."""
    styles: Mapping[str, str] = field(default_factory=dict[str, str])
    """Cell -> rich's name of a style, such as `bold red`; bold in Markdown too."""

    @property
    def head(self) -> str:
        """The name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(slots=True)
class Sheet:
    """One table with its title and the notes below it. A column given by its name alone holds numbers."""

    title: str
    header: Sequence[str | Column] = ()
    rows: list[Sequence[str]] = field(default_factory=list[Sequence[str]])
    notes: list[str] = field(default_factory=list[str])
    left: int = 1
    """So many columns at the front name the row; each piece of a table that is split repeats them."""
    all_columns: bool = False
    """Also show columns that hold nothing but dashes."""

    def columns(self) -> dict[int, Column]:
        """Place -> column, of those to show: one with nothing but dashes (a price that nobody knows) says nothing."""
        found = {
            place: name if isinstance(name, Column) else Column(name, text=place < self.left)
            for place, name in enumerate(self.header)
        }
        return {p: c for p, c in found.items() if self.all_columns or any(row[p] != "-" for row in self.rows)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.title:
            yield Text(f"\n{one_line(self.title)}", style="bold")
        for piece, block in enumerate(blocks(self, options.max_width) if self.rows else ()):
            yield from [Text("")] * min(piece, 1)
            yield _table(self, block, options.max_width)
        wrap = options.is_terminal
        for note in map(one_line, self.notes):
            yield Padding(Text(note), (0, 0, 0, 2)) if wrap else Text(f"  {note}", no_wrap=True, overflow="ignore")


def console(width: int | None = None) -> Console:
    """A console on standard output; 140 columns wide where that is no terminal."""
    return Console(highlight=False, width=width or (None if sys.stdout.isatty() else 140))


def show(sheets: Sequence[Sheet], out: Console | None = None) -> None:
    """Print; no cell is ever cut (see `blocks`), and long notes wrap between words."""
    out = out or console()
    for sheet in sheets:
        out.print(sheet, crop=False)


def blocks(sheet: Sheet, width: int) -> list[dict[int, str]]:
    """The table in pieces that fit `width`, each {place of a column: header}: the text columns again, and some others.

    One piece where everything fits, if need be with headers on several lines, then with text cells on several lines.
    """
    columns = sheet.columns()
    names = {place: one_line(column.head) for place, column in columns.items()}
    if _fits((_sizes(sheet, place, name)[1] for place, name in names.items()), width):
        return [names]
    sizes = {place: _sizes(sheet, place, name.replace(" ", "\n")) for place, name in names.items()}
    groups, keys = [list(names)], [place for place in names if place < sheet.left]
    if not _fits((least for least, _ in sizes.values()), width):
        wide = not _fits((sizes[place][1] for place in keys), width // 2)
        wraps = {place: column.text and (wide or place not in keys) for place, column in columns.items()}
        groups = _groups(columns, {place: sizes[place][not wraps[place]] for place in names}, keys, width)
    headers = {place: fill(name, sizes[place][1], break_long_words=False) for place, name in names.items()}
    return [{place: headers[place] for place in group} for group in groups]


def _groups(columns: Mapping[int, Column], sizes: Mapping[int, int], keys: list[int], width: int) -> list[list[int]]:
    """Places of the columns that stand together; those that move at the same time stay together where they can."""

    def fits(*places: int) -> bool:
        return _fits((sizes[place] for place in places), width)

    found = [keys]
    others = sorted((place for place in columns if place not in keys), key=lambda place: columns[place].later)
    for later, same in groupby(others, key=lambda place: columns[place].later):
        places = list(same)
        if later and fits(*keys, *places) and not fits(*found[-1], *places):
            found.append(keys)
        for place in places:
            if found[-1] != keys and not fits(*found[-1], place):
                found.append(keys)
            found[-1] = [*found[-1], place]
    return [sorted(group) for group in found]


def _sizes(sheet: Sheet, place: int, head: str) -> tuple[int, int]:
    """Least width of a column, where text wraps between words, and the width at which no cell wraps."""
    cells, lines = [one_line(row[place]) for row in sheet.rows], head.split("\n")
    words = " ".join(cells).split() if sheet.columns()[place].text else cells
    return max(map(cell_len, [*lines, *words])), max(map(cell_len, [*lines, *cells]))


def _fits(sizes: Iterable[int], width: int) -> bool:
    return sum(size + GAP for size in sizes) - GAP <= width


def _table(sheet: Sheet, block: Mapping[int, str], width: int) -> Table:
    """One piece; the room that is left goes to the text columns, so that they wrap no more than they must."""
    columns, sizes = sheet.columns(), {place: _sizes(sheet, place, head) for place, head in block.items()}
    needed = sum(least + GAP for least, _ in sizes.values()) - GAP
    table = Table(box=None, pad_edge=False, header_style="bold", width=needed if needed > width else None)
    for place, head in block.items():
        least, whole = sizes[place]
        size = min(whole, least + max(0, width - needed))
        needed += size - least
        side = "left" if columns[place].text else "right"
        table.add_column(Text(head), width=size, no_wrap=not columns[place].text, justify=side)
    for row in sheet.rows:
        table.add_row(*(Text(one_line(row[p]), columns[p].styles.get(row[p], ""), overflow="fold") for p in block))
    return table


def markdown(sheets: Sequence[Sheet], level: int = 3, longest: int | None = None) -> str:
    """Titles of a level, GitHub's tables of cells with at most `longest` characters, and lists of notes."""
    lines: list[str] = []
    for sheet in sheets:
        lines += [f"{'#' * level} {escape(sheet.title)}", ""] if sheet.title else []
        columns, cells = sheet.columns().items(), [[escape(column.head) for column in sheet.columns().values()]]
        cells.append(["---" if column.text else "---:" for _, column in columns])
        for row in sheet.rows:
            marks = ["**" * ("bold" in column.styles.get(row[place], "")) for place, column in columns]
            cells.append([mark + escape(row[p], longest) + mark for mark, (p, _) in zip(marks, columns, strict=True)])
        lines += [*("| " + " | ".join(row) + " |" for row in cells), ""] if sheet.rows else []
        lines += [*(f"- {escape(note)}" for note in sheet.notes), ""] if sheet.notes else []
    return "\n".join(lines)


def escape(text: str, longest: int | None = None) -> str:
    """Text from a model or a data set, on one line, as Markdown shows it: no markup, mention, link or formula."""
    plain = " ".join(spaced(text).split())
    if longest is not None and len(plain) > longest:
        plain = plain[: longest - 3] + "..."
    safe = html.escape(_MARKDOWN.sub(r"\\\1", plain), quote=False)
    # a zero-width space keeps mentions, issue numbers and bare addresses from becoming links; $ would begin a formula
    return re.sub(r"(@|#|://|www\.)(?=\w)", "\\1\u200b", safe).replace("$", "&#36;")


def latex(sheets: Sequence[Sheet]) -> str:
    """One booktabs table for each sheet, its notes in small print below; needs the package booktabs."""
    parts, labels = ["% needs \\usepackage{booktabs}"], Counter[str]()
    for sheet in sheets:
        title, notes, columns = escape_latex(sheet.title), list(map(escape_latex, sheet.notes)), sheet.columns()
        if not sheet.rows:
            parts += [f"\\paragraph{{{title}}}", "\\\\\n".join(notes)]
            continue
        label = re.sub("[^a-z0-9]+", "-", sheet.title.lower()).strip("-")
        labels[label] += 1
        label += f"-{labels[label]}" if labels[label] > 1 else ""
        layout = "".join("l" if column.text else "r" for column in columns.values())
        cells = [[column.head for column in columns.values()], *([row[p] for p in columns] for row in sheet.rows)]
        head, *lines = [" & ".join(map(escape_latex, row)) + r" \\" for row in cells]
        parts += [
            r"\begin{table}",
            f"\\caption{{{title}}}",
            f"\\label{{tab:{label}}}",
            f"\\begin{{tabular}}{{{layout}}}",
        ]
        parts += [r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"]
        parts += [*(rf"\par\footnotesize {note}" for note in notes), r"\end{table}"]
    return "\n".join(parts) + "\n"


def escape_latex(text: str) -> str:
    """Text as LaTeX shows it; a mark at its end (`^a`) is raised."""
    plain = spaced(text)
    found = re.search(r" \^([a-z]+)$", plain)
    mark = f"$^{{{found[1]}}}$" if found else ""
    return "".join(_LATEX.get(c, c) for c in (plain[: found.start()] if found else plain)) + mark


def csv(sheets: Sequence[Sheet]) -> str:
    """One line for each cell: table, row (its text columns), column, unit, value as printed.

    Text that a spreadsheet would compute is quoted with an apostrophe.
    """
    out = io.StringIO()
    lines = csv_module.writer(out, lineterminator="\n")
    lines.writerow(("table", "row", "column", "unit", "value"))
    for sheet in sheets:
        columns = sheet.columns()
        for row in sheet.rows:
            name = ", ".join(row[place] for place in columns if place < sheet.left)
            values = [(column, row[p]) for p, column in columns.items() if p >= sheet.left and row[p] != "-"]
            for column, value in values:
                cells = (sheet.title, name, column.name, column.unit, value)
                lines.writerow(neutral(one_line(cell)) for cell in cells)
    return out.getvalue()


def as_html(sheets: Sequence[Sheet]) -> str:
    """A fragment of HTML for each sheet, as notebooks show it: title, table, notes. Every text is escaped."""
    parts: list[str] = []
    for sheet in sheets:
        columns = sheet.columns()
        parts += [f"<h4>{html.escape(one_line(sheet.title))}</h4>"] if sheet.title else []
        if sheet.rows:
            sides = {place: "left" if column.text else "right" for place, column in columns.items()}
            head = "".join(
                f'<th style="text-align:{sides[p]}">{html.escape(one_line(c.head))}</th>' for p, c in columns.items()
            )
            rows = (
                "".join(f'<td style="text-align:{sides[p]}">{html.escape(one_line(row[p]))}</td>' for p in columns)
                for row in sheet.rows
            )
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        if sheet.notes:
            notes = "".join(f"<li>{html.escape(one_line(note))}</li>" for note in sheet.notes)
            parts.append(f"<ul>{notes}</ul>")
    return "\n".join(parts)


def text(sheets: Sequence[Sheet]) -> str:
    """The sheets as on a terminal of 140 columns, without colours."""
    file = io.StringIO()
    show(sheets, Console(file=file, highlight=False, width=140))
    return file.getvalue()


FORMATS = {"text": text, "md": markdown, "csv": csv, "latex": latex}
"""Name of a format -> what writes sheets in it."""
