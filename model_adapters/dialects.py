"""How servers that speak OpenAI's chat completions differ: one small record each.

Sources: the servers' own request types and documentation, and bodies captured from the official SDKs
(openai 3.54.0, mistralai 3.7.0, vLLM 0.32.0, SGLang @004c82e, stepfun-ai/Step-Audio-R1 @43e2a21).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_mapping, is_object, is_sequence
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import NEUTRAL, WORDS
from audiobench.model.spec import ModelSpec
from model_adapters.http import address, find_key

MIME = {
    "wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac", "ogg": "audio/ogg", "m4a": "audio/mp4",
    "aiff": "audio/aiff", "aac": "audio/aac", "webm": "audio/webm",
}  # fmt: skip

IMAGE_MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}
VIDEO_MIME = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska"}

STANDARD = {
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "until": "stop",
}
"""Our name -> the body's name, for what every server takes."""
GEMINI_PARAMETERS = {
    "max_gen_toks": "maxOutputTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed",
    "until": "stopSequences", "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty",
}  # fmt: skip
_MAX_TOKENS = STANDARD | {"max_gen_toks": "max_tokens"}
_SAMPLERS = _MAX_TOKENS | {"top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty"}
OPEN_WEIGHTS = _SAMPLERS | {"stop_token_ids": "stop_token_ids"}
"""What vLLM and SGLang take."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's ways."""

    name: str
    audio: Literal["input_audio", "input_audio_uri", "input_audio_string", "audio_url"] = "input_audio"
    """input_audio: {data: base64, format}; _uri: {data: data URI, format}; _string: bare base64, no format; audio_url:
    {url: data URI}."""
    formats: frozenset[str] | None = None
    """Containers that the server takes; None = whatever it can decode."""
    base_url: str | None = None
    base_url_env: str | None = None
    key_env: tuple[str, ...] = ()
    """Environment variables that hold the key where the model file names none."""
    key_required: bool = True
    auth: tuple[str, str] = ("Authorization", "Bearer ")
    """Header and what stands before the key."""
    path: str = "/chat/completions"
    models_path: str | None = "/models"
    must_stream: bool = False
    usage_on_stream: bool = True
    """Usage comes at the end of a stream only when `stream_options.include_usage` asks for it."""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    prefill: Literal["continue", "eot", "trailing"] | None = None
    """continue: `continue_final_message`; eot: that and `eot: false` on the message; trailing: a last assistant message
    is continued without being told."""
    user_role: str = "user"
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that are always sent."""
    can: frozenset[str] = WORDS | {"tools"}
    """See `audiobench.model.capabilities`."""
    batch: bool = False
    """It has OpenAI's batch jobs."""
    tells_cost: bool = False
    """An answer's usage says what it cost."""
    own_prompts: bool = False
    """See `audiobench.model.capabilities`."""

    @property
    def mime_types(self) -> dict[str, str]:
        """Format -> MIME type of the sound that it takes."""
        return {name: MIME[name] for name in sorted(self.formats or MIME)}

    def address(self, given: str | None, model: str) -> str:
        """The base URL: the one given, the environment's, the server's public one.

        Raises:
            UsageError: there is none, or it is not a URL.
        """
        variable = self.base_url_env
        found = given or (os.environ.get(variable) if variable else None) or self.base_url
        if not found:
            also = f", or set {variable}" if variable else ""
            raise UsageError(f"model {model}: no server address: give --base-url{also}")
        return address(found, model)

    def key(self, spec: ModelSpec) -> SecretStr | None:
        """The key of a model; raises as `find_key`."""
        required = self.key_required or bool(spec.api_key_env)
        return find_key(spec.api_key_env or self.key_env, required=required, model=spec.name)

    def headers(self, key: SecretStr | None, content_type: str = "application/json") -> dict[str, str]:
        """Of a call with this key."""
        name, before = self.auth
        kind = {"Content-Type": content_type}
        return kind if key is None else {**kind, name: before + key.get_secret_value()}


_OPENAI = STANDARD | {"max_gen_toks": "max_completion_tokens"}
_WAV_MP3 = frozenset({"wav", "mp3"})

