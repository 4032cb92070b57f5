"""Templates of task files: jinja2's immutable sandbox with strict undefined names.

A template that is nothing but one expression (`{{choices}}`) gives that value itself, not its text, so that a column
may hold a list or bytes. `row` is the whole row, for columns whose name is no identifier (`{{row['sub-category']}}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from audiobench.errors import UsageError

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.globals["range"] = safe_range
_SINGLE = re.compile(r"\A\s*\{\{((?:(?!\}\}).)*)\}\}\s*\Z", re.DOTALL)
_PLAIN = re.compile(r"\A\s*[A-Za-z_][\w\-]*\s*\Z")


class Row(Mapping[str, Any]):
    """A data set row for templates: a column that holds a JSON object as text opens like an object."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        value = self._row[name]
        if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
            try:
                return orjson.loads(value)
            except orjson.JSONDecodeError:
                return value
        return value

    def __iter__(self) -> Any:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)


@lru_cache(maxsize=1024)
def compiled(template: str) -> Any:
    """The template, ready to use: an expression (called with the names) or a jinja template.

    Raises:
        UsageError: not a template.
    """
    try:
        single = _SINGLE.match(template)
        if single:
            return _ENVIRONMENT.compile_expression(single[1], undefined_to_none=False)
        return _ENVIRONMENT.from_string(template)
    except TemplateError as error:
        raise UsageError(f"template {template!r}: {error}") from error


def evaluate(template: str, row: Mapping[str, Any]) -> Any:
    """The template's value over `row`; a template of one expression keeps its type.

    Raises:
        UsageError: a column is missing, or the template does something that the sandbox forbids.
    """
    ready = compiled(template)
    try:
        opened = row if isinstance(row, dict) else dict(Row(row).items())
        names = {"row": opened, **opened}
        value = ready(names) if callable(ready) else ready.render(names)
    except TemplateError as error:
        raise UsageError(f"template {template!r}: {error}; columns: {', '.join(map(str, row))}") from error
    except Exception as error:
        raise UsageError(f"template {template!r}: {type(error).__name__}: {error}") from error
    if isinstance(value, StrictUndefined):
        raise UsageError(f"template {template!r}: no such column; columns: {', '.join(map(str, row))}")
    return value


def render(template: str, row: Mapping[str, Any]) -> str:
    """The template's text over `row`."""
    value = evaluate(template, row)
    return value if isinstance(value, str) else str(value)
