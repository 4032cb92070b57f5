"""Numbers in text: words and Chinese numerals are rewritten as figures ("a hundred and five" is 105), then figures read.

`text2num` 3.1, `cn2an` 0.5 and `whisper-normalizer` read fewer of the forms here (no halves, dozens or trillions; no
fractions; "three fifty" guessed to be 350), so the rules are our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from audiobench.extraction.patterns import lazy, phrase, words

# ---- English: each small number on its own, then what is made of several ------------------------------------------
_ONES = "zero one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: n for n, word in enumerate(f"{_ONES} {_TEENS}".split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), 2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NTHS = "half third quarter fifth sixth seventh eighth ninth tenth"
_RARER_NTHS = {"halve": 2, "fourth": 4, "twelfth": 12, "twentieth": 20, "hundredth": 100, "thousandth": 1000}
_PARTS = {word: n for n, word in enumerate(_NTHS.split(), 2)} | _RARER_NTHS
_NO_NUMBER = words(
    "no any every some first second third last this that which each other the another next previous right wrong"
    " correct same final"
)
"""Words before a "one" that is no number ("no one", "the first one")."""
_ONE_WHO = phrase(r" (?:of|can|could|would|might|must|may|should|who|that|which|option|choice|answer)\b")
_NO_FACTOR = words("few several many some couple of a") | _SCALES.keys() | _PARTS.keys()
"""Words before a "hundred" that is no 100 ("several hundred", "five hundred thousand")."""

_SMALL_WORD, _SCALE, _PART = "|".join(_SMALL), "|".join([*_SCALES, "dozen"]), "|".join(_PARTS)
_N = r"(?<![\w.,/])(?P<n>\d{1,30}(?:,\d{3})*(?:\.\d{1,30})?)"
_SMALL_RUN = phrase(rf"(?<![\w.])(?:{_SMALL_WORD})(?:(?:\s?-\s?|\s)(?:{_SMALL_WORD}))*(?!\w)", re.ASCII)
_ORDINAL = phrase(rf"[ -](?:{'|'.join(part for part in _PARTS if part not in ('half', 'quarter'))})\b")
_FIRST_OR_SECOND = phrase(r"[ -](?:first|second)\b")
_COMPOUND = (*_SCALES, *_PARTS, "dozen", "point", "minus", "negative", "/")
_SPELLED_DECIMALS = phrase(rf"\b({_SMALL_WORD}|{_SCALE}|\d+)[ -]point((?:[ -](?:oh|{_ONES.replace(' ', '|')})\b)+)")
_BARE_SCALE = phrase(rf"\b(half )?a (?=(?:{_SCALE})\b)|(?<!\w)(?<!\d[ -])(?=(?:{'|'.join(_SCALES)})\b)")
_DECIMALS = phrase(rf"{_N}[ -]point[ -](\d+)\b")
_AND_A_PART = phrase(
    rf"{_N}(?: (?P<scale>{_SCALE}))? and (?:(?P<above>\d+)/(?P<below>\d+)\b|(?:an?|(?P<count>\d+))[ -](?P<part>{_PART})s?\b)"
)
_A_PART = phrase(rf"{_N}[ -](?P<part>{_PART})(?P<s>s?)\b")
_SCALED = {
    name: phrase(rf"{_N}[ -]{name}\b(?P<more>(?:[ -]and|,)?[ -](?P<m>\d+(?:\.\d+)?)(?![\d,]|[ -]{name}))?")
    for name in _SCALES
}
_DOZENS = phrase(rf"{_N}[ -]dozens?\b")
_NEGATIVE = phrase(r"(?<![\d)]\s)\b(?:minus|negative) (?=\d)")


def in_figures(text: str) -> str:
    """The text with every number word and Chinese numeral as figures; what makes no single number stays as it is.

    "two dozen eggs" is "24 eggs", "minus three and a half" is "-3.5"; "no one", "twenty-first", "several hundred" and
    "three fifty" stay.
    """
    text = text if text.isascii() else _chinese(text)
    words = text.casefold()
    compound = any(word in words for word in _COMPOUND)
    if "point" in words:
        text = _SPELLED_DECIMALS.sub(_spelled_decimals, text)
    text = _SMALL_RUN.sub(_small, text)
    if compound:
        text = _DECIMALS.sub(r"\g<n>.\2", _BARE_SCALE.sub(_bare_scale, text))
        text = _A_PART.sub(_part, _AND_A_PART.sub(_and_a_part, text))
        for name in [name for name in _SCALES if name in words]:
            text = _SCALED[name].sub(partial(_times, _SCALES[name]), text)
        text = _DOZENS.sub(lambda m: plain(12 * _number(m["n"])), text) if "dozen" in words else text
        text = _NEGATIVE.sub("-", text)
    return text


def _small(run: re.Match[str]) -> str:
    """The value of "seventy-nine"; "three fifty" and the "one" of "no one" stay."""
    said = re.split(r"[\s-]+", run[0].casefold())
    before = re.search(r"(\w+) (?:of |(?<=the )only )?$", run.string[max(0, run.start() - 24) : run.start()])
    context, last = before[1].casefold() if before else "", said[-1]
    if len({*said}) == 1 < len(said) and "-" not in run[0]:
        return " ".join(str(_SMALL[word]) for word in said)  # "eight eight"
    if (
        (len(said) > 1 and (_SMALL[said[0]] < 20 or not 0 < _SMALL[last] < 10 or len(said) > 2))
        or (said == ["one"] and (context in _NO_NUMBER or _ONE_WHO.match(run.string, run.end())))
        or (said == ["zero"] and context in ("below", "above"))
        or (said != ["one"] and _ORDINAL.match(run.string, run.end()))
        or (_SMALL[last] > 19 and _FIRST_OR_SECOND.match(run.string, run.end()))
    ):
        return run[0]
    return str(sum(_SMALL[word] for word in said))


def _spelled_decimals(match: re.Match[str]) -> str:
    """Decimals that are spelled: "three point one four" as "three.14"."""
    digits = re.split("[ -]", match[2].strip(" -").casefold())
    return f"{match[1]}.{''.join(str(_SMALL.get(digit, 0)) for digit in digits)}"


def _bare_scale(match: re.Match[str]) -> str:
    """What stands for the one of "a hundred" and "hundred", and for "half a"; nothing for "several hundred"."""
    before = match.string[max(0, match.start() - 20) : match.start()].casefold().split()
    return match[0] if before and before[-1] in _NO_FACTOR else "0.5 " if match[1] else "1 "


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _part(match: re.Match[str]) -> str:
    """The value of "2 thirds"; "20 fifth" stays."""
    value, part = _number(match["n"]), _PARTS[match["part"].casefold()]
    return plain(value / part) if value == 1 or match["s"] or part in (2, 4) else match[0]


def _and_a_part(match: re.Match[str]) -> str:
    """The value of "2 and a half" and "1 million and a half"."""
    part = Decimal(match["below"] or _PARTS[match["part"].casefold()])
    size = _SCALES[match["scale"].casefold()] if match["scale"] else 1
    added = Decimal(match["above"] or match["count"] or 1)
    return plain(size * (_number(match["n"]) + added / part)) if part else match[0]


def _times(size: int, match: re.Match[str]) -> str:
    """The value of "2 thousand and 5"."""
    value, more = _number(match["n"]) * size, Decimal(match["m"] or 0)
    return plain(value + more) if more < size else plain(value) + match["more"]


# ---- Chinese -----------------------------------------------------------------------------------------------------
_NUMERAL = "零〇一壹二贰貳两兩三叁參四肆五伍六陆陸七柒八捌九玖拾佰仟萬億點十百千万亿点"
_PLAIN = {ord("廿"): "2十", ord("卅"): "3十"} | str.maketrans(
    _NUMERAL, "0011222223334455666778899十百千万亿.十百千万亿."
)
_HIGH = {"亿": 10**8, "万": 10**4, "千": 1000, "百": 100, "十": 10}
_IN_WORDS = r"[统唯同万]一|一(?=[共起样定些直般下旦边切致])|第[零一二三四五六七八九十百千]{1,8}|十分(?!之)|三明治|(?<!分)之一|零[下上]"
_NUMERALS = lazy(rf"({_IN_WORDS})|(?:\d[\d.]*\s?(?=[百千万亿萬億])|(?<![\d.]))[廿卅{_NUMERAL}]+(?:\d[千百])?")
_FIG = r"\d{1,30}(?:\.\d{1,30})?"
_COMPOSED = lazy(
    rf"(?<![\d.])(?P<n>{_FIG})(?:分之(?P<above>{_FIG})|[元块塊](?P<jiao>\d)(?:[角毛]|(?!\w))"
    r"|(?P<unit>[個个年天块塊小时時]{1,3})?半(?!径|径|夜|途|数|导))"
)


def _chinese(text: str) -> str:
    return _COMPOSED.sub(_composed, _NUMERALS.sub(_numeral, text.replace("百分之", "")))


def _composed(match: re.Match[str]) -> str:
    """The value of 3分之1, 5块5, 2个半 and 1半; 10半 as it is."""
    value = Decimal(match["n"])
    if match["above"]:
        return plain(Decimal(match["above"]) / value) if value else match[0]
    if match["jiao"]:
        return plain(value + Decimal(match["jiao"]) / 10)
    if match["unit"]:
        return plain(value + Decimal("0.5"))
    return "0.5" if match["n"] == "1" else match[0]


def _numeral(match: re.Match[str]) -> str:
    """二十五 as 25, 5万2千 as 52000; 一起 as it is."""
    value = None if match[1] else parse_chinese(match[0])
    return match[0] if value is None else plain(value)


def parse_chinese(numeral: str) -> Decimal | None:
    """The value of a Chinese numeral (二十五 is 25, 三点五 is 3.5, 二零二六 is 2026, 5万2千 is 52000), or None."""
    return _high_and_low(numeral.translate(_PLAIN).replace(" ", "")) if len(numeral) <= 40 else None


def _high_and_low(text: str) -> Decimal | None:
    mark = next((mark for mark in _HIGH if mark in text), None)
    if mark is None:
        return Decimal(text) if re.fullmatch(r"\d+(?:\.\d+)?", text) else None
    high, _, low = text.partition(mark)
    upper = Decimal(1) if not high and mark not in "万亿" else _high_and_low(high)
    lower = Decimal(0) if not low else _high_and_low(low)
    if upper is None or lower is None:
        return None
    return (upper + lower / 10 if len(low) == 1 and low.isdigit() else upper) * _HIGH[mark] + (
        lower if len(low) != 1 else 0
    )


# ---- figures -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Figure:
    """A number with its place in the text (character offsets)."""

    start: int
    end: int
    value: Decimal | None
    """None for a date, a time, a ratio or a version, and where the text does not state the value ("at least 3")."""
    weak: bool = False
    """An ordinal or a date: counts only where nothing else does."""
    result: bool = False
    """Stands behind the "=" of a calculation."""


_GROUPED = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 9,500.25
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"  # 12,34,567
    r"|\d{1,3}(?:'\d{3})+(?:[.,]\d+)?"  # 1'000
    r"|[1-9]\d{0,2}(?: \d{3}){1,6}(?:[.,]\d+)?(?![-/:]?\w| \d)"  # 1 000 000
    r"|\d{1,3}(?:(?:\.\d{3})+,\d{1,20}|(?:\.\d{3}){2,})"  # 1.234,5 and 1.234.567
    r"|(?<![(\[{,])(?:0,\d{1,20}|\d{1,20},\d{1,2})(?![,.]?\d)"  # 3,5
)
_FIGURES = phrase(
    r"(?P<other>(?<![a-z\d_.])(?!\d{1,3}(?:\.\d{3})+(?![\d.]\d?))\d{1,4}(?:([/-])\d{1,2}\2\d{1,4}|:\d{1,2}(?::\d\d)?|(?:\.\d+){2,})(?![\d/]))"
    r"|(?P<ordinal>(?<![a-z\d_.])\d{1,9}(?:st|nd|rd|th)\b|^[ ]?\d{1,2}[.)](?= [^\W\d]))"
    r"|(?<![a-zà-ɏ\d_.])(?P<sign>[-+](?:\s?[$€£¥])?|(?<==)- (?=\d)|(?<== )- (?=\d)|(?:零下|[负負])(?=\d))?"
    rf"(?:(?P<mixed>\d{{1,9}})[ -](?=\d{{1,9}}/\d)(?!\d+/\d+/))?(?P<number>{_GROUPED}|\d+(?:\.\d+)?|\.\d+)(?!\d)"
    r"(?:/(?P<below>\d+(?:\.\d+)?)|(?P<power>e[-+]?\d{1,2}\b|\s?[x×*]\s?10\s?\^\s?\{?[-+]?\d{1,2}\b\}?))?",
    re.MULTILINE,
)


def find_numbers(text: str) -> list[Decimal]:
    """Every number of the text in order: digits with thousands separators, fractions, number words, Chinese."""
    return [one.value for one in figures(in_figures(text)) if one.value is not None and not one.weak]


def figures(text: str) -> Iterator[Figure]:
    """Every number of a text that is written in figures, in order."""
    for match in _FIGURES.finditer(text):
        if match["other"]:
            yield Figure(*match.span(), None, weak=True)
        elif match["ordinal"]:
            yield Figure(*match.span(), Decimal("".join(filter(str.isdigit, match[0]))), weak=True)
        elif (value := _value(match)) is not None:
            yield Figure(*match.span(), value)


def _value(match: re.Match[str]) -> Decimal | None:
    try:
        value = Decimal(_pointed(match["number"])) / Decimal(match["below"] or 1) + Decimal(match["mixed"] or 0)
        if match["power"]:
            value = value.scaleb(int(re.sub(r".*(?:\^\s?\{?|e)", "", match["power"].casefold()).rstrip("}")))
        return -value if (match["sign"] or "+")[0] != "+" else value
    except (InvalidOperation, ZeroDivisionError):
        return None


def _pointed(number: str) -> str:
    """Figures with a decimal point and nothing between thousands: the last mark is the point where it can be one."""
    number = number.replace("'", "").replace(" ", "")
    comma, point = number.count(","), number.count(".")
    thousands = not point and re.fullmatch(r"[1-9]\d{0,2},\d{3}", number)
    if comma == 1 and not thousands and number.rfind(".") < number.find(","):
        return number.replace(".", "").replace(",", ".")
    return number.replace(".", "").replace(",", "") if point > 1 else number.replace(",", "")


def plain(value: Decimal) -> str:
    """A number as text without exponent and trailing zeros ("16", "0.75", "-3.5")."""
    text = format(value.normalize() if value else Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
