"""Cleaning a response and cutting it into tokens: what every extractor sees."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from audiobench.extraction.numbers import fold_number_words

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SPECIAL_TOKEN = re.compile(r"<\|[^<>|]{1,40}\|>")
_OPEN_THINK = re.compile(r"<(?:think|thinking|thought)>", re.IGNORECASE)
_CLOSE_THINK = re.compile(r"</(?:think|thinking|thought)>", re.IGNORECASE)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-"})

# A token is a number (sign and decimal point kept), a word (a sharp sign kept: C is not C#), one CJK character, or
# one symbol. Everything else separates.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(
    rf"(?<![\w)])-\d+(?:[.,]\d+)*(?![^\W_{_CJK}])|\d+(?:[.,:]\d+)+(?![^\W_{_CJK}])"
    rf"|[{_CJK}]"
    rf"|(?:(?![{_CJK}])[^\W_])+(?:'(?:(?![{_CJK}])[^\W\d_])+)*[#♯]?"
    rf"|[^\w\s.,;:!?\"'()\[\]{{}}*`~<>|\\/\-–—…。、《》「」【】·•]"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token, case-folded, with its place in the text (character offsets)."""

    text: str
    start: int
    end: int


def normalise(text: str) -> str:
    """Unicode NFKC (full-width letters and punctuation become plain), straight quotes, no invisible characters."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_QUOTES)


def final_answer(text: str) -> str | None:
    """What follows the last closed thinking block, or None when thinking began and never ended."""
    tail = _CLOSE_THINK.split(text)[-1]
    if _OPEN_THINK.search(tail):
        return None
    return _SPECIAL_TOKEN.sub(" ", tail).strip()


def tokens(text: str) -> list[Token]:
    """The tokens of a normalised text; number words are folded into digits ("twenty-two" is one token, "22")."""
    found = [Token(m.group().casefold(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    folded: list[Token] = []
    for value, first, last in fold_number_words([t.text for t in found]):
        start, end = found[first].start, found[last].end
        folded.append(Token(value, start, end))
    return folded
