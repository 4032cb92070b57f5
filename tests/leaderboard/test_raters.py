"""Ratings of two judges, and answers heard by two recognisers, are not ranked as one column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from audiobench.core.errors import NotComparableError
from audiobench.leaderboard.board import make_board
from tests.gate.raters import heard, judged


@pytest.mark.parametrize(("make", "part"), [(judged, "judge"), (heard, "recogniser")], ids=["judge", "recogniser"])
def test_another_rater_is_marked_named_and_not_ranked(tmp_path: Path, make: Callable[..., Path], part: str) -> None:
    for model, rater in (("first", "usual"), ("second", "usual"), ("third", "lenient")):
        make(tmp_path / model, rater, model=model)
    board = make_board([tmp_path])
    rows = {row.model: row for row in board.measured}
    assert {model: row.cells["t"].mark for model, row in rows.items()} == {"first": "", "second": "", "third": "a"}
    assert rows["third"].rank is None
    [note] = board.notes
    assert f"different {part} ({part} lenient" in note and "the column has usual" in note
    with pytest.raises(NotComparableError, match=f"third: t: not comparable .*: different {part}"):
        make_board([tmp_path], strict=True)


def test_of_one_model_rated_twice_the_note_names_the_judge_not_shown(tmp_path: Path) -> None:
    judged(tmp_path / "a", "strict")
    judged(tmp_path / "b", "lenient")
    assert (
        make_board([tmp_path]).notes[0].endswith("not " + f"{tmp_path / 'a'} (neither is newer; judge strict (plain))")
    )
