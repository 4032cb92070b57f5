"""What an adapter can do, declared on its class and asked for by name; nobody else tests an adapter's name.

A class declares `capabilities = Capabilities(...)`, or, where it depends on the model file (its dialect, its options),
a class method `capabilities(spec)`. What hangs on the model as well as on the server stands in the model file too
(`capabilities:`). Both are asked before the first request, and an adapter asks again for each request it is handed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from audiobench.core.errors import suggestion
from audiobench.core.types import AudioPart, Request
from audiobench.model.adapter import SampleError
from audiobench.model.spec import ModelCapability, ModelSpec

LACKS: dict[str, str] = {
    "assistant_turns": "cannot send earlier turns of the assistant",
    "assistant_audio": "cannot send sound in a turn of the assistant",
    "prefill": "cannot continue an assistant's turn (prefill)",
    "prefill_audio": "cannot continue an assistant's turn that holds sound (prefill)",
    "tool_role": "cannot send a tool's turn that answers no call",
    "tools": "cannot be handed tools to call (another prompt of the task may show them in words)",
    "several_clips": "takes one clip in a request",
    "image": "cannot send images",
    "video": "cannot send video",
}
"""Capability -> what is said of a server that does not have it."""
ALL: frozenset[str] = frozenset(LACKS)
WORDS: frozenset[str] = ALL - {"assistant_audio", "prefill_audio", "tool_role", "tools", "image", "video"}
"""What servers for text and sound in a user's turn can do."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "top_k": (0, -1), "top_p": (1,), "min_p": (0,), "repetition_penalty": (1,), "presence_penalty": (0,),
    "frequency_penalty": (0,), "stop_token_ids": ([], ()), "until": ([], ()), "num_beams": (1,),
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
    batch: bool = False
    """Its provider has batch jobs (`audiobench.model.batch`)."""
    no_batch: str = ""
    """Why there are none, where it is not that this adapter has none."""
    compares_texts: bool = False
    """It says how probably one of two texts entails the other, and can do nothing else (`--nli`)."""
    tells_cost: bool = False
    """The server says what each answer cost."""
    made_of: tuple[str, ...] = ()
    """Options that name the models it is made of."""
    prompt_version: int | None = None
    """Of the prompts, where the adapter's package writes them itself: part of the model's identity."""
    checkpoint: Path | None = None
    """Folder of the checkpoint that it loads itself, so that `doctor` may let it answer."""


DECLARED_BY_MODEL: frozenset[str] = frozenset(get_args(ModelCapability))
"""Capabilities that hang on the model, too."""
UNDECLARED = Capabilities()
"""An adapter that declares nothing, such as a user's own class, is taken at the model file's word."""


def declared(factory: Any, spec: ModelSpec) -> Capabilities:
    """What an adapter class says it can do for this model."""
    found = getattr(factory, "capabilities", UNDECLARED)
    return found if isinstance(found, Capabilities) else found(spec)


def needs(request: Request) -> Iterator[str]:
    """What a request asks of its adapter, by name."""
    earlier = [message.parts for message in request.messages if message.role == "assistant"]
    sounding = [any(isinstance(part, AudioPart) for part in parts) for parts in (*earlier, request.prefill or ())]
    if earlier:
        yield "assistant_turns"
    if any(sounding[:-1]):
        yield "assistant_audio"
    if request.prefill is not None:
        yield "prefill"
    if sounding[-1]:
        yield "prefill_audio"
    if any(message.role == "tool" and message.answers is None for message in request.messages):
        yield "tool_role"
    if request.tools or any(message.calls or message.answers for message in request.messages):
        yield "tools"
    media = request.media
    if sum(isinstance(part, AudioPart) for part in media) > 1:
        yield "several_clips"
    for kind in ("image", "video"):
        if any(part.kind == kind for part in media):
            yield kind


def unmet(spec: ModelSpec, have: Capabilities, request: Request) -> str | None:
    """Why the adapter cannot send the turns of this request, or None."""
    if why := lacking(spec, have, needs(request), "this request"):
        return why
    for kind in {part.kind for part in request.media} - set(spec.media):
        return f"model {spec.name}: its model file declares no {kind} (`{kind}:`), which this request holds"
    return None


def lacking(spec: ModelSpec, have: Capabilities, names: Iterable[str], of: str) -> str | None:
    """Why the model does not have one of these capabilities, or None; `of`: what needs them, in words."""
    server = have.server or f"adapter {spec.adapter}"
    for name in names:
        if name not in have.can:
            return f"model {spec.name}: {server} {LACKS[name]}"
        if name in DECLARED_BY_MODEL and name not in spec.capabilities:
            return f"model {spec.name}: its model file does not declare `capabilities: [{name}]`, which {of} needs"
    return None


def check(spec: ModelSpec, have: Capabilities, request: Request) -> None:
    """Raises:
    SampleError: the adapter cannot send the turns of this request.
    """
    if why := unmet(spec, have, request):
        raise SampleError(why)


def refused_parameters(spec: ModelSpec, have: Capabilities, generation: Mapping[str, Any]) -> str | None:
    """Why the adapter cannot send these generation parameters, or None where it can or cannot tell."""
    if have.parameters is None or not (refused := unsupported(generation, have.parameters)):
        return None
    asked = ", ".join(f"{name}={generation[name]}" for name in refused)
    server = have.server or f"adapter {spec.adapter}"
    hint = f"--gen {refused[0]}=null leaves it out"
    if refused[0] not in NEUTRAL:  # perhaps mistyped
        hint = suggestion(refused[0], have.parameters, hint)
    return f"model {spec.name}: {server} has no parameter for {asked}; {hint}"


def unsupported(generation: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The parameters of `generation` that would change the answer and are not among `names`."""
    return [k for k, v in generation.items() if v is not None and k not in names and v not in NEUTRAL.get(k, ())]
