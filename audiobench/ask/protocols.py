"""Protocols: how one item becomes an exchange of one or more turns with a model.

A protocol is `async converse(ask, request) -> Exchange`, which may have settings as keyword-only parameters with
defaults. It knows no adapter, no retries and no journal: `await ask(request)` sends one turn under the condition's think
mode and returns the response. Every turn is recorded by `ask`, so that a protocol returns `Exchange(response)`, the
answer that counts.

Built in are those of `PROTOCOLS`; another package brings its own by an entry point of the group `audiobench.protocols`,
a file as `FILE.py:function`. It is chosen by its written form, `NAME` or `NAME:setting=value:setting=value`.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from msgspec import structs

from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.core.modes import FinishReason
from audiobench.core.parts import continued
from audiobench.core.types import Exchange, Message, Part, Request, Response, TextPart
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import LACKS
from audiobench.model.think import ThinkPlan, split
from audiobench.task.spec import Prompt

if TYPE_CHECKING:
    from audiobench.ask.work import TaskWork

Send = Callable[[Request], Awaitable[Response]]
"""One call of a model."""
Converse = Callable[..., Awaitable[Exchange]]
"""(ask, request, **settings) -> exchange."""
Check = Callable[..., None]
"""(work, **settings); raises UsageError."""
Setting = bool | int | float | str

PROTOCOLS: Mapping[str, str] = {
    "single": "audiobench.ask.protocols:single",
    "dialogue": "audiobench.ask.dialogue:dialogue",
    "tools": "audiobench.ask.tools:tools",
    "relisten": "audiobench.ask.relisten:relisten",
    "self_reflect": "audiobench.ask.self_reflect:self_reflect",
}
"""Name -> module and function."""
_WRITTEN = re.compile(r"(?P<name>(?:.+\.py:)?[A-Za-z_][\w-]*)(?P<settings>(?::\w+=[^:,\s]*)*)\Z")

F = TypeVar("F", bound=Converse)


def protocol(
    *,
    version: str = "1",
    needs: tuple[str, ...] = (),
    prompt: Prompt | None = None,
    check: Check | None = None,
    takes_hypotheses: bool = False,
) -> Callable[[F], F]:
    """Declares facts of a protocol function.

    Args:
        version: raised whenever the protocol asks something else; part of the journal key and of the fingerprint.
        needs: capabilities that a model must have beyond those that its first turn needs
            (`audiobench.model.capabilities.LACKS`); a run on another model is refused before anything is sent.
        prompt: the prompt that its source prescribes; used where no `--prompt` is given.
        takes_hypotheses: it shows what another system answered, `request.hypotheses`, which `--external` names.
        check: `check(work, **settings)` raises UsageError where a task could not be asked so, before anything is sent.
    """
    if unknown := sorted(set(needs) - LACKS.keys()):
        raise ValueError(f"needs: {', '.join(unknown)}: no such capability; allowed: {', '.join(LACKS)}")

    def declare(function: F) -> F:
        vars(function).update(
            version=version, needs=needs, prompt=prompt, check=check, takes_hypotheses=takes_hypotheses
        )  # fmt: skip
        return function

    return declare


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol with its settings."""

    name: str
    converse: Converse = field(compare=False, repr=False)
    version: str = "1"
    settings: tuple[tuple[str, Setting], ...] = ()
    """All of them, defaults included, in the function's order."""
    needs: tuple[str, ...] = ()
    prompt: Prompt | None = None
    """Its own."""
    check: Check | None = field(default=None, compare=False, repr=False)
    takes_hypotheses: bool = False

    @property
    def written(self) -> str:
        """As it stands in a condition: the name and the settings."""
        return self.name + self._settings

    @property
    def identity(self) -> str:
        """The same with the version: what stands in a journal key and in the fingerprint."""
        return f"{self.name}@{self.version}{self._settings}"

    @property
    def _settings(self) -> str:
        return "".join(f":{name}={_shown(value)}" for name, value in self.settings)

    @property
    def one_turn(self) -> bool:
        """Whether an item takes one turn, as without any protocol."""
        return self.name == "single"

    def check_work(self, work: TaskWork) -> None:
        """Raise UsageError where the task's part of a run could not be asked so."""
        if self.check is not None:
            self.check(work, **dict(self.settings))

    async def exchange(self, send: Send, request: Request, plan: ThinkPlan) -> Exchange:
        """Ask about one item.

        Raises:
            SampleError: the protocol returned something else than an exchange, or asked nothing.
        """
        ask = Asked(send, plan)
        exchange = await self.converse(ask, request, **dict(self.settings))
        if not isinstance(exchange, Exchange) or not isinstance(exchange.response, Response):  # pyright: ignore[reportUnnecessaryIsInstance]
            found = type(getattr(exchange, "response", exchange)).__name__
            raise SampleError(f"protocol {self.name}: must return Exchange(response), found {found}")
        if not ask.turns:
            raise SampleError(f"protocol {self.name}: returned an answer without asking the model")
        return Exchange(ask.with_all_usage(exchange.response), tuple(ask.turns))


