"""MMSU: the first or the last-but-one character decides; a response without a letter leaves the denominator.

Official rule: `mmsu_evaluation.py` of dingdongwang/MMSU_Bench @f0ef334 (v1, 2025-06-08) and dingdongwang/MMSU @217d1d3
(v2, 2026-02-12). They differ on an empty or "None" response only: v2 counts it wrong, v1 re-uses the letter of the
record before (and crashes on the first one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from audiobench.core.types import LETTERS, Answer, Sample
from audiobench.scorers.base import OfficialFigure, OfficialSummary, Scorer, option_match

_LETTERS = "ABCD"
_EXCLUDED, _CORRECT, _WRONG = "excluded", "correct", "wrong"


def _read(text: str | None) -> str | None:
    """The letter a response gives; "" for an empty one; None for one that is left out."""
    if not isinstance(text, str):
        return None
    text = text.strip().replace("\n", "")
    if not text or text == "None":
        return ""
    if text[0] in _LETTERS:
        return text[0]
    if len(text) > 1 and text[-2] in _LETTERS:
        return text[-2]
    return None


def _verdict(letter: str, sample: Sample) -> str:
    slot = LETTERS.index(letter)
    text = sample.choices[slot] if slot < len(sample.choices) else None
    return _CORRECT if text is not None and text == sample.target else _WRONG


def official_v2(text: str | None, sample: Sample) -> Any:
    """Correct | wrong | excluded."""
    letter = _read(text)
    if letter is None:
        return _EXCLUDED
    return _verdict(letter, sample) if letter else _WRONG


def official_v1(text: str | None, sample: Sample) -> Any:
    """Correct | wrong | excluded of a file with this one record; an empty response crashes the script."""
    return official_v1_sequence([text], [sample])[0]


def official_v1_sequence(texts: Sequence[str | None], samples: Sequence[Sample]) -> list[Any]:
    """Verdicts of a whole file in order: an empty response takes the letter of the last record that had one."""
    verdicts: list[Any] = []
    before = ""
    for text, sample in zip(texts, samples, strict=True):
        letter = _read(text)
        if letter is None:
            verdicts.append(_EXCLUDED)
            continue
        before = letter or before
        verdicts.append(_verdict(before, sample) if before else "error:UnboundLocalError")
    return verdicts


def summary(name: str) -> OfficialSummary:
    """Accuracy over the responses that had a letter (or were empty)."""

    def summarise(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
        del samples
        counted = [v for v in verdicts if v in (_CORRECT, _WRONG)]
        value = counted.count(_CORRECT) / len(counted) if counted else None
        return OfficialFigure(name, value, len(counted), excluded=list(verdicts).count(_EXCLUDED))

    return summarise


def _extracted(rule: Callable[[str | None, Sample], Any]) -> Callable[[Answer, Sample], Any]:
    return lambda answer, sample: rule(answer.value, sample) if answer.value else _EXCLUDED


V2 = Scorer(
    name="mmsu_letter_v2",
    version="1",
    score=option_match,
    doc="the extracted option is the target; official: MMSU letter rule of 2026-02, no letter = not counted",
    source="dingdongwang/MMSU mmsu_evaluation.py @217d1d3",
    official=official_v2,
    official_extracted=_extracted(official_v2),
    official_summary=summary("mmsu_letter_v2"),
    extraction=("multiple_choice",),
)
V1 = Scorer(
    name="mmsu_letter_v1",
    version="1",
    score=option_match,
    doc="the extracted option is the target; official: MMSU letter rule of 2025-06, an empty response repeats a letter",
    source="dingdongwang/MMSU_Bench mmsu_evaluation.py @f0ef334",
    official=official_v1,
    official_extracted=_extracted(official_v1),
    official_sequence=official_v1_sequence,
    official_summary=summary("mmsu_letter_v1"),
    extraction=("multiple_choice",),
)
