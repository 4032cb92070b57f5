"""`--protocol tools`: the model calls tools, is told their scripted results, and goes on until it calls none.

A task whose file has results of tools is asked so without being told. The tools reach the model as its prompt says: by the
server's own means, then calls and results go back in the server's own form; or in words, then the answer goes back as it was
written and the results as a turn of the user. What a call without a result is answered with stands in the task file
(`tool_errors`). An answer that was cut off or refused ends the conversation, and so does the last turn; the item then counts as
truncated or refused. So does a runaway answer, whose calls would be sent, and written down, anew in every turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
from msgspec import to_builtins

from audiobench.ask.protocols import Asked, behind, broke_off, protocol
from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.modes import FinishReason
from audiobench.core.tool_results import REPEATED, Answered, Called, Toolbox
from audiobench.core.tools import without_calls
from audiobench.core.types import Exchange, Message, Request, Response, TextPart, ToolCall
from audiobench.files.records import TOOLS
from audiobench.model.registry import refusal
from audiobench.results.answers import LONGEST_ANSWER
from audiobench.scorers.bfcl import calls_written

if TYPE_CHECKING:
    from audiobench.ask.work import TaskWork

RESULTS = "Results of the calls, in order:\n{results}"
"""The user's turn where tools are shown in words: a JSON list of `{"name": ..., "result": ...}`."""


def check(work: TaskWork, *, turns: int) -> None:
    """Raise UsageError where the run could not be asked so."""
    if turns < 2:
        raise UsageError(f"--protocol tools: turns={turns}: must be at least 2, a call and an answer")
    if not work.task.scripts_tools:
        raise UsageError(
            f"--protocol tools: task {work.task.task} has no results of tools (doc_to_tool_results or tool_results in its "
            "file), so no conversation could go on; leave --protocol out"
        )
    for condition in work.conditions if work.samples else ():
        first = work.request(work.samples[0], condition, 0)
        call = ToolCall("tool", {}, "call")
        called = Response("", calls=(call,) if first.tools else ())
        if why := refusal(work.model, _next(first, called, [(call, "A result.")])):
            raise UsageError(f"--protocol tools: {why}")


@protocol(version="1", check=check)
async def tools(ask: Asked, request: Request, *, turns: int = 8) -> Exchange:
    """Ask, and answer calls.

    Args:
        ask: sends a turn.
        request: the first one; its `toolbox` has the results.
        turns: most calls of the model that an item may take.
    """
    box = request.toolbox or Toolbox((), ())
    current, noted, turn = request, list[Called](), 1
    while True:
        response = await ask(current)
        calls = () if broke_off(response) else _calls(response, request)
        if not calls:
            return Exchange(_final(response, noted))
        if turn == turns:
            break
        answers = [(call, box.answer(call)) for call in calls]
        noted += [Called(call.name, call.arguments, turn, answer.told) for call, answer in answers]
        current = _next(current, response, [(call, _said(call, answer, box)) for call, answer in answers])
        turn += 1
    noted += [Called(call.name, call.arguments, turn, "turn_limit") for call in calls]
    cut = copy(response)
    cut.finish_reason = FinishReason.LENGTH
    cut.raw = {**cut.raw, "turn_limit": turns}
    return Exchange(_final(cut, noted))


def _calls(response: Response, request: Request) -> tuple[ToolCall, ...]:
    """The calls of an answer: the server's, or where tools are shown in words those that are written; none of a runaway
    answer, and none if one of them has arguments that JSON cannot hold.
    """
    if len(response.text) > LONGEST_ANSWER:
        return ()
    if request.tools:
        return response.calls
    declared = request.toolbox.tools if request.toolbox else ()
    written = calls_written(response.text, [tool.name for tool in declared])
    calls = tuple(ToolCall(name, dict(given)) for call in written for name, given in call.items())
    return calls if all(map(_is_json, calls)) else ()


def _is_json(call: ToolCall) -> bool:
    try:
        orjson.dumps([call.name, call.arguments])
    except orjson.JSONEncodeError:  # Python's `1j`, `{(1, 2): 3}`, half a character, a depth that nothing reads back
        return False
    return True


def _said(call: ToolCall, answer: Answered, box: Toolbox) -> str:
    """What the model is told about a call."""
    if answer.told == "result":
        return answer.text
    names = ", ".join(tool.name for tool in box.tools)
    about = {"name": call.name[:REPEATED], "tools": names, "problem": answer.problem}
    return template.render(getattr(box.errors, answer.told), about)


def _next(current: Request, response: Response, told: Sequence[tuple[ToolCall, str]]) -> Request:
    """The conversation up to the model's next answer."""
    if current.tools:
        said = without_calls(response.text, response.calls)
        calling = Message("assistant", (TextPart(said),) if said else (), tuple(call for call, _ in told))
        results = tuple(Message("tool", (TextPart(text),), answers=call) for call, text in told)
        return replace(current, messages=(*current.messages, calling, *results))
    listed = orjson.dumps([{"name": call.name, "result": text} for call, text in told]).decode()
    return behind(current, response.text, Message("user", (TextPart(RESULTS.format(results=listed)),)))


def _final(response: Response, noted: Sequence[Called]) -> Response:
    """The response that counts, with what was called on the way."""
    last = copy(response)
    last.raw = {**response.raw, TOOLS: [to_builtins(one) for one in noted]}
    return last
