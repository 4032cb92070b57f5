"""Tables on narrow terminals: columns move below each other, nothing is cut."""

from __future__ import annotations

import pytest

from audiobench.report.sheet import Sheet, blocks, markdown

SHEET = Sheet(
    "title",
    ("arm", "n", "95 % interval", "tokens a right answer", "$"),
    [("think=budget:256", "1110", "[-12.3, +45.6]", "1234", "-"), ("声音", "3", "-", "7", "-")],
)


@pytest.mark.parametrize("width", [20, 34, 41, 48, 60, 80])
def test_every_cell_is_shown_and_every_piece_fits(width):
    pieces = blocks(SHEET, width)
    assert [place for piece in pieces for place in piece if place] == [1, 2, 3], "in order, and none without content"
    assert all(0 in piece for piece in pieces), "each piece names its rows"
    for piece in pieces:
        longest = {
            p: max([*map(len, name.split("\n")), *(len(row[p]) for row in SHEET.rows)]) for p, name in piece.items()
        }
        assert sum(longest.values()) + 2 * (len(piece) - 1) <= width or len(piece) == 2


def test_headers_break_before_columns_move():
    assert [len(blocks(SHEET, width)) for width in (80, 48, 41, 20)] == [1, 1, 2, 3]
    assert blocks(SHEET, 80)[0][3] == "tokens a right answer" and blocks(SHEET, 48)[0][3] == "tokens\na\nright\nanswer"


def test_markdown_leaves_out_what_nobody_knows():
    assert markdown([SHEET]).splitlines()[2] == "| arm | n | 95 % interval | tokens a right answer |"
