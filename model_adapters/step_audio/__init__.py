"""Step-Audio-2 / Step-Audio-R1: configuration, front end, modules, plain reference, and a plugin for stock vLLM.

Importing this package imports neither torch, transformers nor vLLM. `register` is the `vllm.general_plugins` entry
point: vLLM calls it in the API server, in the engine core and in every worker, so it may run any number of times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

CHAT_TEMPLATE = Path(__file__).with_name("chat_template.jinja")
"""The family's chat template (jinja), as a file to hand to `--chat-template`."""


PROMPT_VERSION = 2
"""Raised when the same messages become another prompt; part of a model's identity, so that old answers are not taken
for new ones. 2: the parts of a turn are joined by a newline, as StepFun's own server does (but not after audio)."""


def register() -> None:
    """Teach transformers the configuration, and vLLM the model and the reasoning parser; re-entrant."""
    from transformers import AutoConfig
    from vllm import ModelRegistry
    from vllm.reasoning import ReasoningParserManager

    from model_adapters.step_audio.configuration import StepAudio2Config

    cast("Any", AutoConfig).register("step_audio_2", StepAudio2Config, exist_ok=True)
    architecture = "StepAudio2ForCausalLM"
    if architecture not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(architecture, f"model_adapters.step_audio.vllm_model:{architecture}")
    ReasoningParserManager.register_lazy_module(
        "step_audio", "model_adapters.step_audio.vllm_reasoning", "StepAudioReasoningParser"
    )
