"""StepEval-Audio-Paralinguistic: each kind of description has its own question to the judge."""

from __future__ import annotations

import pytest

from audiobench.core.types import Sample
from audiobench.scorers.stepeval import PROMPTS, SCORER, yes_or_no

KINDS = (
    "age",
    "emotions",
    "event",
    "gender",
    "pitch",
    "rhythm",
    "scene",
    "speed",
    "vocalsound",
    "voice_styles",
    "voice_tone",
)


def test_there_is_a_prompt_for_each_of_the_eleven_kinds() -> None:
    assert {*PROMPTS} == {*KINDS, "default"} and len({*PROMPTS.values()}) > 9


@pytest.mark.parametrize("kind", [*KINDS, "unheard of"])
def test_the_judge_is_asked_by_the_kind_and_sees_both_texts(kind: str) -> None:
    assert SCORER.judge is not None
    sample = Sample("1", "", target="女声", metadata={"subset": kind})
    (system, _), (user, text) = SCORER.judge.asked(0, sample, "一个{text1}男人", "")
    assert (system, user) == ("system", "user")
    assert text == PROMPTS.get(kind, PROMPTS["default"]).replace("{text2}", "\0").replace("{text1}", "女声").replace(
        "\0", "一个{text1}男人"
    )


@pytest.mark.parametrize(
    ("reply", "value"), [("yes", 1.0), (" No. ", 0.0), ("yes and no", None), ("", None), ("是", None)]
)
def test_a_reply_is_yes_or_no_or_no_verdict(reply: str, value: float | None) -> None:
    assert yes_or_no(reply) == value
