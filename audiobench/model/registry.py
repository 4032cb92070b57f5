"""From a name to a model, and from a model to its adapter. Two tables and entry points; nothing is decorated."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import orjson

from audiobench.core import given, strict_yaml
from audiobench.core.errors import UsageError, suggestion
from audiobench.core.limits import TIMEOUT_SECONDS
from audiobench.core.own_code import load
from audiobench.core.types import Request
from audiobench.core.urls import check_url
from audiobench.model import own_code
from audiobench.model.adapter import Adapter
from audiobench.model.capabilities import Capabilities, declared, refused_parameters, unmet
from audiobench.model.checks import Family
from audiobench.model.spec import ModelSpec

ADAPTERS: dict[str, str] = {
    "openai_chat": "model_adapters.openai_chat:OpenAIChat",
    "transcriptions": "model_adapters.transcriptions:Transcriptions",
    "gemini": "model_adapters.gemini:Gemini",
    "local": "model_adapters.local:Local",
    "vllm_engine": "model_adapters.vllm_engine:VLLMEngine",
    "cascade": "model_adapters.cascade:Cascade",
    "realtime": "model_adapters.realtime:Realtime",
    "scripted": "model_adapters.scripted:Scripted",
    "random": "model_adapters.controls:RandomChoice",
    "first_choice": "model_adapters.controls:FirstChoice",
    "deaf": "model_adapters.controls:Deaf",
    "oracle": "model_adapters.controls:Oracle",
    "nli": "model_adapters.nli:CrossEncoder",
    "synthesiser": "model_adapters.sound_controls:Synthesiser",
    "tone_speaker": "model_adapters.sound_controls:ToneSpeaker",
    "speech": "model_adapters.speech:Speech",
    "sound_service": "model_adapters.sound_services:SoundService",
    "made_sounds_folder": "model_adapters.made_elsewhere:MadeSoundsFolder",
    "sound_command": "model_adapters.made_elsewhere:SoundCommand",
    "diffusers": "model_adapters.diffusion:Diffusers",
    "tone_listener": "model_adapters.sound_controls:ToneListener",
}
"""Adapter name -> module:class. An adapter is built as `Class(spec, base_url=..., timeout=...)`."""

FAMILIES: dict[str, str] = {"step_audio_2": "model_adapters.step_audio.doctor"}
"""`model_type` in a checkpoint's config.json -> module that examines such checkpoints (`audiobench.model.checks`)."""

MODELS = Path(__file__).parents[2] / "model_adapters" / "models"


def model_files() -> dict[str, Path]:
    """Model name -> file, for every declared model."""
    return {path.stem: path for path in sorted(MODELS.glob("*.yaml"))}


def find_model(name: str, *, base_url: str | None = None) -> ModelSpec:
    """The declared model of that name, of that YAML path, or ad hoc `adapter:served-name` or `FILE.py:Class`.

    Raises:
        UsageError: no such model, its file is not valid, or a base URL holds a password.
    """
    spec = _find_model(name, base_url)
    _check_urls(spec, base_url)
    made_of = {f"{stage}_sha256": sha256_of(_find_model(spec.options[stage], None)) for stage in _stages(spec)}
    return spec.model_copy(update={"options": {**spec.options, **made_of}}) if made_of else spec


def stages(spec: ModelSpec) -> list[ModelSpec]:
    """The models that a cascade is made of; none for any other model."""
    return [find_model(spec.options[stage]) for stage in _stages(spec)]


def _stages(spec: ModelSpec) -> list[str]:
    named = [name for name in ("asr", "llm") if isinstance(spec.options.get(name), str)]
    return [name for name in capabilities(spec).made_of if name in named] if named else []


def _check_urls(spec: ModelSpec, base_url: str | None) -> None:
    """A password would be stored with the run; what else is an address is a foreign adapter's own business."""
    options = {f"options.{key}": value for key, value in spec.options.items() if isinstance(value, str)}
    for key, url in {"base URL": base_url, "base_url": spec.base_url, **options}.items():
        if not url:
            continue
        if spec.adapter in ADAPTERS and key not in options:
            check_url(url, of=f"model {spec.name}: {key}")
        elif "@" in url.partition("://")[2].partition("/")[0]:
            raise UsageError(
                f"model {spec.name}: {key}: must not contain a user or password; keys come from the environment"
            )


def _find_model(name: str, base_url: str | None) -> ModelSpec:
    if (handed := given.find("model", name)) is not None:
        return handed.spec
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"{name}: no such model file")
        return own_code.with_code(strict_yaml.validate(ModelSpec, path), path.parent)
    files = model_files()
    if name in files:
        return strict_yaml.validate(ModelSpec, files[name])
    adapter, colon, served = name.partition(":")  # a served name may hold colons (`google/gemini:free`)
    if adapter not in ADAPTERS and adapter not in _entry_points():
        adapter, colon, served = name.rpartition(":")
    if not colon and (name in ADAPTERS or name in _entry_points()):
        adapter, served = name, name
    elif adapter.endswith(".py"):
        adapter = name  # FILE.py:Class: the class is the model
    if adapter in ADAPTERS or adapter in _entry_points() or ".py" in adapter:
        label = re.sub(r"[^A-Za-z0-9_.\-]+", "-", served).strip("-.") or adapter
        if adapter in files:  # `scripted:name` takes what scripted.yaml declares (every audio format)
            declared = strict_yaml.validate(ModelSpec, files[adapter])
            return declared.model_copy(update={"name": label, "served_model": served, "base_url": base_url})
        return own_code.with_code(ModelSpec(name=label, adapter=adapter, served_model=served, base_url=base_url))
    hint = suggestion(name, {**files, **ADAPTERS}, "see `audiobench models list`", most=3)
    raise UsageError(f"{name}: no such model; {hint}; or use adapter:served-name, FILE.py:Class, or a YAML path")


