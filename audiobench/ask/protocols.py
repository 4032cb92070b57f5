"""Protocols: how one item becomes an exchange of one or more turns with a model.

A protocol is `async converse(ask, request) -> Exchange`. It knows no adapter, no retries and no journal: `ask` sends one
request and returns the response. Which one is used follows from the think mode (`for_plan`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import replace
from functools import partial

from audiobench.core.modes import FinishReason
from audiobench.core.parts import continued
from audiobench.core.types import Exchange, Request, Response
from audiobench.model.think import ThinkPlan, split

Ask = Callable[[Request], Awaitable[Response]]


Converse = Callable[[Ask, Request], Awaitable[Exchange]]


def for_plan(plan: ThinkPlan) -> Converse:
    """The protocol of a think mode: two passes for a budget on a server that continues an assistant turn, else one."""
    return partial(two_pass if plan.two_pass else single, plan)


def read(response: Response, prefill: str | None, plan: ThinkPlan) -> Response:
    """A response with its reasoning separated from the answer, and what was really done about thinking."""
    response.think_effective = plan.effective
    return split(response, prefill, plan.thinking)


async def single(plan: ThinkPlan, ask: Ask, request: Request) -> Exchange:
    """One request, one response."""
    response = await ask(request)
    return Exchange(read(response, request.prefill_text, plan), ((request, response),))


async def two_pass(plan: ThinkPlan, ask: Ask, request: Request) -> Exchange:
    """A thinking budget: the first request stops at the closing tag or after `plan.budget` tokens, the second continues
    after a closed thought.

    Stops and cuts are on text, because the tags are several tokens and merge with their neighbours; a budget that ran
    out within the closing tag is a thought that had ended.
    """
    close = plan.thinking.close_tag
    until = [*request.generation.get("until", []), close]
    thinking = replace(request, generation={**request.generation, "max_gen_toks": plan.budget, "until": until})
    first = await ask(thinking)
    thought = ((first.reasoning or "") + first.text.split(close)[0]).rstrip().rstrip("\ufffd")
    piece = next((close[:end] for end in range(len(close) - 1, 1, -1) if thought.endswith(close[:end])), "")
    thought = thought.removesuffix(piece).rstrip()
    answering = replace(request, prefill=continued(request.prefill, f"{thought}\n{close}\n"))
    second = await ask(answering)
    turns = ((thinking, first), (answering, copy(second)))
    answer = read(second, f"{close}\n", plan)
    answer.reasoning = thought
    counted = {**first.usage, **second.usage}  # both calls are billed; a server may leave out what is 0
    answer.usage = {key: (first.usage.get(key) or 0) + (second.usage.get(key) or 0) for key in counted}
    answer.usage["reasoning"] = first.usage.get("completion")
    answer.latency = {"total": (first.latency.get("total") or 0.0) + (second.latency.get("total") or 0.0)}
    answer.raw = {**answer.raw, "thinking_cut": first.finish_reason == FinishReason.LENGTH and not piece}
    return Exchange(answer, turns)
