"""Numbers in text: digits, English number words, Chinese numerals, and what they are written with.

`text2num` 3.1 and `cn2an` 0.5 read fewer of the forms here (no halves, dozens, trillions or bare small numbers; no
fractions, an error for any other character) and say nothing about where a number stands, so the grammar is our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from audiobench.extraction.chinese import chinese_spans, parse_chinese

__all__ = [
    "NUMBER_WORDS",
    "PRONOUN_BEFORE",
    "Span",
    "find_numbers",
    "fold_number_words",
    "number_spans",
    "parse_chinese",
    "plain",
]

_UNIT_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TEN_WORDS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = {word: value for value, word in enumerate(_UNIT_WORDS)}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_WORDS, start=2)}
_SCALES = {"thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4, "fifth": 5,
    "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8, "ninth": 9,
    "ninths": 9, "tenth": 10, "tenths": 10, "twelfth": 12, "twelfths": 12, "twentieth": 20, "twentieths": 20,
    "hundredth": 100, "hundredths": 100, "thousandth": 1000, "thousandths": 1000,
}  # fmt: skip
NUMBER_WORDS = _UNITS.keys() | _TENS.keys()
"""Words that a number can begin with."""
PRONOUN_BEFORE = frozenset((
    "no", "any", "every", "some", "first", "second", "third", "last", "this", "that", "which", "each",
    "other", "only", "the",
))  # fmt: skip
"""Words before a "one" that is no number ("no one", "the first one")."""


def fold_number_words(words: Sequence[str]) -> list[tuple[str, int, int]]:
    """(text, first, last) of each word, runs of English number words folded into one decimal number.

    `["twenty", "two", "dogs"]` gives `[("22", 0, 1), ("dogs", 2, 2)]`. A run that is no single number ("one two
    three") stays as separate numbers.
    """
    out: list[tuple[str, int, int]] = []
    i = 0
    while i < len(words):
        value, used = _read_number(words, i) if words[i] in NUMBER_WORDS else (0, 0)
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
    smallest = 10**13
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


@dataclass(frozen=True, slots=True)
class Span:
    """A number with its place in the text (character offsets)."""

    start: int
    end: int
    value: Decimal | None
    """None for what is written in figures and is no number: a date, a time, a ratio, a version."""
    weak: bool = False
    """An ordinal, a date, a bare "half": counts only where nothing else does."""
    spelled: bool = False
    """In words; of words side by side that make no number ("three fifty") the value is None."""


_GROUPED = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 9,500.25
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"  # 12,34,567
    r"|\d{1,3}(?:'\d{3})+(?:[.,]\d+)?"  # 1'000
    r"|[1-9]\d{0,2}(?: \d{3}){1,6}(?:[.,]\d+)?(?![-/:]?\w| \d)"  # 1 000 000
    r"|\d{1,3}(?:(?:\.\d{3})+,\d{1,20}|(?:\.\d{3}){2,})"  # 1.234,5 and 1.234.567
    r"|(?<![(\[{,])(?:0,\d{1,20}|\d{1,20},\d{1,2})(?![,.]?\d)"  # 3,5
)
_FIGURES = re.compile(
    r"(?P<other>(?<![a-z\d_.])(?!\d{1,3}(?:\.\d{3})+(?![\d.]\d?))\d{1,4}(?:([/-])\d{1,2}\2\d{1,4}|:\d{1,2}(?::\d\d)?|(?:\.\d+){2,})(?![\d/]))"
    r"|(?P<ordinal>(?<![a-z\d_.])\d{1,9}(?:st|nd|rd|th)\b|^[ ]?\d{1,2}[.)](?= [^\W\d]))"
    r"|(?<![a-zà-ɏ\d_.])(?P<sign>[-+](?:\s?[$€£¥])?|(?<==)- (?=\d)|(?<== )- (?=\d)|(?:零下|[负負])(?=\d))?"
    rf"(?:(?P<mixed>\d{{1,9}})[ -](?=\d{{1,9}}/\d)(?!\d+/\d+/))?(?P<number>{_GROUPED}|\d+(?:\.\d+)?|\.\d+)(?!\d)"
    r"(?:/(?P<below>\d+(?:\.\d+)?)|(?P<power>e[-+]?\d{1,2}\b|\s?[x×*]\s?10\s?\^\s?\{?[-+]?\d{1,2}\b\}?))?",
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(
    r"\b(?:"
    + "|".join(
        [*_UNITS, *_TENS, "hundred", *_SCALES, *_PARTS, "dozens?", "a", "and", "point", "oh", "minus", "negative"]
    )
    + r")\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r"\s?-?\s?")
_MORE_PRONOUNS = frozenset(("another", "next", "previous", "right", "wrong", "correct", "same", "final"))
_VAGUE = frozenset(("few", "several", "many", "some", "couple"))
_LARGE = {"hundred": 100, **_SCALES}
_TIMES = {**_LARGE, "dozen": 12, "dozens": 12}

_Item = tuple[int, int, "str | Decimal"]
"""(start, end, number word or the value of figures)."""


def find_numbers(text: str) -> list[Decimal]:
    """Every number of the text in order: digits with thousands separators, fractions, number words, Chinese."""
    return [span.value for span in number_spans(text) if span.value is not None and not span.weak]


def number_spans(text: str) -> list[Span]:
    """Every number of the text, in order."""
    spans: list[Span] = []
    figures: list[_Item] = []
    taken: set[int] = set()
    for start, end, value in chinese_spans(text):
        taken.update(range(start, end))
        if value is not None:
            spans.append(Span(start, end, value))
    for match in _FIGURES.finditer(text):
        if match.start() in taken or match.end() - 1 in taken:
            continue
        taken.update(range(*match.span()))
        value = _figures(match)
        if match["other"]:
            spans.append(Span(*match.span(), None, weak=True))
        elif match["ordinal"]:
            spans.append(Span(*match.span(), Decimal("".join(filter(str.isdigit, match[0]))), weak=True))
        elif value is not None:
            figures.append((*match.span(), value))
    words: list[_Item] = [(*m.span(), m[0].casefold()) for m in _WORD.finditer(text) if m.start() not in taken]
    for run in _runs(text, sorted([*figures, *words], key=lambda item: item[0])):
        spans += _read_run(text, run)
    return sorted(spans, key=lambda span: span.start)


def _figures(match: re.Match[str]) -> Decimal | None:
    try:
        value = Decimal(_pointed(match["number"] or ""))
        if match["below"]:
            value /= Decimal(match["below"])
        value += Decimal(match["mixed"] or 0)
        if match["power"]:
            value = value.scaleb(int(re.sub(r".*(?:\^\s?\{?|e)", "", match["power"].casefold()).rstrip("}")))
        return -value if (match["sign"] or "+")[0] != "+" else value
    except (InvalidOperation, ZeroDivisionError):
        return None


def _pointed(figures: str) -> str:
    """Figures with a decimal point and nothing between thousands: the last mark is the point where it can be one."""
    figures = figures.replace("'", "").replace(" ", "")
    comma, point = figures.count(","), figures.count(".")
    if (
        comma == 1
        and (point or not re.fullmatch(r"[1-9]\d{0,2},\d{3}", figures))
        and figures.rfind(".") < figures.find(",")
    ):
        return figures.replace(".", "").replace(",", ".")
    return figures.replace(".", "").replace(",", "") if point > 1 else figures.replace(",", "")


def _runs(text: str, items: list[_Item]) -> Iterator[list[_Item]]:
    """Items that nothing but a blank or a hyphen separates (behind a scale word also a comma)."""
    run: list[_Item] = []
    for item in items:
        if run:
            gap, last = text[run[-1][1] : item[0]], run[-1][2]
            scaled = last in _LARGE and item[2] in (_UNITS.keys() | _TENS.keys()) and gap == ", "
            if not (gap and len(gap) <= 3 and _JOINT.fullmatch(gap)) and not scaled:
                yield run
                run = []
        run.append(item)
    if run:
        yield run


def _read_run(text: str, run: list[_Item]) -> list[Span]:
    words = [item[2] for item in run]
    spans: list[Span] = []
    i = 0
    while i < len(run):
        adjoining = bool(spans) and spans[-1].end == run[i - 1][1]
        signed = words[i] in ("minus", "negative")
        if signed and adjoining:  # "twelve minus seven"
            i += 1
            continue
        first = i + signed
        value, weak, after = _amount(words[first : first + 24])
        if not after:
            i += 1
            continue
        i, first = first + after, i
        before = re.search(r"(\w+) (?:of )?$", text[max(0, run[first][0] - 24) : run[first][0]])
        word = before[1].casefold() if before else ""
        if words[first] == "one" and after == 1 and (word in PRONOUN_BEFORE or word in _MORE_PRONOUNS):
            continue
        if words[first] == "zero" and word in ("below", "above"):
            continue
        if words[first] in _LARGE and word in _VAGUE:
            value = None
        if (
            re.match(r"[- ](?:first|second)\b", text[run[i - 1][1] : run[i - 1][1] + 8], re.IGNORECASE)
            and words[i - 1] in _TENS
        ):
            value, weak = None, True  # "twenty-first"
        if adjoining and isinstance(words[first], str) and spans[-1].spelled:  # "three fifty", "one two three"
            spans[-1] = Span(spans[-1].start, run[i - 1][1], None, spelled=True)
            continue
        spans.append(
            Span(
                run[first][0],
                run[i - 1][1],
                -value if signed and value is not None else value,
                weak,
                isinstance(words[first], str),
            )
        )
    return spans


def _amount(words: list[str | Decimal]) -> tuple[Decimal | None, bool, int]:
    """(value, whether it is weak, how many words it takes) of the number that begins a list of words; 0: none."""
    value, i = _cardinal(words)
    if not i:
        return _bare_part(words)
    value, i = _with_point(words, value, i)
    if words[i : i + 1] == ["and"]:
        value, i = _with_part(words, value, i)
    elif i < len(words) and (part := _PARTS.get(str(words[i]))):
        if value != 1 and not str(words[i]).endswith("s") and part not in (2, 4):
            return None, True, i + 1  # "twenty fifth"
        return value / part, False, i + 1
    while i < len(words) and (times := _TIMES.get(str(words[i]))):
        value, i = value * times, i + 1
    return value, False, i


def _cardinal(words: list[str | Decimal]) -> tuple[Decimal, int]:
    if not words:
        return Decimal(0), 0
    if isinstance(words[0], Decimal):
        return words[0], 1
    if words[:2] == ["half", "a"] and words[2:] and (times := _TIMES.get(str(words[2]))):
        return Decimal(times) / 2, 3
    article = words[0] == "a" and str(words[1:2] and words[1]) in _TIMES
    if article and words[1] == "dozen":
        return Decimal(12), 2
    bare = words[0] in _LARGE
    spelled = ["one", *map(str, words[article:])] if article or bare else list(map(str, words))
    value, used = _read_number(spelled, 0)
    return Decimal(value), used - bare if used else 0


def _with_point(words: list[str | Decimal], value: Decimal, i: int) -> tuple[Decimal, int]:
    """The value with the decimals that are spelled behind it ("point one four", "point fourteen", "point 14")."""
    if words[i : i + 1] != ["point"] or value != value.to_integral_value():
        return value, i
    digits, j = "", i + 1
    while j < len(words) and (words[j] == "oh" or _UNITS.get(str(words[j]), 10) < 10):
        digits += str(_UNITS.get(str(words[j]), 0))
        j += 1
    if not digits and j < len(words):
        number, used = _cardinal(words[j:])
        digits, j = (str(number), j + used) if used and number == number.to_integral_value() else ("", j)
    return (Decimal(f"{value.to_integral_value()}.{digits}"), j) if digits.isdigit() else (value, i)


def _with_part(words: list[str | Decimal], value: Decimal, i: int) -> tuple[Decimal, int]:
    """The value and "and a half", "and three quarters"."""
    j = i + 1 + (words[i + 1 : i + 2] == ["a"])
    count, used = _cardinal(words[j:])
    if used and words[j] == count and 0 < count < 1:  # "2 and 1/2"
        return value + count, j + used
    part = _PARTS.get(str(words[j + used])) if j + used < len(words) else None
    if part is None or words[j] in _LARGE:
        return value, i
    unit = _SCALES.get(str(words[i - 1]), 1)  # "a million and a half"
    return value + unit * (count if used else 1) / Decimal(part), j + used + 1


def _bare_part(words: list[str | Decimal]) -> tuple[Decimal | None, bool, int]:
    """Half, a half, a quarter: weak, since prose says so of other things."""
    article = words[:1] == ["a"]
    part = _PARTS.get(str(words[article])) if len(words) > article else None
    if part is None or not (part == 2 or (article and part == 4)):
        return None, True, 0
    return Decimal(1) / part, True, 1 + article


def plain(value: Decimal) -> str:
    """A number as text without exponent and trailing zeros ("16", "0.75", "-3.5")."""
    text = format(value.normalize() if value else Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
