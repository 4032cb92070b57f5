"""Think modes: what is sent to turn thinking on, off or down, and how the reply is read.

A model file declares how (`audiobench.model.spec.Thinking`); nothing here knows a model. What a model cannot do is
refused before the first request. Sources: Step-Audio-R1 prefills (arXiv 2511.15848, sections 3.1 and 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.modes import FinishReason, Think
from audiobench.core.narrow import is_object
from audiobench.core.parts import words
from audiobench.core.thought import Tags, separate
from audiobench.core.types import Message, Request, Response, TextPart
from audiobench.model.registry import capabilities
from audiobench.model.spec import ModelSpec, Thinking, ThinkMode


@dataclass(frozen=True, slots=True)
class ThinkPlan:
    """How one think mode is carried out for one model."""

    asked: str
    mode: ThinkMode
    thinking: Thinking
    budget: int | None = None
    """Tokens."""
    two_pass: bool = False
    effective: str | None = None
    """What is really done, where it is not exactly what was asked."""


def resolve(spec: ModelSpec, asked: str, *, allow_approx: bool = False) -> ThinkPlan:
    """How `asked` (off | on | default | budget:N) is done with this model.

    Raises:
        UsageError: not a think mode, or the model does not have it, or has it only approximately.
    """
    thinking = spec.thinking
    try:
        wanted = Think.parse(asked)
    except ValueError as error:
        raise UsageError(f"--think {error}") from None
    if wanted.mode == "default":
        name = thinking.default
        mode = thinking.on if name == "on" else thinking.off
        if mode.how == "unsupported":
            mode = ThinkMode()
        return ThinkPlan(asked, mode, thinking, effective=mode.label)
    mode: ThinkMode = {"on": thinking.on, "off": thinking.off, "budget": thinking.budget}[wanted.mode]
    if mode.how == "unsupported":
        have = [name for name in ("on", "off", "budget") if getattr(thinking, name).how != "unsupported"]
        raise UsageError(
            f"--think {asked}: model {spec.name} has no such mode; it has: {', '.join([*have, 'default'])}"
            + (f" ({thinking.source})" if thinking.source else "")
        )
    if wanted.mode == "off" and (how := _undeclared(spec)):
        raise UsageError(
            f"--think off: model {spec.name} declares no way to turn thinking off, so nothing would be sent that does; its "
            f"model file needs `thinking: {{off: {{extra_body: {how}}}}}` or what its server takes instead, or "
            "`thinking: {off: {how: exact}}` where the model never thinks"
        )
    if mode.how == "approx" and not allow_approx:
        raise UsageError(
            f"--think {asked}: model {spec.name} can do this only approximately ({mode.label or 'see its model file'});"
            " add --allow-approx to run it, labelled as what it is"
        )
    effective = f"approx:{mode.label or asked}" if mode.how == "approx" else mode.label
    budget = wanted.tokens
    if budget is None:
        return ThinkPlan(asked, mode, thinking, effective=effective)
    limits = thinking.budget.range
    if limits and not limits[0] <= budget <= limits[1]:
        raise UsageError(f"--think {asked}: model {spec.name} takes {limits[0]} to {limits[1]} tokens")
    two_pass = thinking.budget.method == "two_pass"
    if two_pass and thinking.on.prefill is None:
        raise UsageError(f"--think {asked}: model {spec.name} declares two_pass but no prefill for thinking on")
    mode = thinking.on if two_pass else mode
    return ThinkPlan(asked, mode, thinking, budget, two_pass, effective or (f"two_pass:{budget}" if two_pass else None))


_TURNED_OFF = {
    "openai": "{reasoning_effort: none}", "azure": "{reasoning_effort: none}",
    "dashscope": "{enable_thinking: false}", "openrouter": "{reasoning: {enabled: false}}",
    "gemini": "{generationConfig: {thinkingConfig: {thinkingBudget: 0}}}",
}  # fmt: skip
"""What turns thinking off for many models of a server; the shipped model files have it with sources."""


def _undeclared(spec: ModelSpec) -> str | None:
    """What the body of a request might hold to turn thinking off, where a model behind a server does not say; else None."""
    server = capabilities(spec).server
    if not server or "off" in spec.thinking.model_fields_set:
        return None
    return _TURNED_OFF.get(server, "{chat_template_kwargs: {enable_thinking: false}}")


def apply(request: Request, plan: ThinkPlan) -> Request:
    """`request` with what the mode sends: prefill, body fields, generation parameters, text suffix."""
    mode = plan.mode
    messages = request.messages
    if mode.prompt_suffix:
        last = messages[-1]
        messages = (*messages[:-1], Message(last.role, (*last.parts, TextPart(mode.prompt_suffix))))
    return replace(
        request,
        messages=messages,
        prefill=words(mode.prefill),
        extra_body=_fill({**request.extra_body, **mode.extra_body}, plan.budget),
        generation={**request.generation, **_fill(mode.generation, plan.budget)},
        think=plan.asked,
    )


def _fill(value: Any, budget: int | None) -> Any:
    if value == "{budget}":
        return budget
    if is_object(value):
        return {key: _fill(item, budget) for key, item in value.items()}
    return value


def split(response: Response, prefill: str | None, thinking: Thinking, tags: Sequence[Tags] = ()) -> Response:
    """Separate reasoning from the answer in `response.text`, in place, by the model's tags, `tags` and the known ones.

    The opening tag may have sat in the prompt (the prefill). A thought that began and never ended leaves no answer, and
    `reasoning_closed` is False.
    """
    opening, closing = thinking.open_tag, thinking.close_tag
    opened = prefill is not None and opening in prefill.rsplit(closing, 1)[-1]
    if opened and response.reasoning is not None and closing not in response.text:
        opened = False  # the server has taken the thought out
    if thinking.sections:  # a thought that lost its outer tags is what stands between those of its parts
        tags = [*tags, (f"<{thinking.sections[0]}>", f"</{thinking.sections[-1]}>")]
    parts = separate(response.text, [(opening, closing), *tags], opened=opened)
    if parts.thought is not None:
        response.reasoning = _join(response.reasoning, parts.thought)
        response.text = parts.answer
        response.reasoning_closed = parts.closed
    elif response.reasoning and not response.text.strip() and response.finish_reason == FinishReason.LENGTH:
        response.reasoning_closed = False
    return response


def _join(first: str | None, second: str) -> str:
    return f"{first}\n{second}" if first else second
