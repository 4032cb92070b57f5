"""Bounds, ranges, powers and corrections: a number that a response names without stating it is not its answer."""

from __future__ import annotations

import pytest

from audiobench.extraction import extract

NUMBERS = ("number", "count", "short_answer")


@pytest.mark.parametrize("rule", NUMBERS)
@pytest.mark.parametrize(
    "text",
    [
        "The answer is 5.\n\nWait, it should be 6.",
        "The answer is 3... no, 4",
        "at least 3",
        "3+",
        "almost three",
        "There are at least two",
        "at most three",
        "half of 120 bpm",
        "10^3",
        "about 5 or 6",
        "The answer is 10 to 12",
        "The answer is 5. Wait, no.",
        "up to 5",
        "between 5 and 6",
        "The answer is between 5 and 6.",
        "5-6",
        "3 or more",
        "five apples or more",
        "至少三",
        "fewer than 4",
        "The answer is 3+.",
    ],
)
def test_no_value_is_stated(rule: str, text: str) -> None:
    assert extract(text, [rule]).value is None


@pytest.mark.parametrize("rule", NUMBERS)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.2k", "1200"),
        ("$5 million", "5000000"),
        ("5 thousand", "5000"),
        ("The answer is 5. Wait, let me check: yes, 5.", "5"),
        ("about 5", "5"),
        ("The answer is 5.", "5"),
        ("-3", "-3"),
        ("$5", "5"),
        ("The total is 12 (see step 1)", "12"),
        ("The answer is 5kg", "5"),
        ("The answer is 7, not 8.", "7"),
        ("5 km", "5"),
        ("It is 5, not 6.", "5"),
        ("3 + 4 = 7", "7"),
        ("The answer is 10.", "10"),
        ("page 12", "12"),
        ("<answer>5</answer>", "5"),
        ("> 5", "5"),
        ("**5**", "5"),
        ("=> 6", "6"),
        ("20 of them", "20"),
        ("The answer is 5 or so", "5"),
    ],
)
def test_a_value_is_stated(rule: str, text: str, value: str) -> None:
    assert extract(text, [rule]).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Half of 10 is 5, not 6.", "5"),
        ("Wait, actually there are 5 apples.", "5"),
        ("There are 3. Actually, let me recount: 1, 2, 3, 4. The answer is 4.", "4"),
        ("The answer is 12 because there are two more than ten.", "12"),
        ("The answer is 12 - 5 = 7", "7"),
        ("We get 5^2 = 25", "25"),
        ("The answer is 5, no more, no less.", "5"),
        ("The final concentration is 0.35 M", "0.35"),
        ("The answer is 5 or 6. The nearest is 7.", None),
        ("It takes 5 feet and 3 inches", None),
    ],
)
def test_the_final_number_of_a_worked_answer(text: str, value: str | None) -> None:
    assert extract(text, ["number"]).value == value


@pytest.mark.parametrize("rule", ["yes_no", "short_answer"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is yes. Wait, no.", None),
        ("No. Wait, yes.", None),
        ("The answer is no. No, it does not.", "no"),
        ("The answer is yes. Hmm, let me reconsider... yes.", "yes"),
    ],
)
def test_yes_or_no_taken_back(rule: str, text: str, value: str | None) -> None:
    assert extract(text, [rule]).value == value


@pytest.mark.parametrize("text", ["It is valid. Wait, no.", "The answer is valid. Actually, it is invalid."])
def test_valid_taken_back(text: str) -> None:
    assert extract(text, ["valid_invalid"]).value is None
