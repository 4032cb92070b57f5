"""What the tables of phrasings are made with: sets of words, and patterns that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    def __init__(self, source: str, flags: int) -> None:
        self._made = source, flags

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(*self._made), name)
        setattr(self, name, method)
        return method


def lazy(source: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, compiled at first use: most responses need few of the patterns."""
    return cast("re.Pattern[str]", _Lazy(source, flags))


def phrase(source: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern of words in upper or lower case, compiled at first use."""
    return lazy(source, re.IGNORECASE | flags)


def words(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())