class Asked:
    """The `ask` of a protocol for one item: sends turns and records them."""

    def __init__(self, send: Send, plan: ThinkPlan) -> None:
        self.plan = plan
        """What the think mode means for this model: its tags, its budget."""
        self.turns: list[tuple[Request, Response]] = []
        """Every call so far; the two of a thinking budget are two."""
        self._send = send
        self._usage: list[dict[str, Any]] = []
        self._seconds = 0.0

    async def __call__(self, request: Request) -> Response:
        """One turn under the think mode: two calls for a budget, else one. Reasoning stands apart from the text.

        Raises:
            ExhaustedError: every attempt failed.
            SampleError: this request can never succeed.
            InvalidAudioError: a clip cannot be sent.
        """
        exchange = await for_plan(self.plan)(self._send, request)
        self.turns += exchange.turns
        return self._noted(exchange.response)

    async def raw(self, request: Request) -> Response:
        """One call whatever the think mode, with the text as the server gave it: for protocols that continue an
        assistant's turn themselves. `read` separates reasoning from text. Raises as a call does.
        """
        response = await self._send(request)
        self.turns.append((request, copy(response)))
        return self._noted(response)

    def _noted(self, response: Response) -> Response:
        self._usage.append(dict(response.usage))
        self._seconds += response.latency.get("total") or 0.0
        return response

    def with_all_usage(self, response: Response) -> Response:
        """`response` with the tokens and the time of all turns: every call is billed."""
        if len(self._usage) == 1:
            return response
        total: Counter[str] = Counter()
        for usage in self._usage:
            total.update({name: count for name, count in usage.items() if count})
        return structs.replace(response, usage={**response.usage, **total}, latency={"total": self._seconds})


@lru_cache(maxsize=64)
def find_protocol(written: str) -> Protocol:
    """The protocol of a written form, `NAME` or `NAME:setting=value:...`.

    Raises:
        UsageError: there is none of that name, it has no such setting, or a value is not of the setting's type.
    """
    match = _WRITTEN.match(written)
    if match is None:
        raise UsageError(f"--protocol {written}: must be NAME or NAME:setting=value:setting=value")
    name = match["name"]
    if place := PROTOCOLS.get(name):
        module, _, function = place.partition(":")
        made, where, code = getattr(import_module(module), function), name, ""
    elif found := plugins.find("protocol", name):
        made, name, where, code = found.made, found.name, found.where, found.code
    else:
        raise UsageError(f"--protocol: {plugins.unknown('protocol', name, PROTOCOLS, 'FILE.py:function')}")
    if not inspect.iscoroutinefunction(made):
        raise UsageError(f"protocol {where}: needs `async def {name.rpartition(':')[2]}(ask, request) -> Exchange`")
    given = dict(pair.split("=", 1) for pair in match["settings"].split(":") if pair)
    version = f"{getattr(made, 'version', '1')}{code}"
    facts = {
        fact: getattr(made, fact) for fact in ("needs", "prompt", "check", "takes_hypotheses") if hasattr(made, fact)
    }
    return Protocol(name, made, version, _settings(made, where, given), **facts)


