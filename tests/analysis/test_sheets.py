"""Tables in every form; on narrow terminals columns move below each other and nothing is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from audiobench.cli import main
from audiobench.core.sheet import Column, Sheet, blocks, csv, latex, markdown, show
from tests.analysis.conftest import line, write_run

ON = {"think": "on"}

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


VERDICT = Sheet(
    "",
    ("task", "what", "condition", Column("n", later=1), Column("baseline", later=1), Column("candidate", later=1),
     "change [95 %]", Column("p (Holm)", later=1), Column("MDE", later=1), Column("verdict", text=True)),
    [("big_bench_audio", "think gain", "think=budget:1024 audio=transcript", "1000", "+6.7", "-28.3",
      "-35.0 [-49.0, -18.8]", "9.5e-07", "18.4 pp", "REGRESSION")],
    left=3,
)  # fmt: skip


def shown(sheet: Sheet, width: int) -> list[str]:
    out = Console(file=io.StringIO(), width=width, highlight=False)
    show([sheet], out)
    return [row.rstrip() for row in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [64, 80, 100, 120, 160])
def test_no_word_of_a_cell_is_cut_and_no_line_is_too_long(width):
    lines = shown(VERDICT, width)
    assert max(map(len, lines)) <= width and "…" not in "".join(lines)
    words = "\n".join(lines).split()
    assert {word for cell in VERDICT.rows[0] for word in cell.split()} <= set(words)


def test_the_verdict_stands_beside_the_change_on_a_narrow_terminal():
    first = shown(VERDICT, 80)[:3]
    assert first[0].split() == ["task", "what", "condition", "change", "[95", "%]", "verdict"]
    assert "-35.0 [-49.0, -18.8]  REGRESSION" in first[1]
    assert [len(blocks(VERDICT, width)) for width in (80, 160)] == [3, 1]


def test_a_long_name_wraps_between_words_and_is_never_replaced_by_dots():
    sheet = Sheet("t", ("arm", "acc"), [("results/a think=on - results/b think=off", "12.3")])
    assert shown(sheet, 30)[2:] == [
        "arm                        acc",
        "results/a think=on -      12.3",
        "results/b think=off",
    ]


def test_latex_has_a_booktabs_table_for_each_sheet_and_escapes_what_latex_reads():
    sheet = Sheet("a_b & 50 %", ("arm", Column("acc", "pp")), [("x^2 {$}", "<0.001"), ("m ^a", "1.0")], ["100 % of #1"])
    first, second, words = latex([sheet, sheet, Sheet("only words", notes=["one", "two"])]).split("\\end{table}\n")
    assert (
        first
        == r"""% needs \usepackage{booktabs}
\begin{table}
\caption{a\_b \& 50 \%}
\label{tab:a-b-50}
\begin{tabular}{lr}
\toprule
arm & acc (pp) \\
\midrule
x\textasciicircum{}2 \{\$\} & \textless{}0.001 \\
m$^{a}$ & 1.0 \\
\bottomrule
\end{tabular}
\par\footnotesize 100 \% of \#1
"""
    )
    assert second == first.split("\n", 1)[1].replace("a-b-50", "a-b-50-2"), "labels are unique"
    assert words == "\\paragraph{only words}\none\\\\\ntwo\n"


def test_csv_has_a_line_for_each_number_with_its_unit_and_computes_nothing():
    sheet = Sheet("t", ("arm", Column("gain", "pp"), "price"), [("=1+1", "+6.7", "-")])
    assert csv([sheet]) == "table,row,column,unit,value\nt,'=1+1,gain,pp,+6.7\n"


@pytest.mark.parametrize("command", ["compare", "ablate"])
def test_compare_and_ablate_write_every_format_by_name_or_by_suffix(command, tmp_path, capsys):
    lines = [line(f"s{i}", condition=how, text="A" if i % 2 else "B") for i in range(8) for how in ({}, ON)]
    folder = write_run(tmp_path / "run", lines)
    words = [command, *([f"{folder}:off", f"{folder}:on"] if command == "compare" else [str(folder)])]
    for form, suffix in (("md", "md"), ("csv", "csv"), ("latex", "tex"), ("json", "json"), ("text", "txt")):
        assert main([*words, "--format", form]) == 0
        printed, file = capsys.readouterr().out, tmp_path / f"table.{suffix}"
        assert main([*words, "--out", str(file)]) == 0
        assert file.read_text() == printed and "think=on" in printed
    for older, form in (("--markdown", "md"), ("--json", "json")):
        assert main([*words, older]) == main([*words, "--format", form]) == 0
        said = capsys.readouterr().out
        assert said[: len(said) // 2] == said[len(said) // 2 :]
