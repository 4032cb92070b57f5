"""URO-Bench's rule for Chinese text before a character error rate: punctuation stripped, numbers written out as by cn2an."""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_PUNCTUATION = re.compile(r"[^\w\s]|_")


def digit_by_digit(number: str) -> str:
    """Each digit on its own ("2026" is 二零二六)."""
    return "".join(_DIGITS[int(d)] for d in number)


def cardinal(number: str) -> str:
    """An integer or decimal in words ("25" is 二十五, "3.5" is 三点五, "105" is 一百零五)."""
    whole, _, fraction = number.partition(".")
    words = _integer(whole)
    return words + ("点" + digit_by_digit(fraction) if fraction else "")


def _integer(number: str) -> str:
    number = number.lstrip("0")
    if not number:
        return _DIGITS[0]
    if len(number) > 4 * len(_GROUPS):
        return digit_by_digit(number)
    words = ""
    groups = [number[max(0, end - 4) : end] for end in range(len(number), 0, -4)]
    for size, group in reversed(list(enumerate(groups))):
        if int(group):
            if words and (group[0] == "0" or words.endswith("零")):
                words = words.rstrip("零") + "零"
            words += _group(group.lstrip("0")) + _GROUPS[size]
        elif words:
            words = words.rstrip("零") + "零"
    words = words.rstrip("零")
    return words[1:] if words.startswith("一十") else words


def _group(group: str) -> str:
    words = ""
    for place, digit in zip(range(len(group) - 1, -1, -1), group, strict=True):
        if digit != "0":
            words += _DIGITS[int(digit)] + _UNITS[place]
        elif not words.endswith("零"):
            words += "零"
    return words.rstrip("零")


def uro(text: str) -> str:
    """URO-Bench's rule: no punctuation, numbers in Chinese, no blanks."""
    text = "".join(_PUNCTUATION.sub("", text).split())
    return re.sub(r"\d+", lambda m: cardinal(m.group()), text)
