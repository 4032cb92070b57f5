"""Short answers: a word that is denied is not the answer."""

from __future__ import annotations

import pytest

from audiobench.extraction import extract


@pytest.mark.parametrize("text", ["It isn't yes.", "It isn’t yes.", "The answer isn't no.", "The answer is not yes."])
@pytest.mark.parametrize("rule", ["yes_no", "short_answer"])
def test_a_denied_word_is_not_the_answer(text: str, rule: str) -> None:
    assert extract(text, [rule]).value is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The answer is 7, not 8.", "7"),
        ("We can't conclude it's valid", None),
        ("It's not invalid.", "valid"),
        ("No problem!", None),
        ("No one tells the truth, so yes", "yes"),
    ],
)
def test_short_answers_of_big_bench_audio(text: str, found: str | None) -> None:
    assert extract(text, ["short_answer"]).value == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The answer is not 5.", None),
        ("The answer is 5 or 6.", None),
        ("She has 5 apples and no one else has any", "5"),
        ("That makes 1 1/2 cups", "1.5"),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("It is 2.1e+01", "21"),
    ],
)
def test_numbers(text: str, found: str | None) -> None:
    assert extract(text, ["number"]).value == found