def build_adapter(spec: ModelSpec, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS) -> Adapter:
    """The adapter that `spec` names; `timeout` in seconds is for one attempt.

    Raises:
        UsageError: the adapter does not exist or cannot be imported, or its base URL holds a password.
    """
    _check_urls(spec, base_url)
    factory, target = _factory(spec)
    if spec.adapter not in ADAPTERS:
        return own_code.build(factory, target, spec, base_url or spec.base_url, timeout)
    return factory(spec, base_url=base_url or spec.base_url, timeout=timeout)


def capabilities(spec: ModelSpec) -> Capabilities:
    """What the model's adapter declares that it can do; raises as `build_adapter`."""
    return declared(_factory(spec)[0], spec)


def sha256_of(spec: ModelSpec) -> str:
    """Hex digest of everything that can change a response (not prices, addresses, sources, licences or notes; nor which
    images and videos the model takes, which are never converted).
    """
    parts = spec.model_dump(
        mode="json",
        include={
            "adapter": True, "served_model": True, "dialect": True, "system": True, "sampling": True, "options": True,
            "weights": {"repo", "revision"},
            "serve": {"args", "plugin"},
            "thinking": True, "audio": True,
        },
        exclude={
            "thinking": {
                "source": True, "sections": True, "caption_section": True, "on": {"label"}, "off": {"label"},
                "budget": {"label"},
            },
            "audio": {"source", "tokens_per_second"},
        },
    )  # fmt: skip
    if (version := _prompt_version(spec)) is not None:
        parts["prompt_version"] = version
    if spec.thinking.sections:  # they tell where a thought ends that lost its outer tags
        parts["sections"] = spec.thinking.sections
    if spec.weights and spec.weights.quantisation:
        parts["quantisation"] = spec.weights.quantisation
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _prompt_version(spec: ModelSpec) -> int | None:
    """Of the prompts that the adapter writes itself; None also where nobody knows the adapter."""
    try:
        return capabilities(spec).prompt_version
    except UsageError:
        return None


def family(model_type: str) -> Family | None:
    """Who knows checkpoints of that type."""
    name = FAMILIES.get(model_type)
    return cast(Family, importlib.import_module(name)) if name else None


def served_family(spec: ModelSpec) -> Family | None:
    """Who knows the checkpoint of a model that is served with this package's plugin."""
    return family(next(iter(FAMILIES))) if spec.serve is not None and spec.serve.plugin else None


def key_variables() -> set[str]:
    """Environment variables in which adapters look for keys where a model file names none."""
    targets = [target.split(":") for target in ADAPTERS.values()]
    classes = [getattr(importlib.import_module(module), name) for module, name in targets]
    return {variable for found in classes for variable in getattr(found, "key_variables", ())}


def keys_of(spec: ModelSpec) -> list[tuple[str, ...]]:
    """Keys that the model takes: for each the environment variables, one of which must hold it."""
    if spec.api_key_env:
        return [tuple(spec.api_key_env)]
    if parts := stages(spec):
        return list(dict.fromkeys(key for part in parts for key in keys_of(part)))
    declared: Callable[[ModelSpec], tuple[str, ...]] | None = getattr(_factory(spec)[0], "keys", None)
    found = declared(spec) if callable(declared) else ()
    return [found] if found else []


def refusal(spec: ModelSpec, request: Request) -> str | None:
    """Why the model's adapter would refuse every such request, or None: for a plan, before anything is sent."""
    have = capabilities(spec)
    return unmet(spec, have, request) or refused_parameters(spec, have, request.generation)


def _factory(spec: ModelSpec) -> tuple[Any, str]:
    """The adapter's class, and where it lies (`module:Class`).

    Raises:
        UsageError: it does not exist or cannot be imported.
    """
    if (handed := given.find("model", spec.adapter)) is not None:
        return handed, spec.adapter
    own = ADAPTERS.get(spec.adapter)
    target = own or _entry_points().get(spec.adapter) or spec.adapter
    module_name, colon, class_name = target.rpartition(":")
    if not colon:
        raise UsageError(f"model {spec.name}: adapter: {spec.adapter!r} is unknown; known: {', '.join(ADAPTERS)}")
    try:
        module = importlib.import_module(module_name) if own else load(module_name)
        return getattr(module, class_name), target
    except (ImportError, AttributeError, OSError) as error:
        raise UsageError(f"model {spec.name}: adapter {target}: {error}") from error


def _entry_points() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group="audiobench.adapters")}
