"""JSON of strangers, read: what is out there (NaN, a lone surrogate, counts that cannot be true) is taken as it can be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from audiobench.core.narrow import is_list, is_object

MOST = 1_000_000_000
"""Tokens (or seconds) that no answer has: a larger count is a mistake of the server's."""
_NUMBERS = frozenset((int, float))


def decode(raw: bytes, *, piece: bool = False, errors: str = "replace") -> Any:
    """The JSON value in `raw`. Bytes that are no UTF-8 and lone surrogates become U+FFFD, NaN and infinities None.

    `piece`: leave lone surrogates in, since the other half may stand in the next piece of a stream (`mended`).
    `errors`: "strict" refuses bytes that are no UTF-8.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        found = json.loads(raw.decode("utf-8-sig", errors), strict=False, parse_constant=lambda _: None)
        return found if piece else mended(found)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def mended(value: Any) -> Any:
    """`value` (JSON's types) without lone surrogates, which no UTF-8 can hold, and without infinite numbers."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if is_object(value):
        return {mended(name): mended(item) for name, item in value.items()}
    if is_list(value):
        return [mended(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def counts(found: Mapping[str, Any]) -> dict[str, float]:
    """Those of a server's counts that can be true: finite, not negative, at most `MOST`."""
    return {
        name: count
        for name, count in found.items()
        if type(count) in _NUMBERS and 0 <= count <= MOST  # no bool
    }


def object_in(data: Any, name: str) -> Mapping[str, Any]:
    """The object in field `name`; an empty one where there is none."""
    inner = data.get(name) if is_object(data) else None
    return inner if is_object(inner) else {}


def objects_in(data: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects among the items of the list in field `name`; an empty list where there is none."""
    inner = data.get(name) if is_object(data) else None
    return [item for item in inner if is_object(item)] if is_list(inner) else []


def text_in(data: Any, name: str) -> str:
    """The text in field `name`; an empty one where there is none."""
    inner = data.get(name) if is_object(data) else None
    return inner if isinstance(inner, str) else ""
