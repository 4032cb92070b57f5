"""Chinese numerals: 二十五, 一百五, 2万, 三分之一, 百分之五十, 一个半."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_PLAIN = {ord("廿"): "二十", ord("卅"): "三十"} | str.maketrans(
    "壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬億點負两兩〇", "一二二三三四五六六七八九十百千万亿点负二二零"
)
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")}
_SCALES = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_LONGEST = 40
"""Characters; a longer run of Chinese numerals is no number."""
_NUMERAL = "廿卅零〇一二两兩三四五六七八九十百千万亿点壹贰貳叁參肆伍陆陸柒捌玖拾佰仟萬億點"
_FIGURE = r"(?<![\d.])\d{1,20}(?:\.\d{1,20})?(?!\d)"
_NUMBER = re.compile(
    r"(?P<word>[统唯同万]一|一(?=[共起样定些直般下旦边切致])|第[零一二三四五六七八九十百千]{1,8}|十分|三明治|之一|零[下上](?![零一二两三四五六七八九十百千\d]))"
    rf"|(?P<sign>负|負|零下|-)?(?:百分之(?P<percent>{_FIGURE}|[{_NUMERAL}]{{1,{_LONGEST}}})"
    rf"|(?P<below>[{_NUMERAL}]{{1,{_LONGEST}}}|\d{{1,9}})分之(?P<above>[{_NUMERAL}]{{1,{_LONGEST}}}|\d{{1,9}})"
    rf"|(?P<yuan>{_FIGURE}|[{_NUMERAL}]{{1,{_LONGEST}}})[元块塊](?P<jiao>[一二三四五六七八九]|\d)(?:[角毛]|(?!\w))"
    rf"|(?P<figure>{_FIGURE})\s?(?P<scale>[百千万萬亿億]{{1,2}})(?P<rest>[零一二三四五六七八九十百千]*)(?:(?P<more>\d)(?P<unit>[千百]))?"
    rf"|(?!零[下上])(?P<numeral>[{_NUMERAL}]+)(?P<half>[个個年天块塊小时時]{{0,3}}半(?!径|径|夜|途|数|导))?)"
)


def parse_chinese(numeral: str) -> Decimal | None:
    """The value of a Chinese numeral ("二十五" is 25, "三点五" is 3.5, "二零二六" is 2026), or None."""
    if not 0 < len(numeral) <= _LONGEST or any(c not in _NUMERAL for c in numeral):
        return None
    whole, point, fraction = numeral.translate(_PLAIN).partition("点")
    if point and (not fraction or any(c not in _DIGITS for c in fraction)):
        return None
    value = _integer(whole)
    if value is None or not point:
        return None if value is None else Decimal(value)
    return Decimal(f"{value}." + "".join(str(_DIGITS[c]) for c in fraction))


def _integer(text: str) -> int | None:
    if not text:
        return None
    if all(c in _DIGITS for c in text):
        return int("".join(str(_DIGITS[c]) for c in text))
    for mark, size in (("亿", _LARGE["亿"]), ("万", _LARGE["万"])):
        if mark in text:
            high, _, low = text.partition(mark)
            upper = _integer(high)
            lower = _DIGITS[low] * size // 10 if low in _DIGITS else _integer(low.lstrip("零")) if low else 0
            return None if upper is None or lower is None else upper * size + lower
    total = digit = 0
    scale = 1
    for position, char in enumerate(text):
        if char in _DIGITS:
            digit = _DIGITS[char]
            scale = 10 if char == "零" else scale
        else:
            scale = _SCALES[char]
            total += (digit or (1 if position == 0 else 0)) * scale
            digit = 0
    return total + digit * (
        scale // 10 if scale > 10 and text[-2:-1] in tuple(_SCALES) else 1
    )  # 一百五 is 150, 一百零五 is 105


def chinese_spans(text: str) -> Iterator[tuple[int, int, Decimal | None]]:
    """(start, end, value) of each Chinese number of a text; None where the numerals are part of a word ("一起")."""
    for match in _NUMBER.finditer(text):
        if match["word"]:
            yield *match.span(), None
            continue
        value = _value(match)
        if value is not None:
            yield *match.span(), -value if match["sign"] else value


def _value(match: re.Match[str]) -> Decimal | None:
    if match["percent"]:
        return _either(match["percent"])
    if match["below"]:
        below, above = _either(match["below"]), _either(match["above"])
        return above / below if above is not None and below else None
    if match["yuan"]:
        yuan, jiao = _either(match["yuan"]), _either(match["jiao"])
        return yuan + jiao / 10 if yuan is not None and jiao is not None else None
    if match["figure"]:
        value = Decimal(match["figure"])
        for char in match["scale"].translate(_PLAIN):
            value *= _LARGE.get(char) or _SCALES[char]
        rest = parse_chinese(match["rest"]) if match["rest"] else Decimal(0)
        more = int(match["more"]) * _SCALES[match["unit"]] if match["more"] else 0
        return None if rest is None else value + rest + more
    value = parse_chinese(match["numeral"])
    if value is None or not match["half"]:
        return value
    return Decimal("0.5") if (match["numeral"], match["half"]) == ("一", "半") else value + Decimal("0.5")


def _either(text: str) -> Decimal | None:
    return parse_chinese(text) if text[0] in _NUMERAL else Decimal(text)
