"""Tools that a model may call, and its calls, in one form for every server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from audiobench.core.errors import UsageError
from audiobench.core.json_values import object_in
from audiobench.core.narrow import is_list, is_mapping, is_object

_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
"""What data sets write (BFCL) -> JSON schema."""


class Tool(Struct, frozen=True):
    """A function that a model may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    """As the data set declares them: JSON schema of an object, or with BFCL's names of types."""


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """One call of a tool by a model."""

    name: str
    arguments: dict[str, Any]
    id: str = ""
    """The server's name for it."""
    signature: str = ""
    """What the server wants back with it in a later turn, unread (Gemini's `thoughtSignature`)."""


def tools_of(declared: Any) -> tuple[Tool, ...]:
    """Tools as a data set declares them: a list of `{name, description, parameters}`, each by itself or under `function` as
    OpenAI has it, or its JSON text. Dots in names become underscores, which every server takes.

    Raises:
        UsageError: it is no such list.
    """
    if isinstance(declared, str):
        try:
            declared = orjson.loads(declared)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"tools: no JSON: {error}") from None
    if is_list(declared):
        declared = [object_in(one, "function") or one if is_object(one) else one for one in declared]
    if not is_list(declared) or not all(is_object(one) and one.get("name") for one in declared):
        raise UsageError(f"tools: must be a list of {{name, description, parameters}}, found {declared!r:.80}")
    return tuple(
        Tool(str(one["name"]).replace(".", "_"), str(one.get("description") or ""), one.get("parameters") or {})
        for one in declared
    )


def json_type(declared: Any) -> str:
    """The name of a type in JSON schema, whichever of the two it is declared by; empty where it is none."""
    return _TYPES.get(declared, declared) if isinstance(declared, str) else ""


def _schema(value: Any) -> Any:
    if is_mapping(value):
        return {
            key: json_type(item) if key == "type" and isinstance(item, str) else _schema(item)
            for key, item in value.items()
            if item is not None
        }
    return [_schema(item) for item in value] if is_list(value) else value


def as_openai(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """`tools` of a chat completion request, parameters as JSON schema."""
    return [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.description, "parameters": _schema(t.parameters)},
        }
        for t in tools
    ]


def from_openai(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The calls of a chat completion's message.

    Raises:
        ValueError: arguments that are no JSON object, or one so deep that it cannot be sent back.
    """
    found: list[ToolCall] = []
    for call in message.get("tool_calls") or ():
        function = object_in(call, "function")
        arguments = orjson.loads(function.get("arguments") or "{}")
        if not is_object(arguments):
            raise ValueError(f"arguments of {function.get('name')}: no object")
        try:
            orjson.dumps(arguments)
        except orjson.JSONEncodeError as error:
            raise ValueError(f"arguments of {function.get('name')}: {error}") from None
        found.append(ToolCall(str(function.get("name")), arguments, str(call.get("id") or "")))
    return tuple(found)


def calling_message(calls: Sequence[ToolCall], said: str) -> dict[str, Any]:
    """An assistant's message of a chat completion request that calls tools."""
    made = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()},
        }
        for call in calls
    ]
    return {"role": "assistant", "content": said or None, "tool_calls": made}


def tool_message(call: ToolCall, result: str) -> dict[str, Any]:
    """A tool's message of a chat completion request: the result of `call`."""
    return {"role": "tool", "tool_call_id": call.id, "content": result}


def with_ids(messages: Sequence[dict[str, Any]]) -> None:
    """Give each call of these messages that has no id one, and each result the id of its call: results follow calls in order.

    Nine letters and digits, which Mistral asks for and nobody else minds.
    """
    waiting: list[str] = []
    made = 0
    for message in messages:
        for call in message.get("tool_calls") or ():
            call["id"] = call["id"] or f"call{made:05}"
            made += 1
            waiting.append(call["id"])
        if "tool_call_id" in message and waiting:
            message["tool_call_id"] = waiting.pop(0)


def as_gemini(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """`tools` of a Gemini request, as google-genai sends them."""
    declared = [
        {"name": t.name, "description": t.description, "parameters_json_schema": _schema(t.parameters)} for t in tools
    ]
    return [{"functionDeclarations": declared}]


def from_gemini(parts: Sequence[Any]) -> tuple[ToolCall, ...]:
    """The calls among the parts of a Gemini candidate."""
    calls = [(part, object_in(part, "functionCall")) for part in parts]
    return tuple(
        ToolCall(
            str(call.get("name")),
            dict(object_in(call, "args")),
            str(call.get("id") or ""),
            str(part.get("thoughtSignature") or ""),
        )
        for part, call in calls
        if call
    )


def gemini_call(call: ToolCall) -> dict[str, Any]:
    """A call as a part of a model's turn in a Gemini request; its signature must come back where there was one."""
    made = {"name": call.name, "args": call.arguments, **({"id": call.id} if call.id else {})}
    return {"functionCall": made, **({"thoughtSignature": call.signature} if call.signature else {})}


def gemini_result(call: ToolCall, result: str) -> dict[str, Any]:
    """The result of `call` as a part of the turn after it; a text stands under `result`, where google-genai puts it."""
    try:
        told = orjson.loads(result)
    except orjson.JSONDecodeError:
        told = result
    response = told if is_object(told) else {"result": told}
    return {"functionResponse": {"name": call.name, "response": response, **({"id": call.id} if call.id else {})}}


def with_calls(text: str, calls: Sequence[ToolCall]) -> str:
    """What was said, and the calls behind it."""
    return "\n".join(filter(None, (text, in_words(calls) if calls else "")))


def without_calls(text: str, calls: Sequence[ToolCall]) -> str:
    """What was said beside the calls: the other way round of `with_calls`."""
    return text.removesuffix(in_words(calls)).removesuffix("\n") if calls else text


def in_words(calls: Sequence[ToolCall]) -> str:
    """Calls as text, `[{"name": {"parameter": value}}]`: what scorers read and people see."""
    return orjson.dumps([{call.name: call.arguments} for call in calls]).decode()


def shown_by_line(tools: Iterable[Tool]) -> str:
    """Tools as Qwen's and Hermes' prompts show them: one JSON line each, in OpenAI's form, types as declared."""
    listed = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    return "\n".join(json.dumps({"type": "function", "function": one}, ensure_ascii=False) for one in listed)


def shown(tools: Iterable[Tool]) -> str:
    """Tools as a prompt shows them: their declarations as JSON, four blanks a level."""
    listed = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    return json.dumps(listed, indent=4)
