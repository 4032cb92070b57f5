"""How replies of OpenAudioBench's judges are read."""

from __future__ import annotations

import pytest

from audiobench.core.types import Sample
from audiobench.scorers import find_scorer

SAMPLE = Sample("1", "Who wrote it?", target=("Austen", "Jane Austen"))


@pytest.mark.parametrize(
    ("scorer", "reply", "value"),
    [
        ("llama", "It is right, the score is [Correct]", 1.0), ("llama", "The score is [Incorrect].", 0.0),
        ("llama", "[Correct]", None), ("llama", "", None),
        ("aliases", '{"analysis": "same person", "judgment": "correct"}', 1.0),
        ("aliases", "'''json\n{\"analysis\": \"it's wrong\", \"judgment\": \"Incorrect\"}\n'''", 0.0),
        ("aliases", "‘judgment‘: correct", 1.0), ("aliases", "It is correct.", None),
        ("alpaca", "Good. Rating: [[8]]", 8.0), ("alpaca", "Rating: [[11]]", None), ("alpaca", "8", None),
        ("reasoning", "对 [4] 错 [2]，得分是[5]", 5.0), ("reasoning", "得分是[0]", None), ("reasoning", "得分是5", None),
    ],
)  # fmt: skip
def test_a_reply_is_read_or_is_no_verdict(scorer: str, reply: str, value: float | None) -> None:
    judge = find_scorer(f"openaudiobench_{scorer}").judge
    assert judge is not None and judge.read(0, reply, SAMPLE) == value


def test_the_judge_sees_question_references_and_answer_as_data() -> None:
    for name in ("llama", "aliases", "alpaca", "reasoning"):
        judge = find_scorer(f"openaudiobench_{name}").judge
        assert judge is not None
        ((role, text),) = judge.asked(0, SAMPLE, "{answer} Jane", "")
        assert role == "user" and "Who wrote it?" in text and "{answer} Jane" in text and "{prediction}" not in text
        assert ("Austen / Jane Austen" in text) is (name != "alpaca")
