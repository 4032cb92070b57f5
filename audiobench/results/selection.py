"""`RUN:CONDITION` on the command line: a run, or a folder of runs, and which of its conditions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition, Think
from audiobench.core.types import Condition

FIELDS = ("think", "audio", "prompt", "protocol")
"""Of a condition, those that can be chosen."""


def split(text: str) -> tuple[Path, dict[str, str]]:
    """The path, and field -> value of what follows it: `think=on,audio=none`, or bare values such as `on,full`.

    Raises:
        UsageError: a condition that is not one.
    """
    path, condition = _parts(text)
    wanted: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in condition.split(","))):
        name, equals, value = item.partition("=")
        if not equals:
            name, value = _field_of(item), item
        if name not in FIELDS:
            raise UsageError(f"{text}: {item!r} is not a condition; write e.g. think=on,audio=none")
        wanted[name] = value
    return path, wanted


def chosen(condition: Condition, wanted: Mapping[str, str]) -> bool:
    """Whether a condition is one of those that were asked for."""
    return all(getattr(condition, name) == value for name, value in wanted.items())


def _parts(text: str) -> tuple[Path, str]:
    if Path(text).is_dir() or ":" not in text:
        return Path(text), ""
    places = [i for i, character in enumerate(text) if character == ":"]
    place = next((place for place in places if Path(text[:place]).is_dir()), places[0])
    return Path(text[:place]), text[place + 1 :]


def _field_of(value: str) -> str:
    if value in list(AudioCondition):
        return "audio"
    try:
        Think.parse(value)
    except ValueError:
        return value
    return "think"
