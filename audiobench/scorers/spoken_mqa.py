"""Spoken-MQA: the gsm8k number rule of AudioBench.

Official rule: AudioLLMs/AudioBench `spoken_mqa.py` and `math_utils` @e991641. The split (`metadata["split"]`) decides
how references are read: as they are in the digit splits, behind "####" and without commas in the reasoning splits,
where a reference that is a plain string instead of a list is compared by its first character.
"""

from __future__ import annotations

import re
from typing import Any

from audiobench.core.types import Answer, Sample
from audiobench.extraction.numbers import find_numbers
from audiobench.scorers.base import Scorer, ScoreResult, references, share_true

_TRIGGERS = ("The answer is:", "The answer is", "the answer is", "####")
_NUMBER = re.compile(r"-?\d+/?\.?\d*")
_QUOTIENT = re.compile(r"(-?(?:0+|[1-9][0-9]*))/(0+|[1-9][0-9]*|[0-9]*\.[0-9]+)", re.ASCII)


def shorten(number: str) -> str:
    """A number without trailing zeros: "5.0" is "5", "3/4" is "0.75"; what is no number stays."""
    try:
        value = float(number)
    except ValueError:
        quotient = _QUOTIENT.fullmatch(number)
        if not quotient or not float(quotient.group(2)):
            return number
        value = int(quotient.group(1)) / float(quotient.group(2))
    digits = str(value).rstrip("0")
    return str(int(digits[:-1])) if digits.endswith(".") else str(float(digits))


def extract_official(text: str) -> str:
    """The text that the official rule compares ("empty" when there is no number)."""
    text = text.strip("\n")
    if any(text.count(trigger) > 1 for trigger in _TRIGGERS):
        text = text.split("\n\n")[0]
    parts = re.split("|".join(map(re.escape, _TRIGGERS)), text)
    numbers = [shorten(n) for n in _NUMBER.findall(parts[-1].strip().replace(",", ""))]
    if not numbers:
        return "empty"
    number = numbers[0] if len(parts) > 1 else numbers[-1]
    return (number.rstrip(".").rstrip("/") or "empty")[:100]


def _first_reference(sample: Sample) -> str:
    digits = str(sample.metadata.get("split", "")).endswith("digit")
    if isinstance(sample.target, str):
        return sample.target if digits else shorten(sample.target[:1])
    first = references(sample)[0]
    if digits:
        return first
    return shorten(first.split("#### ")[-1].replace(",", ""))


def official(text: str | None, sample: Sample) -> Any:
    """The official verdict on a response (bool); a missing response crashes the script."""
    if text is None:
        return "error:UnboundLocalError"
    return extract_official(text).lower() == _first_reference(sample).lower()


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 when the extracted number equals a reference number."""
    del text
    if answer.value is None:
        return 0.0, {}
    found = find_numbers(answer.value)
    wanted = [find_numbers(reference.split("####")[-1]) for reference in references(sample)]
    right = len(found) == 1 and any(w and found[0] == w[-1] for w in wanted)
    return (1.0 if right else 0.0), {}


SCORER = Scorer(
    name="gsm8k_number",
    version="1",
    score=_score,
    doc="the extracted number equals the reference; official: AudioBench's gsm8k answer cleaning (Spoken-MQA)",
    source="AudioLLMs/AudioBench src/dataset_src/spoken_mqa.py @e991641",
    official=official,
    official_extracted=lambda answer, sample: official(answer.value or "", sample),
    official_summary=share_true("gsm8k_number"),
    extraction=("number",),
    columns=("split",),
)
