"""What an adapter can do, declared on its class and asked for by name; nobody else tests an adapter's name.

A class declares `capabilities = Capabilities(...)`, or, where it depends on the model file (its dialect, its options),
a class method `capabilities(spec)`. What hangs on the model as well as on the server stands in the model file too
(`capabilities:`). Both are asked before the first request, and an adapter asks again for each request it is handed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audiobench.types import Request
from model_adapters.spec import ModelSpec

Capability = Literal["assistant_turns", "prefill", "several_clips"]
LACKS: dict[str, str] = {
    "assistant_turns": "cannot send earlier turns of the assistant",
    "prefill": "cannot continue an assistant's turn (prefill)",
    "several_clips": "takes one clip in a request",
}
"""Capability -> what is said of a server that does not have it."""
ALL: frozenset[str] = frozenset(LACKS)

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "top_k": (0, -1), "top_p": (1,), "min_p": (0,), "repetition_penalty": (1,), "presence_penalty": (0,),
    "frequency_penalty": (0,), "stop_token_ids": ([], ()), "until": ([], ()),
}  # fmt: skip
"""Values that mean "not used": they may be left out where a server has no such parameter."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one adapter can do for one model."""

    can: frozenset[str] = ALL
    """Capabilities by name."""
    server: str = ""
    """What messages call the other side (`openai`, `gemini`); empty = the adapter's name."""
    parameters: Iterable[str] | None = None
    """Generation parameters that can be sent; None = not known before the request is made."""
    audio_out: bool | None = None
    """Whether answers are sound; None = not declared."""
    protocol: Literal["chat", "realtime"] = "chat"
    in_process: bool = False
    """It answers in this process: there is no server to start or to name."""
    startable: bool = False
    """Its server can be started here, from `serve` in the model file."""
    batch: Literal["openai", "gemini"] | None = None
    """Whose batch jobs carry its requests."""
    no_batch: str = ""
    """Why there are none, where it is not that this adapter has none."""
    tells_cost: bool = False
    """The server says what each answer cost."""
    made_of: tuple[str, ...] = ()
    """Options that name the models it is made of."""
    own_prompts: bool = False
    """This package writes the prompt itself, so that its version is part of the model's identity."""
    reads_checkpoint: bool = False
    """It loads the checkpoint's folder itself, so that `doctor` may let it answer."""


UNDECLARED = Capabilities()
"""An adapter that declares nothing, such as a user's own class, is taken at the model file's word."""


def declared(factory: Any, spec: ModelSpec) -> Capabilities:
    """What an adapter class says it can do for this model."""
    found = getattr(factory, "capabilities", UNDECLARED)
    return found if isinstance(found, Capabilities) else found(spec)


def needs(request: Request) -> Iterator[str]:
    """What a request asks of its adapter, by name."""
    if any(message.role == "assistant" for message in request.messages):
        yield "assistant_turns"
    if request.prefill is not None:
        yield "prefill"
    if len({part.clip for part in request.audio}) > 1:
        yield "several_clips"


def unmet(spec: ModelSpec, have: Capabilities, request: Request) -> str | None:
    """Why the adapter cannot send this request, or None: its turns, its parts, its generation parameters."""
    server = have.server or f"adapter {spec.adapter}"
    for name in needs(request):
        if name not in have.can:
            return f"model {spec.name}: {server} {LACKS[name]}"
    if have.parameters is not None and (refused := unsupported(request.generation, have.parameters)):
        asked = ", ".join(f"{name}={request.generation[name]}" for name in refused)
        return f"model {spec.name}: {server} has no parameter for {asked}; --gen {refused[0]}=null leaves it out"
    return None


def unsupported(generation: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The parameters of `generation` that would change the answer and are not among `names`."""
    return [k for k, v in generation.items() if v is not None and k not in names and v not in NEUTRAL.get(k, ())]
