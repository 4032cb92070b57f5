"""Numbers in text: words and Chinese numerals are written as figures first ("a hundred and five" is 105), then read.

`text2num` 3.1, `cn2an` 0.5 and `whisper-normalizer` read fewer of the forms here (no halves, dozens or trillions; no
fractions; "three fifty" guessed to be 350), so the grammar is our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import reduce

from audiobench.extraction.patterns import lazy

# ---- English -----------------------------------------------------------------------------------------------------
_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"  # fmt: skip
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_TIMES = {**_LARGE, "dozen": 12, "dozens": 12}
_SMALL = {word: n for n, word in enumerate(_UNITS.split())} | {w: 10 * n for n, w in enumerate(_TENS.split(), 2)}
_NTHS = ["half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_NTH = {word: n for n, word in enumerate(_NTHS, 2)} | {"fourth": 4, "twelfth": 12, "twentieth": 20, "hundredth": 100, "thousandth": 1000}  # fmt: skip
_PARTS = {"halves": 2} | {word + plural: n for word, n in _NTH.items() for plural in ("", "s")}
_NO_NUMBER = frozenset(
    [
        "no",
        "any",
        "every",
        "some",
        "first",
        "second",
        "third",
        "last",
        "this",
        "that",
        "which",
        "each",
        "other",
        "only",
        "the",
        "another",
        "next",
        "previous",
        "right",
        "wrong",
        "correct",
        "same",
        "final",
    ]
)
"""Words before a "one" that is no number ("no one", "the first one")."""
_ONE_WHO = re.compile(
    r" (?:of|can|could|would|might|must|may|should|who|that|which|option|choice|answer)\b", re.IGNORECASE
)
_VAGUE = frozenset(("few", "several", "many", "some", "couple"))

_START = "|".join((*_SMALL, *_LARGE, "half", "minus", "negative", rf"a(?=\s(?:{'|'.join(_TIMES)})\b)"))
_WORD = "|".join((*_SMALL, *_TIMES, *_PARTS, "a", "and", "point", "oh", "minus", "negative"))
_FIGURE = r"(?<![\w.,/:^-])\d{1,30}(?:,\d{3})*(?:[./]\d{1,30})?(?![\d/]|[.,]\d)"
_ITEM = lazy(rf"(?ai)\b(?:{_WORD})\b|{_FIGURE}")
_RUN = lazy(
    rf"(?ai)(?:\b(?:{_START})\b|{_FIGURE}(?=[ -](?:and|dozen|point|half|[hmbt]\w+(?:red|and|ion))\b))"
    rf"(?:(?:\s?-\s?|\s|(?<=ed|nd|on),\s(?!and|a\b))(?:\b(?:{_WORD})\b|{_FIGURE}))*"
)
_Word = str | Decimal


def in_figures(text: str) -> str:
    """The text with every number word and Chinese numeral as figures; what makes no single number stays as it is.

    "two dozen eggs" is "24 eggs", "minus three and a half" is "-3.5"; "no one", "twenty-first", "several hundred" and
    "three fifty" stay.
    """
    return _RUN.sub(_figures_of_run, text if text.isascii() else _chinese(text))


def _figures_of_run(run: re.Match[str]) -> str:
    items = [*_ITEM.finditer(run[0])]
    words: list[_Word] = [_figure_value(item[0]) or item[0].casefold() for item in items]
    before = re.search(r"(\w+) (?:of )?$", run.string[max(0, run.start() - 24) : run.start()])
    written, done, i, last, latest = "", 0, 0, -1, None
    while i < len(words):
        signed = words[i] in ("minus", "negative")
        value, used = _amount(words[i + signed : i + 25])
        if not used or (signed and i == last):  # "twelve minus seven"
            i += 1
            continue
        if i == last and value != latest:
            return run[0]  # "three fifty", "one two three"
        begin, i, last, latest = i, i + signed + used, i + signed + used, value
        after = run.string[run.start() + items[i - 1].end() :][:9]
        context = before[1].casefold() if before and begin == 0 else ""
        if (
            value is None
            or (used == 1 and not signed and isinstance(words[i - 1], Decimal))
            or (words[begin:i] == ["one"] and (context in _NO_NUMBER or _ONE_WHO.match(after)))
            or (words[begin] == "zero" and context in ("below", "above"))
            or (words[begin] in _LARGE and context in _VAGUE)
            or (words[i - 1] in _TENS.split() and re.match("(?i)[- ](?:first|second)\\b", after))
        ):
            continue
        written += run[0][done : items[begin].start()] + plain(-value if signed else value)
        done = items[i - 1].end()
    return written + run[0][done:]


def _figure_value(item: str) -> Decimal | None:
    if not item[0].isdigit():
        return None
    above, _, below = item.replace(",", "").partition("/")
    return Decimal(above) / (Decimal(below or 1) or 1)


def _amount(words: Sequence[_Word]) -> tuple[Decimal | None, int]:
    """(value, how many words it takes) of the number that begins a list of words; None for an ordinal, 0: no number."""
    if words[:2] == ["half", "a"] and words[2:] and words[2] in _TIMES:
        return Decimal(_TIMES[str(words[2])]) / 2, 3
    value, i = _cardinal(words)
    following = words[i] if i < len(words) else ""
    if not i:
        return None, 0
    if following == "point" and value == int(value):
        value, i = _with_decimals(words, value, i)
    elif following == "and":
        value, i = _with_part(words, value, i)
    elif part := _PARTS.get(str(following)):
        fraction = value == 1 or part in (2, 4) or str(following).endswith("s")
        return (value / part if fraction else None), i + 1  # "twenty fifth"
    while i < len(words) and words[i] in _TIMES:
        value, i = value * _TIMES[str(words[i])], i + 1
    return value, i


def _cardinal(words: Sequence[_Word]) -> tuple[Decimal, int]:
    """A whole number in words, or figures as they are: (value, how many words)."""
    if not words or isinstance(words[0], Decimal):
        return Decimal(words[0]) if words else Decimal(0), len(words[:1])
    total, current, room, smallest, used = 0, 0, 100, 10**13, 0
    if words[0] == "a" and words[1:] and words[1] in _TIMES:
        if str(words[1]).startswith("dozen"):
            return Decimal(12), 2
        current, used = 1, 1
    elif words[0] in _LARGE:
        current = 1
    for i, word in enumerate(words[used:], used):
        if word == "and" and room in (99, 999) and i + 1 < len(words) and words[i + 1] in _SMALL:
            continue
        small, large = _SMALL.get(str(word)), _LARGE.get(str(word), 0)
        if small is not None and (small < room if small else not (used or total)):
            current, room = current + small, 10 if small > 19 else 0
        elif large == 100 and 0 < current < 100:
            current, room = 100 * current, 99
        elif 100 < large < smallest and current:
            total, current, room, smallest = total + current * large, 0, 999, large
        else:
            break
        used = i + 1
    return Decimal(total + current), used


def _with_decimals(words: Sequence[_Word], value: Decimal, i: int) -> tuple[Decimal, int]:
    """The value with the decimals that are spelled behind it ("point one four", "point fourteen", "point 14")."""
    digits, j = "", i + 1
    while j < len(words) and (words[j] == "oh" or _SMALL.get(str(words[j]), 10) < 10):
        digits, j = digits + str(_SMALL.get(str(words[j]), 0)), j + 1
    if not digits:
        number, used = _cardinal(words[j:])
        digits, j = (str(number) if used else ""), j + used
    return (Decimal(f"{int(value)}.{digits}"), j) if digits.isdigit() else (value, i)


def _with_part(words: Sequence[_Word], value: Decimal, i: int) -> tuple[Decimal, int]:
    """The value and "and a half", "and three quarters", "and 1/2"."""
    j = i + 1 + (words[i + 1 : i + 2] == ["a"])
    count, used = _cardinal(words[j:])
    if used and words[j] == count and 0 < count < 1:
        return value + count, j + used
    part = _PARTS.get(str(words[j + used])) if j + used < len(words) else None
    if part is None or words[j] in _LARGE:
        return value, i
    unit = _LARGE.get(str(words[i - 1]), 1)  # "a million and a half"
    return value + Decimal(unit * (count if used else 1)) / part, j + used + 1


# ---- Chinese -----------------------------------------------------------------------------------------------------
_FORMS = {ord("廿"): "二十", ord("卅"): "三十"} | str.maketrans(
    "壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬億點两兩〇", "一二二三三四五六六七八九十百千万亿点二二零"
)
_DIGITS = {char: n for n, char in enumerate("零一二三四五六七八九")}
_SCALES = {"亿": 10**8, "万": 10**4, "千": 1000, "百": 100, "十": 10}
_NUMERAL = "廿卅零〇一二两兩三四五六七八九十百千万亿点壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬億點"
_IN_WORDS = r"[统唯同万]一|一(?=[共起样定些直般下旦边切致])|第[零一二三四五六七八九十百千]{1,8}|十分(?!之)|三明治|(?<!分)之一|零[下上]"
_NUMERALS = lazy(rf"({_IN_WORDS})|(\d[\d.]*\s?)?([{_NUMERAL}]+)(?:(\d)([千百]))?")
_FIG = r"(?<![\d.])(\d{1,30}(?:\.\d{1,30})?)"
_COMPOSED = (
    (lazy(rf"{_FIG}分之{_FIG}"), lambda below, above: above / below if below else None),
    (lazy(rf"{_FIG}[元块塊](\d)(?:[角毛]|(?!\w))"), lambda yuan, jiao: yuan + jiao / 10),
    (lazy(r"(?<![\d.])(1)半(?!径|径|夜|途|数|导)"), lambda one: one / 2),
    (lazy(rf"{_FIG}[个個年天块塊小时時]{{1,3}}半(?!径|夜|途|数|导)"), lambda whole: whole + Decimal("0.5")),
)


def _chinese(text: str) -> str:
    text = _NUMERALS.sub(_numeral, text.replace("百分之", ""))
    for pattern, value in _COMPOSED:
        text = pattern.sub(lambda m, v=value: m[0] if (x := v(*map(Decimal, m.groups()))) is None else plain(x), text)
    return text


def _numeral(match: re.Match[str]) -> str:
    """二十五 as 25, 5万2千 as 52000; 一起 as it is."""
    word, figure, numeral, more, scale = match.groups()
    if word or (figure and numeral[0] not in "百千万亿萬億"):
        return match[0]
    value = parse_chinese(numeral)
    if figure:
        scales = re.match("[百千万萬亿億]+", numeral)
        rest = numeral[scales.end() if scales else 0 :]
        low = parse_chinese(rest) if rest else Decimal(0)
        sizes = (_SCALES[char] for char in (scales[0] if scales else "").translate(_FORMS))
        high = reduce(lambda x, y: x * y, sizes, Decimal(figure.strip().rstrip(".")))
        value = None if low is None else high + low
    if value is None:
        return match[0]
    return plain(value + (int(more) * _SCALES[scale] if more else 0))


def parse_chinese(numeral: str) -> Decimal | None:
    """The value of a Chinese numeral ("二十五" is 25, "三点五" is 3.5, "二零二六" is 2026), or None."""
    whole, point, fraction = numeral.translate(_FORMS).partition("点")
    if not 0 < len(numeral) <= 40 or (point and not fraction) or any(c not in _DIGITS for c in fraction):
        return None
    value = _whole_chinese(whole)
    return None if value is None else Decimal(f"{value}.{''.join(str(_DIGITS[c]) for c in fraction)}")


def _whole_chinese(text: str) -> int | None:
    if all(c in _DIGITS for c in text):
        return int("".join(str(_DIGITS[c]) for c in text)) if text else None
    for mark, size in _SCALES.items():
        high, found, low = text.partition(mark)
        if found:
            upper = 1 if not high and size < 10**4 else _whole_chinese(high)
            after = low.lstrip("零")
            lower = _DIGITS[low] * size // 10 if low in _DIGITS else _whole_chinese(after) if after else 0  # 一百五
            return None if upper is None or lower is None else upper * size + lower
    return None


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
_FIGURES = lazy(
    r"(?P<other>(?<![a-z\d_.])(?!\d{1,3}(?:\.\d{3})+(?![\d.]\d?))\d{1,4}(?:([/-])\d{1,2}\2\d{1,4}|:\d{1,2}(?::\d\d)?|(?:\.\d+){2,})(?![\d/]))"
    r"|(?P<ordinal>(?<![a-z\d_.])\d{1,9}(?:st|nd|rd|th)\b|^[ ]?\d{1,2}[.)](?= [^\W\d]))"
    r"|(?<![a-zà-ɏ\d_.])(?P<sign>[-+](?:\s?[$€£¥])?|(?<==)- (?=\d)|(?<== )- (?=\d)|(?:零下|[负負])(?=\d))?"
    rf"(?:(?P<mixed>\d{{1,9}})[ -](?=\d{{1,9}}/\d)(?!\d+/\d+/))?(?P<number>{_GROUPED}|\d+(?:\.\d+)?|\.\d+)(?!\d)"
    r"(?:/(?P<below>\d+(?:\.\d+)?)|(?P<power>e[-+]?\d{1,2}\b|\s?[x×*]\s?10\s?\^\s?\{?[-+]?\d{1,2}\b\}?))?",
    re.IGNORECASE | re.MULTILINE,
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
