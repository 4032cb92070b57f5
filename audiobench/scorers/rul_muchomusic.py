"""RUL-MuchoMusic: music questions with five options, asked once, or four times with one wrong option left out.

Official code: yongyizang/AreYouReallyListening ExampleAudioEval @d3971de (one rule in four scripts). It reads neither a bare
"B" nor "Answer: B"; where it finds no letter it takes the first option whose text stands anywhere in the response.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.core.types import LETTERS, Answer, Sample
from audiobench.scorers.base import Scorer, option_match, or_crash, share_true

_DECLARED = r"(?:answer is|chose|choose|select|guess is|I choose|I select|I guess) ([A-E])\b"


def letter(response: str, options: Mapping[str, str]) -> str:
    """The letter that the official code reads; empty for none. `options`: letter -> text, in the order asked."""
    if found := re.findall(r"\[\[([A-E])\]\]", response) or re.findall(_DECLARED, response, re.IGNORECASE):
        return found[-1].upper()
    for name in "ABCDE":
        if any(form in response for form in (f"option {name}", f"Option {name}", f"({name})")):
            return name
    return next((name for name, text in options.items() if text and text.lower() in response.lower()), "")


def agreed(answers: Sequence[str]) -> tuple[str, dict[str, int]]:
    """(the option text that most passes chose, votes): what was not read does not vote, a tie goes to the first seen."""
    votes = Counter(answer for answer in answers if answer)
    return (votes.most_common(1)[0][0] if votes else ""), dict(votes)


def _official(text: str | None, sample: Sample) -> Any:
    options = {LETTERS[i]: choice or "" for i, choice in enumerate(sample.choices)}
    said = or_crash(letter, text, options)
    return said if said.startswith("error:") else options.get(said, "") == sample.target


def _extracted(answer: Answer, sample: Sample) -> Any:
    return _official("" if answer.value is None else f"[[{answer.value}]]", sample)


SCORER = Scorer(
    name="rul_muchomusic",
    version="1",
    score=option_match,
    doc="the extracted option is the target (RUL-MuchoMusic)",
    source="yongyizang/AreYouReallyListening ExampleAudioEval @d3971de",
    official=_official,
    official_extracted=_extracted,
    official_summary=share_true("accuracy"),
    extraction=("multiple_choice",),
)
