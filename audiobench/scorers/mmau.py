"""MMAU and MMAR: token-set matching of option texts.

Official rule: Sakshi113/MMAU `evaluation.py` @110127f; ddlBoJack/MMAR `code/evaluation.py` @3bce090 has the same
function. Its known quirks are kept: a bare letter is wrong (unless the option is that letter), naming a rejected
option is wrong, word order and repetition do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import Scorer, choice_text, option_match, share_true

_WORD = re.compile(r"\b\w+\b")


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def string_match(answer: str, prediction: str, choices: Sequence[str | None]) -> bool:
    """True when the prediction holds every word of the answer and no word that only a wrong option has."""
    predicted, right = _words(prediction), _words(answer)
    if not predicted:
        return False
    forbidden: set[str] = set()
    for choice in choices:
        words = _words(choice or "")
        if words != right:
            forbidden |= words - right
    return right <= predicted and not predicted & forbidden


def official(text: str | None, sample: Sample) -> Any:
    """The official verdict on a response (bool)."""
    if not isinstance(text, str):
        return "error:AttributeError"
    return string_match(str(sample.target), text, sample.choices)


def official_extracted(answer: Answer, sample: Sample) -> Any:
    """The official verdict on the extracted option's own text; False when nothing was extracted."""
    return official(choice_text(answer, sample) or "", sample)


SCORER = Scorer(
    name="mmau_string_match",
    version="1",
    score=option_match,
    doc="the extracted option is the target; official: token-set match of the raw text (MMAU, MMAR)",
    source="Sakshi113/MMAU evaluation.py @110127f; ddlBoJack/MMAR code/evaluation.py @3bce090",
    official=official,
    official_extracted=official_extracted,
    official_summary=share_true("mmau_string_match"),
    extraction=("multiple_choice",),
)
