"""Spans that a thought names: how they are read, clamped, exchanged and added up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiobench.core.spans import Span, another, audible, last_named, union_seconds

lengths = st.floats(0.2, 600, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("<seg>0.5, 2.0</seg>", (0.5, 2.0)),
        ("a <seg>1,2</seg> b <seg>3,4</seg>", (3.0, 4.0)),
        ("<seg>3,1</seg>", (3.0, 1.0)),
        ("<seg>1.2.3,4</seg>", None),
        ("<seg>1 ,2</seg>", None),
        ("<seg> 1, 2</seg>", None),
        ("<seg>1-2</seg>", None),
        ("<SEG>1,2</SEG>", None),
        ("nothing", None),
    ],
)
def test_a_span_is_read_as_echo_reads_it(text: str, span: tuple[float, float] | None) -> None:
    assert last_named(text) == span


def test_spans_are_clamped_and_need_a_fifth_of_a_second() -> None:
    assert audible(Span(1.0, 99.0), 3.0) == (1.0, 3.0)
    assert audible(Span(0.1, 0.3), 3.0) == (0.1, 0.3)
    assert audible(Span(0.1, 0.29), 3.0) is None
    assert audible(Span(2.9, 4.0), 3.0) is None
    assert audible(Span(3.0, 1.0), 3.0) is None
    assert audible(Span(5.0, 9.0), 3.0) is None
    assert audible(Span(0.0, math.inf), 3.0) is None


@given(lengths, st.floats(0, 1), st.floats(0, 1), st.text(max_size=8))
def test_another_span_is_as_long_and_shares_nothing_where_there_is_room(
    seconds: float, at: float, share: float, seed: str
) -> None:
    length = max(0.2, share * seconds)
    start = at * (seconds - length)
    span = Span(start, start + length)
    other = another(span, seconds, seed)
    assert other == another(span, seconds, seed)
    assert other.seconds == pytest.approx(span.seconds) and other.start >= -1e-9 and other.end <= seconds + 1e-9
    shared = min(span.end, other.end) - max(span.start, other.start)
    room = max(span.start, seconds - span.end)
    assert shared == pytest.approx(max(0.0, length - room), abs=1e-6) or shared <= 0 < room - length + 1e-9


def test_random_spans_reach_both_sides() -> None:
    span = Span(4.0, 5.0)
    drawn = [another(span, 10.0, str(number)) for number in range(200)]
    assert {other.start < 4.0 for other in drawn} == {True, False}
    assert len({round(other.start, 3) for other in drawn}) > 150


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)).map(lambda p: Span(min(p), max(p))), max_size=8))
def test_the_union_is_between_the_longest_span_and_all_of_them(spans: list[Span]) -> None:
    covered = union_seconds(spans)
    assert covered <= sum(span.seconds for span in spans) + 1e-9
    assert covered >= max((span.seconds for span in spans), default=0.0) - 1e-9
    assert union_seconds([*spans, *spans]) == pytest.approx(covered)
