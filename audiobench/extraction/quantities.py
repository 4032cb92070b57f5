"""What the numbers of a response state, and the final number of a worked answer.

"at least 3", "3+", "5 or 6" and "10^3" name numbers without stating their value: such a reading holds None, and an
answer that rests on it is unparsed. A number that is denied ("not 6") is no reading at all.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

from audiobench.extraction import cues
from audiobench.extraction.numbers import number_spans, plain

_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_MARKER = re.compile(
    r"(?:####|final answer(?: is)?\s*:?|(?:the )?(?:correct )?answer(?: is)?\s*[:=]?|答案(?:是|为)?\s*:?)\s*",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")

_NEAR = 40
"""Characters in front of and behind a number that may change what it states."""
_DENIED_BEFORE = re.compile(r"(?:\bnot|n't|\brather than|\binstead of|不是|而非)\s*$", re.IGNORECASE)
_BOUND_BEFORE = re.compile(
    r"(?:\b(?:at least|at most|almost|nearly|up to|no fewer than|(?:more|less|fewer|greater|other) than|over|under|beyond"
    r"|(?:minimum|maximum|third|quarter|fraction|multiple) of|half(?: of)?|twice|double|exceed(?:s|ed|ing)?)"
    r"(?: (?:about|around|some|the|an?))?\s+[$€£]?|(?<= )[<>]=?\s?|[≥≤]\s?|[\d)](?:\s?\^\s?|\*\*)|至少|最少|最多|至多|超过|不到|将近|接近)$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\+(?![ (]?[\w(])|(?:\s?\^\s?|\*\*)[\d({-]|(?: [^\W\d]\w*)? (?:or (?:more|less|fewer|over|under|higher|lower)"
    r"|at (?:least|most)|and (?:up|over|more))\b|以上|以下|多",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"\s?(?:-|\bto\b|(?:[^\W\d]\w* )?\bor\b|或|到|至)\s?(?:(?:about|maybe|even) )?[$€£]?", re.IGNORECASE
)
_BETWEEN = re.compile(r"\bbetween\s+$", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_SCALE = re.compile(r"\s?(?:(k)|(thousand)|(million)|(billion))\b", re.IGNORECASE)
_SCALES = (10**3, 10**3, 10**6, 10**9)
_REFERENCE = re.compile(
    r"\(\s?(?:see |cf\. |from |by |in )?(?:the )?(?:steps?|eq(?:uation|\.)?|fig(?:ure|\.)?|table|line|section|part|note|page|p\.)"
    r"\s?#?$",
    re.IGNORECASE,
)


def readings(text: str) -> list[Decimal | None]:
    """The value that each number of the text states, in order; None for a bound, a part of a range, or a power."""
    return [value for _, value in _readings(text)]


def _readings(text: str) -> list[tuple[int, Decimal | None]]:
    """(end, value) of each reading; references in parentheses ("see step 1") count only where nothing else does."""
    spans = number_spans(text)
    between = [text[a[1] : b[0]][: _NEAR + 1] for a, b in pairwise(spans)]
    ranged = [
        bool(_RANGE.fullmatch(gap) or (_AND.fullmatch(gap) and _BETWEEN.search(text[max(0, start - _NEAR) : start])))
        for gap, (start, _, _) in zip(between, spans, strict=False)
    ]
    found: list[tuple[int, Decimal | None]] = []
    aside: list[tuple[int, Decimal | None]] = []
    for i, (start, end, number) in enumerate(spans):
        before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
        if _DENIED_BEFORE.search(before):
            continue
        value: Decimal | None = number
        scale = _SCALE.match(after)
        if scale and scale.lastindex:
            value = number * _SCALES[scale.lastindex - 1]
        if (i and ranged[i - 1]) or (i < len(ranged) and ranged[i]):
            value = None
        if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(after):
            value = None
        (aside if _REFERENCE.search(before) else found).append((end, value))
    return found or aside


def final_number(text: str) -> tuple[str, str] | None:
    r"""(number as text, rule) of a worked answer, or None.

    In order: the last `\boxed{}`; the first number after the last "answer is" / "####" marker that has one; the
    last number of the text. A number that is withdrawn afterwards ("wait, it should be 6") is none.
    """
    text = _FRACTION.sub(r"\1/\2", text)
    found = _final(text)
    if found is None:
        return None
    end, value, rule = found
    again = cues.withdrawn(text[end:])
    if value is None or (again is not None and set(readings(again)) != {value}):
        return None
    return plain(value), rule


def _final(text: str) -> tuple[int, Decimal | None, str] | None:
    """(where it ends, its value, rule) of the final number."""
    boxed = list(_BOXED.finditer(text))
    if boxed:
        numbers = readings(re.sub(r"\\[a-z]+\s*", " ", boxed[-1].group(1)))
        return (boxed[-1].end(), numbers[0], "boxed") if len(numbers) == 1 else None
    for marker in list(_MARKER.finditer(text))[:-51:-1]:
        line = text[marker.end() : marker.end() + 200].split("\n", 1)[0]
        numbers = _readings(line)
        if re.match("not\\b", line) and re.search(r"\d", line):
            return None
        if len({value for _, value in numbers}) > 1 and re.search(r"\bor\b|或", line):
            return None
        if numbers:
            return marker.end() + numbers[0][0], numbers[0][1], "answer_is"
    numbers = _readings(text)
    return (*numbers[-1], "last_number") if numbers else None
