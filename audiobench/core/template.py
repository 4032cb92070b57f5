"""Templates of task files: jinja2's immutable sandbox with strict undefined names.

A template that is nothing but one expression (`{{choices}}`) gives that value itself, not its text, so that a column
may hold a list or bytes. `row` is the whole row, for columns whose name is no identifier (`{{row['sub-category']}}`).

A template cannot run for long: `range` is short, loops nest two deep, there are no macros, powers or long repetitions,
and its text has a limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from audiobench.core.errors import UsageError
from audiobench.core.types import LETTERS, Sample

MAX_RANGE = 1000
"""Numbers in one `range`."""
MAX_LOOPS = 2
"""Loops inside of one another."""
MAX_CHARS = 1_000_000
"""Characters that a template may give."""


class Option(NamedTuple):
    """An option as a prompt template sees it."""

    letter: str
    text: str | None


class Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, without arithmetic that takes all time or memory."""

    intercepted_binops = frozenset(("*", "**"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute, if it is safe; an option's fields are, and asking would take half of a prompt's time."""
        if type(obj) is Option and attribute in Option._fields:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("** is not for templates")
        for many, times in ((left, right), (right, left)):
            sequence = isinstance(many, str | bytes | list | tuple) and isinstance(times, int)
            if sequence and len(many) * times > MAX_CHARS:
                raise SecurityError(f"a repetition of more than {MAX_CHARS} characters")
        return super().call_binop(context, operator, left, right)


def _range(*numbers: int) -> range:
    found = range(*numbers)
    if len(found) > MAX_RANGE:
        raise OverflowError(f"a range of {len(found)} numbers; at most {MAX_RANGE} are allowed")
    return found


_ENVIRONMENT = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.globals["range"] = _range
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
        _check_loops(_ENVIRONMENT.parse(template))
        single = _SINGLE.match(template)
        if single:
            return _ENVIRONMENT.compile_expression(single[1], undefined_to_none=False)
        return _ENVIRONMENT.from_string(template)
    except (TemplateError, OverflowError) as error:
        raise UsageError(f"template {_shown(template)}: {error}") from error
    except (RecursionError, SyntaxError, MemoryError, ValueError) as error:  # SyntaxError: from Python, nested too deep
        raise UsageError(f"template {_shown(template)}: too deeply nested, or not a template: {error}") from error


def _check_loops(node: nodes.Node, depth: int = 0) -> None:
    """Raises SecurityError for macros and for loops that are nested too deep."""
    if isinstance(node, nodes.Macro | nodes.CallBlock) or (isinstance(node, nodes.For) and node.recursive):
        raise SecurityError("macros and recursive loops are not for templates of tasks")
    depth += isinstance(node, nodes.For)
    if depth > MAX_LOOPS:
        raise SecurityError(f"loops are nested more than {MAX_LOOPS} deep")
    for child in node.iter_child_nodes():
        _check_loops(child, depth)


def _shown(template: str) -> str:
    return repr(template) if len(template) <= 200 else f"{template[:197]!r}..."


def evaluate(template: str, row: Mapping[str, Any]) -> Any:
    """The template's value over `row`; a template of one expression keeps its type.

    Raises:
        UsageError: a column is missing, or the template does something that the sandbox forbids.
    """
    ready = compiled(template)
    try:
        opened = row if isinstance(row, dict) else dict(Row(row).items())
        names = {"row": opened, **opened}
        value = ready(names) if callable(ready) else _limited(ready, names)
    except TemplateError as error:
        raise UsageError(f"template {_shown(template)}: {error}; columns: {', '.join(map(str, row))}") from error
    except Exception as error:
        raise UsageError(f"template {_shown(template)}: {type(error).__name__}: {error}") from error
    if isinstance(value, StrictUndefined):
        raise UsageError(f"template {_shown(template)}: no such column; columns: {', '.join(map(str, row))}")
    return value


def _limited(ready: Any, names: dict[str, Any]) -> str:
    pieces, total = [], 0
    for piece in ready.generate(names):
        pieces.append(piece)
        total += len(piece)
        if total > MAX_CHARS:
            raise SecurityError(f"gives more than {MAX_CHARS} characters")
    return "".join(pieces)


def render(template: str, row: Mapping[str, Any]) -> str:
    """The template's text over `row`."""
    value = evaluate(template, row)
    return value if isinstance(value, str) else str(value)


def variables(sample: Sample) -> dict[str, Any]:
    """What a prompt template can use."""
    return {
        "id": sample.id,
        "question": sample.question,
        "options": [Option(letter, text) for letter, text in sample.options],
        "slots": [Option(LETTERS[i], text) for i, text in enumerate(sample.choices)],
        "choices": list(sample.choices),
        "letters": [letter for letter, _ in sample.options],
        "transcript": sample.transcript,
        "doc": sample.doc,
        "row": sample.doc,
    }
