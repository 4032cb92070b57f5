"""Numbers, yes / no, valid / invalid, counts, and responses without options."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from audiobench.extraction import extract
from audiobench.extraction.numbers import find_numbers, parse_chinese


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("The answer is 1,234.50 dollars.", "1234.5"),
        ("We add them.\n#### 72", "72"),
        ("12 + 30 = 42", "42"),
        ("\\boxed{-3.5} and 7 more", "-3.5"),
        ("seventy-nine", "79"),
        ("one hundred and twenty-three", "123"),
        ("two thousand and five", "2005"),
        ("three point one four", "3.14"),
        ("minus seven", "-7"),
        ("答案是二十五。", "25"),
        ("一共有十二个苹果", "12"),
        ("３４", "34"),
        ("3/4", "0.75"),
        ("<think>5</think>The answer is 6.", "6"),
        ("<think>5", None),
        ("I am not sure.", None),
        ("\\boxed{x}", None),
        ("", None),
    ],
)
def test_number(text, value):
    assert extract(text, ["number"]).value == value


@given(st.integers(-(10**12), 10**12))
def test_a_plain_integer_is_read_as_itself(n):
    assert find_numbers(f"The total is {n} apples") == [Decimal(n)]
    assert find_numbers(f"{n:,}") == [Decimal(n)]


@given(st.integers(0, 10**12), st.sampled_from(["-", " "]), st.sampled_from([" and ", " "]))
def test_a_number_in_words_is_read_as_itself(n, hyphen, joint):
    words = num2words(n).replace("-", hyphen).replace(" and ", joint)
    assert find_numbers(f"The total is {words} apples") == [Decimal(n)]


@given(st.integers(0, 999_999), st.integers(1, 3))
def test_decimals_in_words_are_read_as_themselves(n, places):
    number = Decimal(n).scaleb(-places)
    assert find_numbers(num2words(number)) == [number]


@pytest.mark.parametrize(("numeral", "value"), [("nine one", []), ("one two three", []), ("six six", [6, 6])])
def test_digits_that_follow_each_other_make_no_number(numeral, value):
    assert find_numbers(numeral) == value


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("十", 10), ("二十五", 25), ("一百零五", 105), ("两千", 2000), ("三万五千", 35000), ("二零二六", 2026)],
)
def test_chinese_numerals(numeral, value):
    assert parse_chinese(numeral) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("valid", "valid"),
        ("The argument is deductively invalid.", "invalid"),
        ("It is not valid.", "invalid"),
        ("This isn't invalid.", "valid"),
        ("valid or invalid", None),
        ("Working: one could say invalid. Final answer: valid", "valid"),
        ("Yes, that person tells the truth.", "yes"),
        ("**No**", "no"),
        ("yes or no", None),
        ("The answer is not yes.", None),
        ("You have seven of them.", "7"),
        ("3 apples and 4 pears", None),
        ("3 apples and 4 pears = 7 fruits", "7"),
        ("答案：No", "no"),
        ("I'm sorry, I can't listen to audio.", None),
        ("<think>yes", None),
        ("Could you repeat the question?", None),
        ("", None),
    ],
)
def test_short_answer(text, value):
    assert extract(text, ["short_answer"]).value == value


def test_single_kinds():
    assert extract("No.", ["yes_no"]).value == "no"
    assert extract("invalid", ["valid_invalid"]).value == "invalid"
    assert extract("eleven", ["count"]).value == "11"
    assert extract("<RESPONSE>a dog</RESPONSE>", ["response_tag"]).value == "a dog"
    assert extract("\\boxed{\\frac{1}{2}}", ["boxed"]).value == "\\frac{1}{2}"
    assert extract("<think>x</think> hello ", ["full_text"]).value == "hello"
    assert extract("<think>x", ["full_text"]).value is None


@pytest.mark.parametrize(
    "piece", ["A. ", "not ", "(B ", "answer is ", "\\boxed{", "one hundred ", "B? ", "1", "十", "or "]
)
@pytest.mark.parametrize("rule", ["multiple_choice", "number", "short_answer"])
def test_a_runaway_response_is_read_in_good_time(piece, rule):
    start = time.process_time()
    extract(piece * 3000, [rule], slots=("Man", "Woman", "Child", "Robot"))
    assert time.process_time() - start < 5
