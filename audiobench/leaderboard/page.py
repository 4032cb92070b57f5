"""A board as one self-contained page: no network, no markup from data, a policy that allows only its own two hashes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from audiobench.leaderboard.board import Board
from audiobench.leaderboard.rows import Cell, Gain, Row
from audiobench.leaderboard.text import LEGEND, PUBLISHED, detail_sheet, gain, rank, reference_notes

STYLE = """
:root { color-scheme: light dark;
  --bg: light-dark(#f7f7f5, #101215); --surface: light-dark(#fff, #171a1e); --sunk: light-dark(#f2f3f1, #1e2227);
  --ink: light-dark(#1b1d21, #e8eaed); --muted: light-dark(#5b626d, #9ba4b1); --line: light-dark(#e2e4e3, #2b3037);
  --accent: light-dark(#2353d0, #86a9ff); --good: light-dark(#14713a, #62d08e); --bad: light-dark(#b3232b, #ff8f88);
  --warn: light-dark(#8a5200, #ecbc56); --warn-bg: light-dark(#fdf1dc, #33270f); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 1320px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; padding-bottom: 8px; }
h1 { margin: 0 0 6px; font-size: 28px; letter-spacing: -0.02em; }
h2 { margin: 40px 0 6px; font-size: 18px; letter-spacing: -0.01em; }
p { margin: 0 0 14px; color: var(--muted); max-width: 78ch; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 10px 14px; text-align: right; white-space: nowrap; vertical-align: top; }
th { position: relative; font-size: 12.5px; font-weight: 600; color: var(--muted); border-bottom: 1px solid var(--line);
  vertical-align: bottom; white-space: normal; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tbody tr:hover td { background: var(--sunk); }
.t { text-align: left; }
td.m, th.m { position: sticky; left: 0; background: var(--surface); text-align: left; }
tbody tr:hover td.m { background: var(--sunk); }
td.m { white-space: normal; min-width: 170px; } b { font-weight: 560; }
.name { font-weight: 620; }
.sub { display: block; font-size: 12.5px; color: var(--muted); font-weight: 400; }
.v { font-weight: 560; }
.avg .v { font-size: 16px; font-weight: 680; }
.pill { display: inline-block; padding: 0 8px; border-radius: 99px; background: var(--sunk); border: 1px solid var(--line);
  font-size: 12px; }
.mark { color: var(--warn); font-size: 12px; font-weight: 600; vertical-align: super; }
.good { color: var(--good); } .bad { color: var(--bad); }
button { all: unset; cursor: pointer; } button:hover { color: var(--ink); }
button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
th[aria-sort] button { color: var(--ink); }
th[aria-sort="descending"] button::after { content: " \\2193"; } th[aria-sort="ascending"] button::after { content: " \\2191"; }
svg { display: block; margin: 5px 0 0 auto; }
.track { fill: var(--sunk); stroke: var(--line); } .span { fill: var(--accent); opacity: .38; }
.point { fill: var(--accent); } .chance { fill: var(--muted); }
ol, ul { padding-left: 20px; color: var(--muted); font-size: 13.5px; } li { margin: 3px 0; overflow-wrap: anywhere; }
details summary { cursor: pointer; margin: 40px 0 10px; font-size: 18px; font-weight: 600; }
footer { padding-top: 28px; padding-bottom: 48px; color: var(--muted); font-size: 13px; }
form { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 22px; align-items: center; }
input, select { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  padding: 6px 10px; min-width: 0; max-width: 100%; } input { flex: 1 1 200px; }
output { color: var(--muted); font-size: 13px; } [hidden], .off { display: none !important; }
@media (max-width: 640px) { header, main, footer { padding-left: 14px; padding-right: 14px; } select { flex: 1 1 140px; }
  .board thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .board, .board tbody, .board tr, .board td { display: block; width: 100%; }
  .board tr { padding: 12px 14px; } .board tbody tr + tr { border-top: 1px solid var(--line); }
  .board tbody tr td { padding: 3px 0; border: 0; white-space: normal; overflow-wrap: anywhere; background: none; }
  .board td::before { content: attr(data-label); float: left; margin-right: 14px; max-width: 55%; text-align: left;
    color: var(--muted); font-size: 13px; font-weight: 400; }
  .board td.m { position: static; } .board td.m::before { content: none; }
  .board td::after { content: ""; display: block; clear: both; } .board td[data-key=""] { display: none; } }
"""
SCRIPT = """
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0], index = head.cellIndex;
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[index].dataset.key;
    const number = (text) => (text === "" || text === undefined ? NaN : Number(text));
    const rows = [...body.rows].sort((a, b) => {
      const x = key(a) ?? "", y = key(b) ?? "", p = number(x), q = number(y);
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y) : p - q;
      return down ? -order : order;
    });
    body.append(...rows);
  });
}
const form = document.querySelector("form"), fields = form ? [...form.elements].filter((field) => field.name) : [];
const rows = [...document.querySelectorAll("tr[data-model]")];
function show() {
  const { q, condition, task } = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  const words = q.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = `${row.dataset.model} ${row.dataset.condition} ${row.dataset.source}`.toLowerCase();
    const cell = task && [...row.cells].find((one) => one.dataset.task === task);
    const out = !words.every((word) => text.includes(word)) || (condition && row.dataset.condition !== condition)
      || (task && (!cell || cell.dataset.key === ""));
    row.hidden = Boolean(out);
    shown += !out;
  }
  for (const cell of document.querySelectorAll("[data-task]")) cell.classList.toggle("off", Boolean(task) && cell.dataset.task !== task);
  form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
}
function link() {
  const kept = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
  history.replaceState(null, "", kept.size ? `#${kept}` : location.pathname + location.search);
}
function restore() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const field of fields) field.value = asked.get(field.name) ?? "";
  show();
}
if (form) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { show(); link(); });
  window.addEventListener("hashchange", restore);
  restore();
}
document.documentElement.dataset.ready = "true";
"""
WIDTH = 96
"""Of an interval's picture, in px; 0 to 100 per cent."""