DIALECTS: dict[str, Dialect] = {
    d.name: d
    for d in (
        Dialect(
            "vllm",
            key_env=("VLLM_API_KEY",),
            key_required=False,
            parameters=OPEN_WEIGHTS | {"num_beams": "n"},
            prefill="continue",
            can=WORDS
            | {
                "assistant_audio",
                "prefill_audio",
                "tools",
                "image",
                "video",
            },  # parts of any kind in a turn of any role
        ),
        Dialect(
            "sglang",
            audio="audio_url",
            key_required=False,
            parameters=OPEN_WEIGHTS,
            prefill="continue",
            can=WORDS | {"tools", "image", "video"},
        ),
        Dialect(
            "llama_cpp",
            formats=_WAV_MP3,
            base_url="http://localhost:8080/v1",
            key_env=("LLAMA_API_KEY",),
            key_required=False,
            parameters=_SAMPLERS | {"repetition_penalty": "repeat_penalty"},
            prefill="trailing",
        ),
        Dialect(
            "openai",
            formats=_WAV_MP3,
            base_url="https://api.openai.com/v1",
            base_url_env="OPENAI_BASE_URL",
            key_env=("OPENAI_API_KEY",),
            parameters=_OPENAI,
            body={"store": False},
            batch=True,
        ),
        Dialect(
            "azure",
            formats=_WAV_MP3,
            base_url_env="AZURE_OPENAI_ENDPOINT",
            key_env=("AZURE_OPENAI_API_KEY",),
            auth=("api-key", ""),
            path="/openai/deployments/{model}/chat/completions?api-version={api_version}",
            models_path=None,
            parameters=_OPENAI,
        ),
        Dialect(
            "dashscope",
            audio="input_audio_uri",
            base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            base_url_env="DASHSCOPE_COMPATIBLE_BASE_URL",
            key_env=("DASHSCOPE_API_KEY",),
            must_stream=True,
            parameters=_MAX_TOKENS | {"top_k": "top_k"},
            body={"modalities": ["text"]},
        ),
        Dialect(
            "stepfun",
            can=WORDS,  # no tool calls (its API reference)
            formats=frozenset({"wav"}),
            base_url="https://api.stepfun.com/v1",
            key_env=("STEP_API_KEY",),
            parameters=_MAX_TOKENS,
        ),
        Dialect(
            "stepfun_vllm",
            formats=frozenset({"wav"}),
            key_env=("VLLM_API_KEY",),
            key_required=False,
            parameters=OPEN_WEIGHTS,
            prefill="eot",
            own_prompts=True,
            user_role="human",
        ),
        Dialect(
            "mistral",
            audio="input_audio_string",
            base_url="https://api.mistral.ai/v1",
            key_env=("MISTRAL_API_KEY",),
            usage_on_stream=False,
            parameters=_MAX_TOKENS | {"seed": "random_seed"},
        ),
        Dialect(
            "openrouter",
            base_url="https://openrouter.ai/api/v1",
            key_env=("OPENROUTER_API_KEY",),
            parameters=_SAMPLERS,
            body={"usage": {"include": True}},
            tells_cost=True,
        ),
    )
}


def find_dialect(name: str, model: str) -> Dialect:
    """The dialect of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in DIALECTS:
        raise UsageError(f"model {model}: dialect: {name!r} is unknown; known: {', '.join(DIALECTS)}")
    return DIALECTS[name]


IGNORED_BY_BEAMS = ("top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "until")
"""What vLLM's beam search does not look at (vLLM 0.32.0, entrypoints/generate/beam_search/online.py)."""


def beam_fields(generation: Mapping[str, Any]) -> dict[str, Any]:
    """What `num_beams` is to vLLM: `use_beam_search`, with as many beams as choices; the first choice is the best beam.

    Beams end at the end-of-text token of the checkpoint's tokenizer and at no other: `stop_token_ids` do not stop them.

    Raises:
        SampleError: something else is asked for that would be ignored.
    """
    beams = generation.get("num_beams") or 1
    if beams == 1:
        return {}
    for key in IGNORED_BY_BEAMS:
        value = generation.get(key)
        if value is not None and value not in NEUTRAL[key]:
            raise SampleError(
                f"vllm ignores {key} ({value!r}) where num_beams is {beams}; --gen {key}=null leaves it out"
            )
    return {"use_beam_search": True, "n": beams}


def sampling_fields(generation: Mapping[str, Any], names: Mapping[str, str], server: str) -> dict[str, Any]:
    """Generation parameters under the server's names. A neutral value that the server has no name for is left out.

    Raises:
        SampleError: a parameter that changes the answer cannot be sent; it is never dropped in silence.
    """
    body: dict[str, Any] = {}
    for key, value in generation.items():
        if value is None or (key == "num_beams" and key in names):
            continue
        if key in names:
            if not (key in ("until", "stop_token_ids") and not value):
                body[names[key]] = list(value) if is_sequence(value) else value
        elif value not in NEUTRAL.get(key, ()):
            raise SampleError(f"{server} has no parameter {key} (asked: {value!r}); it takes {', '.join(names)}")
    return body | (beam_fields(generation) if "num_beams" in names else {})


def merge(base: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `extra` put in; where both hold a mapping, their fields are merged. `extra` stays as it is."""
    for key, value in extra.items():
        old = base.get(key)
        if is_mapping(value):
            base[key] = merge(dict(old) if is_object(old) else {}, value)
        else:
            base[key] = value
    return base


def who_answered(requested: str, served: str | None) -> dict[str, Any]:
    """What a response's `raw` says of the model: what was asked for, and whether another one answered."""
    differs = bool(served) and not same_model(requested, served)
    return {"requested_model": requested, **({"model_differs": True} if differs else {})}


_VERSION = re.compile(r"-(latest|\d{3}|\d{4}|\d{6}|\d{8}|\d{4}-\d{2}-\d{2}|preview-\d{2}-\d{4})$")


def same_model(requested: str, served: str) -> bool:
    """Whether the name a server gives back is the model that was asked for.

    A dated or numbered version of the name asked for is the same (`gpt-audio-1.5` -> `gpt-audio-1.5-2026-02-23`), and
    `models/` before the name says nothing. Another family, size or version is not.
    """
    asked, got = (name.removeprefix("models/").rstrip("/") for name in (requested, served))
    if asked == got or asked.rsplit("/", 1)[-1] == got or got.rsplit("/", 1)[-1] == asked:
        return True
    if asked.endswith("-latest"):
        return _VERSION.sub("", asked) == _VERSION.sub("", got)
    return _VERSION.sub("", got.rsplit("/", 1)[-1]) == asked.rsplit("/", 1)[-1]
