"""Numbers in text: digits, English number words, Chinese numerals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

_UNIT_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TEN_WORDS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = {word: value for value, word in enumerate(_UNIT_WORDS)}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_WORDS, start=2)}
_SCALES = {"thousand": 1000, "million": 10**6, "billion": 10**9}
PRONOUN_BEFORE = frozenset((
    "no", "any", "every", "some", "first", "second", "third", "last", "this", "that", "which", "each",
    "other", "only", "the",
))  # fmt: skip
"""Words before a "one" that is no number ("no one", "the first one")."""
_ZH_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_ZH_SCALES = {"十": 10, "百": 100, "千": 1000}
_LONGEST_NUMERAL = 40
"""Characters; a longer run of Chinese numerals is no number."""
_ZH_NUMBER = "零〇一二两兩三四五六七八九十百千万亿点"


def fold_number_words(words: Sequence[str]) -> list[tuple[str, int, int]]:
    """(text, first, last) of each word, runs of English number words folded into one decimal number.

    `["twenty", "two", "dogs"]` gives `[("22", 0, 1), ("dogs", 2, 2)]`. A run that is no single number ("one two
    three") stays as separate numbers.
    """
    out: list[tuple[str, int, int]] = []
    i = 0
    while i < len(words):
        value, used = _read_number(words, i)
        if used:
            out.append((str(value), i, i + used - 1))
            i += used
        else:
            out.append((words[i], i, i))
            i += 1
    return out


def _read_number(words: Sequence[str], start: int) -> tuple[int, int]:
    """The number that begins at `start` and how many words it takes (0: none)."""
    total = current = 0
    used = 0
    smallest = 10**12
    last = ""
    i = start
    while i < len(words):
        word = words[i]
        if word in _UNITS and last in ("", "ten", "hundred", "scale"):
            if last == "ten" and _UNITS[word] in (0, *range(10, 20)):
                break
            current += _UNITS[word]
            last = "unit"
        elif word in _TENS and last in ("", "hundred", "scale"):
            current += _TENS[word]
            last = "ten"
        elif word == "hundred" and last in ("unit", "ten") and current < 100:
            current *= 100
            last = "hundred"
        elif word in _SCALES and last in ("unit", "ten", "hundred") and _SCALES[word] < smallest:
            smallest = _SCALES[word]
            total += current * smallest
            current = 0
            last = "scale"
        elif word == "and" and last in ("hundred", "scale") and _continues(words, i + 1):
            i += 1
            continue
        else:
            break
        i += 1
        used = i - start
    return total + current, used


def _continues(words: Sequence[str], i: int) -> bool:
    return i < len(words) and (words[i] in _UNITS or words[i] in _TENS)


def parse_chinese(numeral: str) -> Decimal | None:
    """The value of a Chinese numeral ("二十五" is 25, "三点五" is 3.5, "二零二六" is 2026), or None."""
    if not 0 < len(numeral) <= _LONGEST_NUMERAL or any(c not in _ZH_NUMBER for c in numeral):
        return None
    whole, _, fraction = numeral.partition("点")
    if "点" in numeral and (not fraction or any(c not in _ZH_DIGITS for c in fraction)):
        return None
    value = _chinese_integer(whole)
    if value is None:
        return None
    if not fraction:
        return Decimal(value)
    return Decimal(f"{value}." + "".join(str(_ZH_DIGITS[c]) for c in fraction))


def _chinese_integer(text: str) -> int | None:
    if not text:
        return None
    if all(c in _ZH_DIGITS for c in text):
        return int("".join(str(_ZH_DIGITS[c]) for c in text))
    for mark, size in (("亿", 10**8), ("万", 10**4)):
        if mark in text:
            high, _, low = text.partition(mark)
            upper, lower = _chinese_integer(high), _chinese_integer(low.lstrip("零〇")) if low else 0
            return None if upper is None or lower is None else upper * size + lower
    total = digit = 0
    for position, char in enumerate(text):
        if char in _ZH_DIGITS:
            digit = _ZH_DIGITS[char]
        else:
            total += (digit or (1 if position == 0 else 0)) * _ZH_SCALES[char]
            digit = 0
    return total + digit


_DIGITS = re.compile(
    r"(?<![\w.])[-+]?\d+ \d+/\d+|(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+|[eE][-+]?\d{1,2}\b)?"
    r"|(?<![\w.])[-+]?\.\d+"
)
_CHINESE = re.compile(rf"负?[{_ZH_NUMBER}]+")
_WORD = re.compile(r"[a-z]+")


def find_numbers(text: str) -> list[Decimal]:
    """Every number of the text in order: digits with thousands separators, fractions, number words, Chinese."""
    return [value for _, _, value in number_spans(text)]


def number_spans(text: str) -> list[tuple[int, int, Decimal]]:
    """(start, end, value) of every number of the text, in order."""
    spans: list[tuple[int, int, Decimal]] = []
    for match in _DIGITS.finditer(text):
        value = _decimal(match.group())
        if value is not None:
            spans.append((match.start(), match.end(), value))
    taken = {i for start, end, _ in spans for i in range(start, end)}
    words = list(_WORD.finditer(text.casefold()))
    for value, first, last in fold_number_words([w.group() for w in words]):
        if value.isdigit() and not (value == "1" and first and words[first - 1].group() in PRONOUN_BEFORE):
            start = words[first].start()
            sign = -1 if re.search(r"\b(?:minus|negative)\s+$", text[max(0, start - 12) : start], re.IGNORECASE) else 1
            number, end = Decimal(value) * sign, words[last].end()
            point = last + 1
            if point < len(words) and words[point].group() == "point":
                digits = ""
                while (
                    point + 1 < len(words)
                    and words[point + 1].group() in _UNITS
                    and _UNITS[words[point + 1].group()] < 10
                ):
                    point += 1
                    digits += str(_UNITS[words[point].group()])
                    end = words[point].end()
                if digits:
                    number = Decimal(f"{value}.{digits}") * sign
            if start not in taken:
                spans.append((start, end, number))
                taken.update(range(start, end))
    for match in _CHINESE.finditer(text):
        value = parse_chinese(match.group().lstrip("负"))
        if value is not None:
            spans.append((match.start(), match.end(), -value if match.group().startswith("负") else value))
    return sorted(spans, key=lambda s: s[0])


def _decimal(text: str) -> Decimal | None:
    try:
        whole, _, fraction = text.replace(",", "").rpartition(" ")
        numerator, slash, denominator = fraction.partition("/")
        if not slash:
            return Decimal(numerator)
        value = Decimal(numerator) / Decimal(denominator)
        return (abs(Decimal(whole)) + value).copy_sign(Decimal(whole)) if whole else value
    except (InvalidOperation, ZeroDivisionError):
        return None


def plain(value: Decimal) -> str:
    """A number as text without exponent and trailing zeros ("16", "0.75", "-3.5")."""
    text = format(value.normalize() if value else Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