def html(board: Board) -> str:
    """The board as an HTML page that opens from disk; colours follow the system's light or dark mode."""
    models = len({row.model for row in board.rows})
    dates = sorted(cell.date for row in board.measured for cell in row.cells.values() if cell.date)
    facts = [f"{models} model{'s' * (models != 1)}", f"{len(board.tasks)} task{'s' * (len(board.tasks) != 1)}"]
    facts += [f"newest result {dates[-1]}"] if dates else []
    body = [f"<header><h1>Leaderboard</h1><p>{escape(', '.join(facts))}</p></header><main>", _filters(board)]
    if board.measured:
        body += [
            f"<p>{escape(LEGEND)} Bars run from 0 to 100; the grey tick is chance.</p>",
            _table(board, board.measured),
        ]
    if board.references:
        body += [
            "<h2>Published scores</h2>",
            f"<p>{escape(PUBLISHED)}</p>",
            _table(board, board.references, published=True),
        ]
    body += [_list("Notes", board.notes), _list("What the published sources leave open", reference_notes(board))]
    if board.measured:
        body += ["<details><summary>What the numbers rest on</summary>", _details(board), "</details>"]
    body += ["</main><footer>Made with audiobench.</footer>"]
    policy = f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f"<title>Leaderboard - audiobench</title><style>{STYLE}</style></head>\n<body>"
        + "\n".join(body)
        + f"<script>{SCRIPT}</script></body></html>\n"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _table(board: Board, rows: list[Row], *, published: bool = False) -> str:
    averaged, gains = len(board.averaged) > 1, any(row.gains for row in rows)
    heads = [] if published else [_head("Rank")]
    heads += [_head("Model", "m")]
    heads += [_head("Average", "avg")] if averaged else []
    heads += [_head("Think gain")] if gains else []
    heads += [_head(board.titles[task], task=task) for task in board.tasks]
    heads += [_head("Source", "t")] if published else []
    lines = "\n".join(_row(board, row, averaged=averaged, gains=gains) for row in rows)
    return f'<div class="card"><table class="board"><thead><tr>{"".join(heads)}</tr></thead><tbody>{lines}</tbody></table></div>'


def _filters(board: Board) -> str:
    """A search, and choices of condition and task; the address keeps them. Shown only where the script runs."""
    labels = {row.label: row.label for row in board.rows if row.label}
    titles = {task: board.titles[task] for task in board.tasks}
    return (
        '<form hidden role="search"><input type="search" name="q" placeholder="Search models" aria-label="Search models">'
        f"{_select('condition', 'All conditions', labels)}{_select('task', 'All tasks', titles)}"
        '<output aria-live="polite"></output></form>'
    )


def _select(name: str, everything: str, options: Mapping[str, str]) -> str:
    words = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    return f'<select name="{name}" aria-label="{everything}"><option value="">{everything}</option>{words}</select>'


def _head(text: str, css: str = "", task: str = "") -> str:
    own = f' data-task="{escape(task)}"' if task else ""
    return f'<th scope="col" class="{css}"{own}><button type="button">{escape(text)}</button></th>'


