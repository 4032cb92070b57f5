"""Short answers: yes / no, valid / invalid, a count. Nothing is guessed: an unclear answer is None."""

from __future__ import annotations

import re
from collections.abc import Callable

from audiobench.extraction import cues
from audiobench.extraction.negation import REFUSAL
from audiobench.extraction.numbers import plain
from audiobench.extraction.quantities import readings
from audiobench.extraction.text import closed, readable, squeeze

_MARKER = re.compile(
    r"(?:final answer(?:\s+is)?|answer(?:\s+is)?|答案(?:是|为)?|conclusion(?:\s+is)?)\s*[:=]?\s*",
    re.IGNORECASE,
)
_WRAPPER = re.compile(
    r"\\boxed\s*\{([^{}]*)\}|<answer>(.*?)</answer>|<response>(.*?)</response>", re.IGNORECASE | re.DOTALL
)
_YES = re.compile(r"\byes\b|^\s*(?:是|是的|对|对的)\s*[。,.!]*\s*$", re.IGNORECASE)
_NO = re.compile(
    r"\bno\b(?!\s+(?:doubt|one|matter|longer|longer|way|problem|information|audio|question|idea)\b)|^\s*(?:否|不|不是|不对)\s*[。,.!]*\s*$",
    re.IGNORECASE,
)
_NOT_YES_NO = re.compile(r"\b(?:yes|no)\s+(?:or|and|/)\s+(?:yes|no)\b|\byes\s*/\s*no\b", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"[.;,\n]")
_DENIAL = re.compile(r"(?:\bnot|n't|n’t)\b", re.IGNORECASE)
_YES_OR_NO = re.compile(r"\b(?:yes|no)\b", re.IGNORECASE)
_INVALID = re.compile(
    r"\binvalid(?:ly)?\b|\b(?:not|n't|isn't|cannot be|never|neither|hardly|far from)\s+(?:(?:deductively|logically|formally|really|at all|considered|necessarily|a|an|be)\s+)*valid\b|无效",
    re.IGNORECASE,
)
_NOT_INVALID = re.compile(
    r"\b(?:not|n't|isn't|never|hardly)\s+(?:(?:deductively|logically|formally|really|considered|a|an|be)\s+)*invalid\b",
    re.IGNORECASE,
)
_VALID = re.compile(r"\bvalid(?:ly)?\b|(?<!无)有效", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:if|whether|unclear|(?:cannot|can't) (?:tell|determine|decide|conclude|say)|either|or)\b",
    re.IGNORECASE,
)


def yes_no(text: str) -> tuple[str, str] | None:
    """("yes" | "no", rule), or None when neither, both, or only in a denial or a question."""
    return _scan(text, _read_yes_no)


def valid_invalid(text: str) -> tuple[str, str] | None:
    """("valid" | "invalid", rule); "not valid" is invalid, "not invalid" is valid."""
    return _scan(text, _read_valid)


def count(text: str) -> tuple[str, str] | None:
    """(number as text, rule): the only number, or the one behind an answer marker."""
    return _scan(text, _read_count)


def short_answer(text: str) -> tuple[str, str] | None:
    """A Big Bench Audio answer: valid / invalid, yes / no, or a count in digits ("seven" is "7").

    The kind is taken from the response alone; a response that holds answers of two kinds is None unless one stands
    behind an answer marker.
    """

    def read(piece: str) -> str | None:
        found = {answer for answer in (_read_valid(piece), _read_yes_no(piece)) if answer}
        if not found:
            number = _read_count(piece)
            return number
        return found.pop() if len(found) == 1 else None

    return _scan(text, read)


def _scan(text: str, read: Callable[[str], str | None]) -> tuple[str, str] | None:
    """Try what is wrapped, what follows the last answer marker, then the whole answer."""
    answer = readable(text)
    if not answer:
        return None
    answer = squeeze(re.sub(r"[*`_]+", "", answer)).strip()
    contents = {next(g for g in m.groups() if g is not None) for m in _WRAPPER.finditer(closed(answer))}
    wrapped = {read(content) for content in contents}
    if wrapped:
        value = wrapped.pop()
        return (value, "wrapped") if value and not wrapped else None

    def kept(value: str, rule: str, rest: str) -> tuple[str, str] | None:
        """The value, unless the rest of the answer takes it back and does not give it again."""
        again = cues.withdrawn(rest)
        return (value, rule) if again is None or value in (read(again), _read_count(again)) else None

    for marker in list(_MARKER.finditer(answer))[:-51:-1]:
        piece = answer[marker.end() : marker.end() + 200].split("\n\n", 1)[0]
        first = re.split(r"[.;\n。](?!\d)|,\s*not\b", piece.strip(), maxsplit=1)[0]
        value = read(first)
        if value:
            return kept(value, "answer_is", answer[marker.end() :])
    if REFUSAL.search(answer):
        return None
    first = re.split(r"[.,;!\n。](?!\d)", answer, maxsplit=1)[0].strip()
    if len(first.split()) == 1 and (value := read(first)):
        rest = read(answer[len(first) :])
        if rest in (None, value) or (
            value in ("yes", "no", "valid", "invalid") and rest not in ("yes", "no", "valid", "invalid")
        ):
            return kept(value, "leading" if len(answer) > len(first) + 1 else "bare", answer[len(first) :])
        return None
    value = read(answer)
    return kept(value, "in_text", answer) if value else None


def _read_yes_no(text: str) -> str | None:
    if _NOT_YES_NO.search(text) or any(_denies(clause) for clause in _CLAUSE_ENDS.split(text)):
        return None
    said = {word for word, pattern in (("yes", _YES), ("no", _NO)) if pattern.search(text)}
    return said.pop() if len(said) == 1 else None


def _denies(clause: str) -> bool:
    """True for "not ... yes"."""
    denial = _DENIAL.search(clause)
    return bool(denial and _YES_OR_NO.search(clause, denial.end()))


def _read_valid(text: str) -> str | None:
    rest = _NOT_INVALID.sub(" <V> ", text)
    denied = bool(_INVALID.search(rest))
    rest = _INVALID.sub(" ", rest)
    affirmed = "<V>" in rest or bool(_VALID.search(rest))
    if affirmed == denied or (affirmed and _OPEN.search(text) and len(text.split()) > 3):
        return None
    return "valid" if affirmed else "invalid"


def _read_count(text: str) -> str | None:
    numbers = set(readings(text))
    if len(numbers) == 1:
        number = numbers.pop()
        return None if number is None else plain(number)
    total = re.search(r"=\s*(-?\d+(?:\.\d+)?\s*\D*)$", text)
    stated = readings(total.group(1)) if total else [None]
    return None if stated[0] is None else plain(stated[0])
