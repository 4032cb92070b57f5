"""Templates of task files: jinja2's immutable sandbox with strict undefined names.

A template that is nothing but one expression (`{{choices}}`) gives that value itself, not its text, so that a column
may hold a list or bytes. `row` is the whole row, for columns whose name is no identifier (`{{row['sub-category']}}`).

A template cannot run for long: `range` is short, loops nest two deep, there are no macros or powers, its text has a
limit, and each evaluation a number of steps: items that a loop takes, and items and characters that operators, calls and
filters are given, are asked to make, or make.
"""

from __future__ import annotations

import hashlib
import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeGuard

import orjson
from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from audiobench.core.errors import UsageError
from audiobench.core.tools import shown, shown_by_line
from audiobench.core.types import LETTERS, Sample

MAX_RANGE = 1000
"""Numbers in one `range`."""
MAX_LOOPS = 2
"""Loops inside of one another."""
MAX_CHARS = 1_000_000
"""Characters that a template may give."""
MAX_STEPS = 1_500_000
"""Of one evaluation: about a second."""
CALL = 4
"""Steps of a call or filter by itself."""
_SQUARE = frozenset(("striptags", "urlize", "wordwrap"))
"""Filters whose time grows with the square of a text."""
_GROWING = frozenset(("expandtabs", "format", "format_map", "indent", "join", "replace", "translate"))
"""Calls and filters whose result can be as long as the product of what they are given."""
_WIDTH = re.compile(r"\d{5,}|\*")
"""In a format: a width that is long, or stands elsewhere."""


class _Budget(threading.local):
    left = MAX_STEPS


_BUDGET = _Budget()


def _spend(steps: int) -> None:
    _BUDGET.left -= steps
    if _BUDGET.left < 0:
        raise SecurityError(f"takes more than {MAX_STEPS} steps")


def _size(value: Any) -> int:
    """What it costs to look at a value, or to make as many of something as it says."""
    if isinstance(value, int):
        return min(abs(value), 2 * MAX_STEPS)
    if _is_list(value):
        return _items(value)
    return len(value) if _is_sequence(value) or _is_other_sized(value) else 1


def _items(value: Sequence[Any]) -> int:
    """Of a list with the lists in it, each counted as often as it would be written; enough to be too many at most."""
    found, inside = 0, [value]
    while inside and found <= 2 * MAX_STEPS:
        items = inside.pop()
        found += len(items)
        inside += filter(_is_list, items)
    return found


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _affordable(value: Any) -> Any:
    """A value that is about to be written; a few lists inside of each other can stand for more than memory holds."""
    if _is_list(value) and any(map(_is_list, value)):
        _spend(_items(value))
    return value


def _is_sequence(value: object) -> TypeGuard[Sized]:
    return isinstance(value, str | bytes | list | tuple)


def _is_other_sized(value: object) -> TypeGuard[Sized]:
    return isinstance(value, dict | range)