def _row(board: Board, row: Row, *, averaged: bool, gains: bool) -> str:
    cells: list[str] = []
    if not row.published:
        key = row.rank[0] if row.rank else ""
        cells.append(f'<td data-key="{key}" data-label="Rank"><span class="pill">{escape(rank(row))}</span></td>')
    sub = f'<span class="sub">{escape(row.label)}</span>' if row.label else ""
    cells.append(
        f'<td class="m" data-key="{escape(row.title)}"><span class="name">{escape(row.title)}</span>{sub}</td>'
    )
    if averaged:
        cells.append(_score(row.average, "Average", "avg", row.average_se))
    if gains:
        cells.append(_gain(row.average_gain if averaged else row.gains.get(board.tasks[0])))
    cells += [
        _score(row.cells.get(task), board.titles[task], gained=row.gains.get(task), task=task) for task in board.tasks
    ]
    if row.published:
        cells.append(f'<td class="t" data-key="{escape(row.source)}" data-label="Source">{escape(row.source)}</td>')
    about = f'data-model="{escape(row.title)}" data-condition="{escape(row.label)}" data-source="{escape(row.source)}"'
    return f"<tr {about}>{''.join(cells)}</tr>"


def _score(
    cell: Cell | None, label: str, css: str = "", se: float | None = None, gained: Gain | None = None, task: str = ""
) -> str:
    about = f'data-label="{escape(label)}"' + (f' data-task="{escape(task)}"' if task else "")
    if cell is None:
        return f'<td data-key="" {about}>-</td>'
    mark = f'<span class="mark">{escape(cell.mark)}</span>' if cell.mark else ""
    error = f" ± {se:.1f}" if se is not None else ""
    below = ""
    if cell.low is not None and cell.high is not None:
        n = "" if cell.n is None else f", n={cell.size or cell.n}"
        below = f'<span class="sub">{cell.low:.1f} to {cell.high:.1f}{n}</span>{_picture(cell)}'
    elif cell.size:
        below = f'<span class="sub">n={cell.size}</span>'
    if gained is not None:
        below += f'<span class="sub">thinking <b class="{_tone(gained)}">{gained.value:+.1f}</b></span>'
    return f'<td class="{css}" data-key="{cell.value:.4f}" {about}><span class="v">{cell.value:.1f}{error}</span>{mark}{below}</td>'


def _picture(cell: Cell) -> str:
    low, high, at = (WIDTH * min(100.0, max(0.0, v or 0.0)) / 100 for v in (cell.low, cell.high, cell.value))
    chance = ""
    if cell.chance is not None:
        chance = f'<rect class="chance" x="{WIDTH * cell.chance / 100:.1f}" y="0" width="1" height="8"/>'
    return (
        f'<svg width="{WIDTH}" height="8" viewBox="0 0 {WIDTH} 8" role="img" aria-label="95 % interval">'
        f'<rect class="track" x=".5" y="2.5" width="{WIDTH - 1}" height="3" rx="1.5"/>{chance}'
        f'<rect class="span" x="{low:.1f}" y="1" width="{max(1.5, high - low):.1f}" height="6" rx="2"/>'
        f'<rect class="point" x="{max(0.0, at - 1):.1f}" y="0" width="2" height="8"/></svg>'
    )


def _gain(found: Gain | None) -> str:
    if found is None:
        return '<td data-key="" data-label="Think gain">-</td>'
    css = _tone(found)
    value, _, span = gain(found).partition(" ")
    return f'<td data-key="{found.value:.4f}" data-label="Think gain"><span class="v {css}">{escape(value)}</span><span class="sub">{escape(span)}</span></td>'


def _tone(found: Gain) -> str:
    """Green or red where the interval lies on one side of 0."""
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return ""
    return "bad" if (found.low > 0) == found.lower_is_better else "good"


def _list(title: str, items: list[str]) -> str:
    if not items:
        return ""
    return f"<h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _details(board: Board) -> str:
    sheet = detail_sheet(board)
    columns = sheet.columns()
    css = ["t" if column.text else "" for column in columns.values()]
    heads = [
        f'<th scope="col" class="{c}">{escape(col.head)}</th>' for c, col in zip(css, columns.values(), strict=True)
    ]
    names = [column.head for column in columns.values()]
    lines = [
        "<tr>"
        + "".join(
            f'<td class="{c}" data-label="{escape(name)}">{escape(v)}</td>'
            for c, name, v in zip(css, names, row, strict=True)
        )
        + "</tr>"
        for row in sheet.rows
    ]
    return f'<div class="card"><table class="board"><thead><tr>{"".join(heads)}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
