"""Scripted results of tools: what a call is answered with, so that a conversation goes on without a real tool.

A call is first checked against the tool's own declaration, as a real tool would: a name that there is none of, or wrong
arguments, have no result. Then the first result that names the tool, and whose arguments are those of the call, is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from msgspec import Struct, ValidationError, convert

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object
from audiobench.core.tools import Tool, ToolCall, json_type

REPEATED = 200
"""Characters of a name that the model made up that an error says again."""
Told = Literal["result", "unknown_tool", "wrong_arguments", "no_result", "turn_limit"]
"""What a call was answered with: its result, one of three errors, or nothing because no turn was left."""


class ScriptedResult(Struct, frozen=True, forbid_unknown_fields=True):
    """What one call gives."""

    name: str
    """Of the tool, as the data set writes it."""
    result: Any
    """A text as it is, else JSON."""
    arguments: dict[str, Any] = {}
    """Those that the call must have; others may be anything, and all may where there are none."""

    @property
    def text(self) -> str:
        """The result as the model reads it."""
        return self.result if isinstance(self.result, str) else orjson.dumps(self.result).decode()

    def fits(self, call: ToolCall) -> bool:
        """Whether this is the result of `call`: texts are compared without case and outer blanks, numbers by value."""
        return self.name.replace(".", "_") == call.name.replace(".", "_") and all(
            name in call.arguments and _loose(call.arguments[name]) == _loose(value)
            for name, value in self.arguments.items()
            if value is not None  # a column that only other rows have
        )


class ToolErrors(Struct, frozen=True):
    """What the model is told instead of a result: templates over `name`, `tools` (names, joined by commas) and `problem`."""

    unknown_tool: str = "Error: there is no tool {{name}}. The tools are: {{tools}}."
    wrong_arguments: str = "Error: {{name}}: {{problem}}."
    no_result: str = "Error: {{name}} finds nothing for these arguments."


class Answered(Struct, frozen=True):
    """How a call is answered."""

    told: Told
    text: str = ""
    """Of a result."""
    problem: str = ""
    """What is wrong with the arguments, in words."""


class Toolbox(Struct, frozen=True):
    """The tools of an item, their scripted results, and what is said where there is none."""

    tools: tuple[Tool, ...]
    results: tuple[ScriptedResult, ...]
    errors: ToolErrors = ToolErrors()

    def answer(self, call: ToolCall) -> Answered:
        """What `call` is answered with."""
        tool = next((tool for tool in self.tools if tool.name == call.name.replace(".", "_")), None)
        if tool is None:
            return Answered("unknown_tool")
        if problem := wrong_arguments(tool, call.arguments):
            return Answered("wrong_arguments", problem=problem)
        found = next((result for result in self.results if result.fits(call)), None)
        return Answered("no_result") if found is None else Answered("result", found.text)


class Called(Struct, frozen=True, omit_defaults=True):
    """A call that a model made in a conversation."""

    name: str
    arguments: dict[str, Any]
    turn: int
    """Number of the model's answer, from 1."""
    told: Told


def results_of(declared: Any) -> tuple[ScriptedResult, ...]:
    """Results as a row or a task file declares them: a list of `{name, arguments, result}`, or its JSON text.

    Raises:
        UsageError: it is no such list.
    """
    if isinstance(declared, str):
        try:
            declared = orjson.loads(declared)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"tool results: no JSON: {error}") from None
    if declared is None:
        return ()
    if not is_list(declared):
        raise UsageError(f"tool results: must be a list of {{name, arguments, result}}, found {declared!r:.80}")
    try:
        return convert(declared, tuple[ScriptedResult, ...])
    except ValidationError as error:
        raise UsageError(f"tool results: must be a list of {{name, arguments, result}}: {error}") from None


def check(toolbox: Toolbox) -> None:
    """Raise UsageError for a result of a tool that the item does not have."""
    known = {tool.name for tool in toolbox.tools}
    for result in toolbox.results:
        if result.name.replace(".", "_") not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"tool results: {result.name!r} is no tool of the item; it has: {names}")


_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,),
}  # fmt: skip


def wrong_arguments(tool: Tool, given: Mapping[str, Any]) -> str | None:
    """What is wrong with the arguments of a call, in words: one that is missing, that there is none of, of another type or
    none of the allowed values; None where they are right. Only the top level is looked at.
    """
    known = tool.parameters.get("properties")
    about = known if is_object(known) else {}
    required = tool.parameters.get("required")
    for name in required if is_list(required) else ():
        if name not in given:
            return f"the argument {name} is missing"
    for name, value in given.items():
        if name not in about:
            return f"there is no argument {name[:REPEATED]}"
        declared = about[name]
        if not is_object(declared) or declared.get("type") == "any":
            continue
        kind = json_type(declared.get("type"))
        if kind in _KINDS and not _is(value, kind):
            return f"the argument {name} must be of type {kind}"
        allowed = declared.get("enum")
        if is_list(allowed) and value not in allowed:
            return f"the argument {name} must be one of {', '.join(map(str, allowed))}"
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _loose(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip().casefold()
    if is_object(value):
        return {key: _loose(item) for key, item in value.items()}
    return [_loose(item) for item in value] if is_list(value) else value