def _bounded(name: str, subject: Any, arguments: Iterable[Any], make: Callable[[], Any]) -> Any:
    """What `make` makes of `subject`, if that can be afforded."""
    sizes = [_size(argument) for argument in arguments]
    _spend(CALL + (0 if isinstance(subject, int) else _size(subject)) + sum(sizes))
    if name in _GROWING:
        _spend(_size(subject) * max(sizes, default=1))
    if name in _SQUARE:
        _spend(_size(subject) ** 2 // 100)
    if name.startswith("format") and isinstance(subject, str) and _WIDTH.search(subject):
        raise SecurityError("a format with a width that is long, or not written out")
    made = make()
    _spend(len(made) if _is_sequence(made) else 0)
    return made


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    """What a loop takes, each item a step."""
    for item in items:
        _spend(1)
        yield item


def _bounded_filter(name: str, given: Callable[..., Any]) -> Callable[..., Any]:
    first = 1 if hasattr(given, "jinja_pass_arg") else 0  # some are handed the context before the value

    @wraps(given)
    def bounded(*arguments: Any, **options: Any) -> Any:
        subject, *rest = arguments[first:] or (None,)
        return _bounded(name, subject, (*rest, *options.values()), lambda: given(*arguments, **options))

    return bounded


class Option(NamedTuple):
    """An option as a prompt template sees it."""

    letter: str
    text: str | None


class _Code(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        """`a ~ b`, bounded like everything else that makes text."""
        self.write("environment.concatenated((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, without arithmetic, calls and filters that take all time or memory."""

    intercepted_binops = frozenset(("*", "**", "+", "%"))
    code_generator_class = _Code

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters = {name: _bounded_filter(name, given) for name, given in self.filters.items()}
        self.filters["counted"] = _counted
        self.filters["shuffled"] = _bounded_filter("shuffled", _shuffled)

    def concatenated(self, parts: Sequence[Any]) -> str:
        """The parts as one text."""
        return _bounded("~", "", parts, lambda: "".join(map(str, parts)))

    def call(self, __context: Any, __obj: Any, *arguments: Any, **options: Any) -> Any:
        """What a call gives, within the budget of steps."""
        make = super().call
        method = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps a text's `format`
        name, subject = getattr(method, "__name__", ""), getattr(method, "__self__", None)
        values = (*arguments, *options.values())
        return _bounded(name, subject, values, lambda: make(__context, __obj, *arguments, **options))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute, if it is safe; an option's fields are, and asking would take half of a prompt's time."""
        if type(obj) is Option and attribute in Option._fields:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("** is not for templates")
        if operator == "%" and isinstance(left, str):
            return _bounded(
                "format", left, [right], lambda: super(Sandbox, self).call_binop(context, operator, left, right)
            )
        for many, times in ((left, right), (right, left)) if operator == "*" else ():
            sequence = isinstance(many, str | bytes | list | tuple) and isinstance(times, int)
            if sequence and _size(many) * times > MAX_CHARS:
                raise SecurityError(f"a repetition of more than {MAX_CHARS} characters or items")
        made = super().call_binop(context, operator, left, right)
        _spend(1 if isinstance(made, int) else _size(made))
        return made


def _shuffled(items: Sequence[Any], seed: str) -> list[Any]:
    """The items in an order that the text gives: Python's shuffle, from the first eight digits of its MD5."""
    found = list(items)
    random.Random(int(hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest()[:8], 16)).shuffle(found)
    return found


def _range(*numbers: int) -> range:
    found = range(*numbers)
    if len(found) > MAX_RANGE:
        raise OverflowError(f"a range of {len(found)} numbers; at most {MAX_RANGE} are allowed")
    return found


_ENVIRONMENT = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_affordable)


def _allow(environment: Any, **only: Any) -> None:
    """Nothing else that templates of this environment can call."""
    environment.globals.clear()
    environment.globals.update(only)


_allow(_ENVIRONMENT, range=_range)
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
        tree = _ENVIRONMENT.parse(template)
        _check_loops(tree)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None)
        single = _SINGLE.match(template)
        if single:
            return _ENVIRONMENT.compile_expression(single[1], undefined_to_none=False)
        return _ENVIRONMENT.from_string(tree)
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


def names(template: str) -> set[str]:
    """The names that a template takes from outside."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(template))


def evaluate(template: str, row: Mapping[str, Any]) -> Any:
    """The template's value over `row`; a template of one expression keeps its type.

    Raises:
        UsageError: a column is missing, or the template does something that the sandbox forbids.
    """
    ready = compiled(template)
    _BUDGET.left = MAX_STEPS
    try:
        opened = row if isinstance(row, dict) else dict(Row(row).items())
        names = {"row": opened, **opened}
        value = _affordable(ready(names)) if callable(ready) else _limited(ready, names)
    except TemplateError as error:
        raise UsageError(f"template {_shown(template)}: {error}; columns: {', '.join(map(str, row))}") from error
    except Exception as error:
        raise UsageError(f"template {_shown(template)}: {type(error).__name__}: {error}") from error
    if isinstance(value, StrictUndefined):
        raise UsageError(f"template {_shown(template)}: no such column; columns: {', '.join(map(str, row))}")
    return value


def _limited(ready: Any, names: dict[str, Any]) -> str:
    pieces: list[str] = []
    total = 0
    for piece in ready.root_render_func(ready.new_context(names)):  # `generate` without its detour for tracebacks
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
    slots = [Option(LETTERS[i], text) for i, text in enumerate(sample.choices)]
    options = [slot for slot in slots if slot.text is not None]
    return {
        "id": sample.id,
        "question": sample.question,
        "options": options,
        "slots": slots,
        "choices": list(sample.choices),
        "letters": [option.letter for option in options],
        "transcript": sample.transcript,
        "turn": sample.question,
        "tools": shown(sample.tools),
        "tool_lines": shown_by_line(sample.tools),
        "doc": sample.doc,
        "row": sample.doc,
    }
