"""Short answers: a word that is denied is not the answer."""

from __future__ import annotations

import pytest

from audiobench.extraction import extract


@pytest.mark.parametrize("text", ["It isn't yes.", "It isn’t yes.", "The answer isn't no.", "The answer is not yes."])
@pytest.mark.parametrize("rule", ["yes_no", "short_answer"])
def test_a_denied_word_is_not_the_answer(text: str, rule: str) -> None:
    assert extract(text, [rule]).value is None
