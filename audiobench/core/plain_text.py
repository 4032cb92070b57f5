"""Text of strangers (labels, ids, a server's words) made fit for a terminal, where control characters are commands."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""ANSI sequences whole; C0 and C1 but for tab and newline; the characters that turn the direction of writing."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""First characters that make a spreadsheet compute a cell (OWASP, CSV injection)."""


def printable(text: str) -> str:
    """`text` without control characters; tabs and newlines stay."""
    return _CONTROL.sub("", text)


def spaced(text: str) -> str:
    """`text` with a space in place of each character that does not show: line breaks, controls, zero-width characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def one_line(text: str) -> str:
    """`text` without control characters, white space of any kind as single spaces."""
    return " ".join(printable(text).split())


def plural(number: int, noun: str) -> str:
    """`noun` as it stands after `number`: `request` after 1, else `requests`."""
    return noun if number == 1 else f"{noun}s"


def of_whole(*counts: int | None) -> str:
    """`8 of 60 of 1,000`: each count is of the next; one that equals the next, or is not known, is left out."""
    known = [count for count in counts if count is not None]
    return " of ".join(f"{count:,}" for count, after in zip(known, [*known[1:], None], strict=True) if count != after)


def neutral(text: str) -> str:
    """`text` so that no spreadsheet computes it: an apostrophe goes before a formula's first character."""
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text