def _settings(function: Converse, where: str, given: Mapping[str, str]) -> tuple[tuple[str, Setting], ...]:
    """Every setting of a protocol with its value: the given one, else the default."""
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    if len(positional) != 2 or len(positional) + len(defaults) != len(parameters):
        raise UsageError(f"protocol {where}: takes (ask, request) and settings as keyword-only parameters")
    for name, value in defaults.items():
        if not isinstance(value, Setting):
            raise UsageError(f"protocol {where}: setting {name} needs a default: a number, a text, true or false")
    for name in given:
        if name not in defaults:
            known = ", ".join(f"{key}={_shown(value)}" for key, value in defaults.items())
            raise UsageError(f"protocol {where}: no setting {name!r}; {f'it has: {known}' if known else 'it has none'}")
    chosen = tuple((n, _value(where, n, given[n], d) if n in given else d) for n, d in defaults.items())
    kinds = {p.name: get_args(p.annotation) for p in parameters if get_origin(p.annotation) is Literal}
    for name, value in chosen:
        if name in kinds and value not in kinds[name]:
            raise UsageError(
                f"protocol {where}: {name}={_shown(value)}: must be one of {', '.join(map(str, kinds[name]))}"
            )
    return chosen


def _value(where: str, name: str, text: str, default: Setting) -> Setting:
    """The value of a setting, of the type of its default."""
    if isinstance(default, bool):
        if text in ("true", "false"):
            return text == "true"
        raise UsageError(f"protocol {where}: {name}={text}: must be true or false")
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise UsageError(f"protocol {where}: {name}={text}: must be {kind}") from None


def _shown(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def then(request: Request, response: Response, *parts: Part) -> Request:
    """The next turn of a conversation: `request`, the answer to it without its reasoning, and what the user says then.

    The model's new turn begins as that of `request` did (its prefill).
    """
    return behind(request, response.text, Message("user", parts))


def behind(request: Request, said: str, *turns: Message) -> Request:
    """The conversation of `request`, what the model said, and the turns that follow."""
    return replace(request, messages=(*request.messages, Message("assistant", (TextPart(said),)), *turns))


def broke_off(response: Response) -> bool:
    """Whether an answer is none to go on from: it was cut off or refused, or its thought never ended."""
    cut = response.finish_reason in (FinishReason.LENGTH, FinishReason.CONTENT_FILTER)
    return cut or not response.reasoning_closed


async def single(ask: Asked, request: Request) -> Exchange:
    """One turn."""
    return Exchange(await ask(request))


def for_plan(plan: ThinkPlan) -> Callable[[Send, Request], Awaitable[Exchange]]:
    """One turn under a think mode: two passes for a budget on a server that continues an assistant turn, else one."""
    return partial(two_pass if plan.two_pass else one_pass, plan)


def read(response: Response, prefill: str | None, plan: ThinkPlan) -> Response:
    """A response with its reasoning separated from the answer, and what was really done about thinking."""
    response.think_effective = plan.effective
    return split(response, prefill, plan.thinking)


async def one_pass(plan: ThinkPlan, send: Send, request: Request) -> Exchange:
    """One request, one response."""
    response = await send(request)
    return Exchange(read(response, request.prefill_text, plan), ((request, response),))


async def two_pass(plan: ThinkPlan, send: Send, request: Request) -> Exchange:
    """A thinking budget: the first request stops at the closing tag or after `plan.budget` tokens, the second continues
    after a closed thought.

    Stops and cuts are on text, because the tags are several tokens and merge with their neighbours; a budget that ran
    out within the closing tag is a thought that had ended.
    """
    close = plan.thinking.close_tag
    until = [*request.generation.get("until", []), close]
    thinking = replace(request, generation={**request.generation, "max_gen_toks": plan.budget, "until": until})
    first = await send(thinking)
    thought = ((first.reasoning or "") + first.text.split(close)[0]).rstrip().rstrip("\ufffd")
    piece = next((close[:end] for end in range(len(close) - 1, 1, -1) if thought.endswith(close[:end])), "")
    thought = thought.removesuffix(piece).rstrip()
    answering = replace(request, prefill=continued(request.prefill, f"{thought}\n{close}\n"))
    second = await send(answering)
    turns = ((thinking, first), (answering, copy(second)))
    answer = read(second, f"{close}\n", plan)
    answer.reasoning = thought
    counted = {**first.usage, **second.usage}  # both calls are billed; a server may leave out what is 0
    answer.usage = {key: (first.usage.get(key) or 0) + (second.usage.get(key) or 0) for key in counted}
    answer.usage["reasoning"] = first.usage.get("completion")
    answer.latency = {"total": (first.latency.get("total") or 0.0) + (second.latency.get("total") or 0.0)}
    answer.raw = {**answer.raw, "thinking_cut": first.finish_reason == FinishReason.LENGTH and not piece}
    return Exchange(answer, turns)
