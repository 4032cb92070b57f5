"""Cleaning a response and cutting it into tokens: what every extractor sees."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from audiobench.core.thought import separate
from audiobench.extraction.numbers import in_figures
from audiobench.extraction.patterns import lazy

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufffd"))
_SPECIAL_TOKEN = lazy(r"<\|(?:open|close)\|>\s?\w{1,20}\s?<\|sep\|>|<\|[^<>|]{1,40}\|>")
_VULGAR = lazy(r"((?<=\d)\s?)?([¼-¾⅐-⅞↉]|[⁰¹²³⁴-⁹]{1,2}\u2044[₀-₉]{1,2})")
_SUPERSCRIPT = lazy(r"([x×*·]\s?)?(?<![\d.,])(\d{1,6})([²³¹⁰⁴-⁹]{1,2})(?![²³¹⁰⁴-⁹\u2044])")
_THIN = lazy(r"(?<=\d)[\u00a0\u2007-\u2009\u202f](?=\d{3}(?!\d))")
_SPACES = lazy(r"\s{2,}")
_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-", "–": "-", "‐": "-", "【": "[", "】": "]", "\u2044": "/"}
)

# A token is a number (with its sign and decimal point, a range or fraction whole: "2-3", "3/4"), a word (a sharp sign
# kept: C is not C#), one CJK character, or one symbol. Everything else separates.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = lazy(
    rf"(?<![\w)])-\d+(?:[.,]\d+)*(?![^\W_{_CJK}])|\d+(?:[.,:/-]\d+)+(?![^\W_{_CJK}])"
    r"|\d+(?:[.,]\d+)?(?=(?i:m?s|secs?|bpm|k?hz|db|min|k[gm]|[cm]m|years)\b)"
    rf"|[{_CJK}]"
    rf"|(?:(?![{_CJK}])[^\W_])+(?:'(?:(?![{_CJK}])[^\W\d_])+)*[#♯]?"
    rf"|[^\w\s.,;:!?\"'()\[\]{{}}*`~<>|\\/\-–—…。、《》「」【】·•]"
)


class Token(Struct, frozen=True, gc=False):
    """One token, case-folded, with its place in the text (character offsets)."""

    text: str
    start: int
    end: int


def normalise(text: str) -> str:
    """Unicode NFKC (full-width letters and punctuation become plain), straight quotes, no invisible characters."""
    if text.isascii():
        return text  # none of what follows is in ASCII
    text = _few_marks(text)
    text = _SUPERSCRIPT.sub(_power, _VULGAR.sub(_fraction, _THIN.sub(",", text)))
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_QUOTES)


def clean(text: str) -> str:
    """A text as options are looked for in it: normalised, its numbers in figures."""
    return in_figures(normalise(text))


def _fraction(sign: re.Match[str]) -> str:
    """A fraction sign as figures: 2½ is 2 1/2, not 21/2."""
    return ("" if sign[1] is None else " ") + unicodedata.normalize("NFKC", sign[2]).replace("\u2044", "/")


def _power(raised: re.Match[str]) -> str:
    """A power in superscript as the number that it is: 10² is 100, not 102; behind "x 10" and where long as 10^2."""
    exponent = unicodedata.normalize("NFKC", raised[3])
    value = None if raised[1] else int(raised[2]) ** int(exponent)
    return f"{raised[1] or ''}{raised[2]}^{exponent}" if value is None or value > 10**30 else str(value)


def _few_marks(text: str) -> str:
    """At most thirty combining marks in a row, as in Unicode's stream-safe text (UAX #15); more take NFKC for ever."""
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= 30:
            kept.append(char)
    return "".join(kept)


def squeeze(text: str) -> str:
    """Every run of white space short: one blank, or one or two newlines and the blank that indents the next line."""
    return _SPACES.sub(_squeezed, text)


def _squeezed(run: re.Match[str]) -> str:
    spaces = run.group()
    newlines = "\n" * min(spaces.count("\n"), 2)
    return newlines + (" " if not newlines or spaces[-1] != "\n" else "")


def readable(text: str) -> str | None:
    """What the rules read: the final answer, normalised, without long white space; None where there is none.

    Compatibility characters that NFKC spells out (up to eighteen characters for one) may not make a text much longer:
    such a response is a runaway generation and is not read.
    """
    answer = final_answer(text)
    if not answer:
        return None
    plain = normalise(answer)
    return squeeze(plain) if len(plain) <= 1000 + 1.5 * len(answer) else None


def final_answer(text: str) -> str | None:
    """The answer without its thought and without special tokens, or None when the thought never ended."""
    parts = separate(text)
    return _SPECIAL_TOKEN.sub(" ", parts.answer).strip() if parts.closed else None


def tokens(text: str) -> list[Token]:
    """The tokens of a normalised text."""
    return [Token(m.group().casefold(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
