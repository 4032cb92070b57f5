"""Keep secrets out of the files that a run leaves behind."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any

from audiobench.core.narrow import is_mapping, is_sequence

REDACTED = "***"
LEAST_CHARS = 12
"""A shorter value of an environment variable is taken for a setting, not for a key."""
_SHAPES = re.compile(
    r"\b(?:sk-|rk-|AIza|ya29\.|hf_|gh[pousr]_|github_pat_|AKIA)[\w.-]{12,}"
    r"|(?i:(?<=bearer )[\w.~+/=-]{6,})"
    r"|(?i:(?<=key=)|(?<=token=))[^&\s\"]{8,}"
)
_FIELD = re.compile(
    r"(?i)((?:api[-_]?key|(?:access|auth|api|session)[-_]?token|authorization|secret|password|credential)s?[\"']?\s*[=:]"
    r"\s*[\"']?(?:basic |bearer |token )?)[^\s\"'&,;}]{6,}"
)
"""A named secret inside a text: what stands before it is kept."""
_OPAQUE = re.compile(r"(?:basic |bearer )?(?=\S*\d)(?=\S*[A-Za-z])[\w.~+/=-]{16,}", re.IGNORECASE)
_KEYISH = re.compile(r"(?i)(?:key|token|auth|credential|signature|session)s?$")
"""A field of such a name holds a secret where its value looks like one (`_OPAQUE`)."""
_NAMES = re.compile(
    r"(?i)(?:^|[_-])(?:api[_-]?key|authorization|secret|password|(?:access|auth|api)[_-]?token|bearer)$"
)
_URL = re.compile(r"(?i)\b(?:https?|wss?)://[^\s\"']+")
_SEGMENT = re.compile(r"(?<=/)(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}(?=[/?#]|$)")
_USER = re.compile(r"(?<=://)[^\s/?#@]+:[^\s/?#]+(?=@)")
_VARIABLES = re.compile(r"(?i)(?:KEY|TOKEN|SECRET|PASSWORD)$")


def redacted(value: Any) -> Any:
    """`value` (JSON's types) with `***` in place of what looks like a secret.

    That is: the value of an environment variable named `..._KEY`, `..._TOKEN`, `..._SECRET` or `..._PASSWORD`, text in
    the form of a provider's keys, a field whose name says that it holds one (`api_key`, `authorization`, `password`),
    and in a URL its user with password, and in its path a long part of letters and digits.
    """
    if isinstance(value, str):
        return _text(value)
    if is_mapping(value):
        return {name: _field(str(name), item) for name, item in value.items()}
    if is_sequence(value):
        return [redacted(item) for item in value]
    return value


def is_redacted(value: Any) -> bool:
    """Whether something in `value` was taken out by `redacted`."""
    if isinstance(value, str):
        return REDACTED in value
    if is_mapping(value):
        return any(map(is_redacted, value.values()))
    return is_sequence(value) and any(map(is_redacted, value))


def _field(name: str, item: Any) -> Any:
    if isinstance(item, str) and item and (_NAMES.search(name) or (_KEYISH.search(name) and _OPAQUE.fullmatch(item))):
        return REDACTED
    return redacted(item)


def _text(text: str) -> str:
    for secret in _environment():
        text = text.replace(secret, REDACTED)
    text = _FIELD.sub(rf"\1{REDACTED}", _SHAPES.sub(REDACTED, text))
    return _URL.sub(lambda url: _SEGMENT.sub(REDACTED, _USER.sub(REDACTED, url[0])), text)


def _environment() -> list[str]:
    # through its mapping of bytes: to decode every variable for every text would take longer than all else here
    return _secrets(tuple(getattr(os.environ, "_data", os.environ).items()))


@lru_cache(maxsize=4)
def _secrets(variables: tuple[tuple[str | bytes, str | bytes], ...]) -> list[str]:
    """Longest first: one key may begin another."""
    values = {os.fsdecode(value) for name, value in variables if _VARIABLES.search(os.fsdecode(name))}
    return sorted((value for value in values if len(value) >= LEAST_CHARS), key=len, reverse=True)
