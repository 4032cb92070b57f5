"""What the readers of the logs share: an entry, its right option, and JSON that may be none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.json_values import decode
from audiobench.core.narrow import is_sequence

Entry = dict[str, Any]


def settled(choices: Sequence[str], target: Any, where: str) -> str:
    """The right option's text, from its letter, its number, or its text in another case.

    Raises:
        UsageError: it is none of the options.
    """
    if is_sequence(target) and len(target) == 1:
        target = target[0]
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
        return choices[target]
    text = str(target)
    if text in choices:
        return text
    letter = text.strip().strip("().")
    if len(letter) == 1 and letter.isascii() and letter.isupper() and ord(letter) - 65 < len(choices):
        return choices[ord(letter) - 65]
    near = [choice for choice in choices if choice.split() == text.split() or choice.casefold() == text.casefold()]
    if len(near) != 1:
        raise UsageError(f"{where}: target {target!r} is not one of its choices: {', '.join(map(repr, choices))}")
    return near[0]


def loads(raw: bytes, where: str) -> Any:
    """The JSON document `raw`.

    Raises:
        UsageError: not JSON.
    """
    try:
        return decode(raw, errors="strict")
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
