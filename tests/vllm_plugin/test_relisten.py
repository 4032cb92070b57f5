"""A thought goes on behind the sound that it asked for: the second prompt is the first one, the thought and that sound.

What the adapter sends is what vLLM is given here; the thought is the model's own, held to one wording.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiobench import media as audio
from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec
from tests.vllm_plugin import other_models

THOUGHT = "I hear it <seg>2.0, 5.5"
BLOCK = 32


def wav(folder: Path, seconds: float) -> Clip:
    import soundfile

    file = folder / "clip.wav"
    times = np.arange(round(16_000 * seconds)) / 16_000
    samples = 0.3 * np.sin(2 * np.pi * 300 * times**1.5)  # rising, so that no span is like another
    soundfile.write(file, samples, 16_000, subtype="PCM_16")
    return Clip(file)


@dataclass
class Heard:
    """What vLLM was asked and said."""

    ids: list[int]
    cached: int
    text: str
    said: list[int]
    stop: Any
    likely: dict[int, float]
    """Log-probabilities of the likeliest first tokens."""


class Served:
    """vLLM, given what our adapter would send its server."""

    def __init__(self, llm: Any, template: str | None) -> None:
        self.llm, self.template = llm, template
        spec = ModelSpec(
            name="m", adapter="openai_chat", served_model="m", capabilities=["prefill_audio", "assistant_audio"]
        )
        self.spec = spec
        self.adapter = build_adapter(spec, base_url="http://127.0.0.1:1/v1")

    def ask(self, request: Request, wording: str | None = None) -> Heard:
        """One request; `wording`: a regular expression that the answer is held to."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        loaded = request.with_media(
            lambda p: audio.parts(audio.read(p.clip), p.clip, self.spec.audio, p.transform, p.span)[0]
        )
        body = json.loads(self.adapter.body(loaded))
        held = {"structured_outputs": StructuredOutputsParams(regex=wording)} if wording else {}
        sampling = SamplingParams(max_tokens=64, temperature=0.0, logprobs=5, stop=body.get("stop"), **held)
        (output,) = self.llm.chat(
            body["messages"], sampling, use_tqdm=False, chat_template=self.template,
            add_generation_prompt=body.get("add_generation_prompt", True),
            continue_final_message=body.get("continue_final_message", False),
        )  # fmt: skip
        answer = output.outputs[0]
        ids = list(output.prompt_token_ids)
        likely = {token: entry.logprob for token, entry in answer.logprobs[0].items()}
        said = list(answer.token_ids)
        return Heard(ids, output.num_cached_tokens, answer.text, said, answer.stop_reason, likely)


def check(served: Served, clip: Clip, prefill: str, sound_ids: Any) -> None:
    question = Message("user", (AudioPart(clip), TextPart("Which animal is it?")))
    first = Request((question,), {"until": ["</seg>"]}, prefill=words(prefill))
    one = served.ask(first, wording=THOUGHT.replace(".", r"\.") + "</seg>")
    assert (one.text, one.stop) == (THOUGHT, "</seg>")
    begun = (TextPart(prefill + one.text + "</seg>"), AudioPart(clip, span=(2.0, 5.5)))
    two = served.ask(replace(first, prefill=begun))
    encode = served.llm.get_tokenizer().encode
    thought = encode(THOUGHT + "</seg>", add_special_tokens=False)
    assert two.ids == [*one.ids, *thought, *sound_ids(3.5)]
    # everything that the two prompts share comes out of the cache, up to the last whole block; a tokenizer may cut what
    # the model wrote otherwise than the model did
    assert served.llm.get_tokenizer().decode(one.said) == THOUGHT + "</seg>"
    computed = [*one.ids, *one.said]
    shared = next(
        (n for n, pair in enumerate(zip(computed, two.ids, strict=False)) if pair[0] != pair[1]), len(computed)
    )
    assert len(one.ids) + 12 < shared
    assert shared // BLOCK * BLOCK - BLOCK <= two.cached <= shared // BLOCK * BLOCK
    assert two.cached >= len(one.ids) // BLOCK * BLOCK
    words_only = served.ask(replace(first, prefill=begun[:1]))
    assert words_only.ids == [*one.ids, *thought]
    other = served.ask(replace(first, prefill=(begun[0], AudioPart(clip, span=(0.0, 3.5)))))
    assert other.ids == two.ids
    assert other.likely != pytest.approx(two.likely, abs=1e-4), "the sound itself is heard, not only its length"


def settings() -> dict[str, Any]:
    return {
        "enable_prefix_caching": True, "block_size": BLOCK, "limit_mm_per_prompt": {"audio": 9}, "disable_log_stats": False,
    }  # fmt: skip


def test_step_audio(engine, tiny_checkpoint, tmp_path: Path):
    from model_adapters.step_audio import CHAT_TEMPLATE
    from model_adapters.step_audio.frontend import token_count
    from model_adapters.step_audio.prompts import audio_span
    from model_adapters.step_audio.tokenizer import SpecialTokens

    llm = engine(tiny_checkpoint, **settings())
    special = SpecialTokens.of(llm.get_tokenizer())
    served = Served(llm, Path(CHAT_TEMPLATE).read_text(encoding="utf-8"))

    def sound(seconds: float) -> list[int]:
        return audio_span(special, token_count(round(16_000 * seconds)))

    check(served, wav(tmp_path, 12.0), "<think>\n", sound)


def test_qwen2_audio(engine, tmp_path: Path):
    from tests.vllm_plugin.test_other_models import frames_40_ms

    tiny = other_models.qwen2_audio(tmp_path)
    llm = engine(tiny.folder, **settings(), **tiny.arguments)
    ids = llm.get_tokenizer().convert_tokens_to_ids

    def sound(seconds: float) -> list[int]:
        return [ids("<|audio_bos|>"), *([ids("<|AUDIO|>")] * frames_40_ms(seconds)), ids("<|audio_eos|>")]

    check(Served(llm, tiny.chat_template), wav(tmp_path, 12.0), "", sound)


def test_qwen2_5_omni(engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    other_models.empty_torchvision(monkeypatch)
    from vllm import ModelRegistry
    from vllm.model_executor.models import qwen2_5_omni_thinker as omni

    from tests.vllm_plugin.test_other_models import frames_40_ms

    tiny = other_models.qwen2_5_omni(tmp_path)
    processor = other_models.omni_processor(tiny.folder)
    monkeypatch.setattr(omni.Qwen2_5OmniThinkerProcessingInfo, "get_hf_processor", lambda self, **kwargs: processor)
    # as a class: one that vLLM knows by name is imported in another process, which has no torchvision
    ModelRegistry.register_model("Qwen2_5OmniModel", omni.Qwen2_5OmniThinkerForConditionalGeneration)
    llm = engine(tiny.folder, **{**settings(), **tiny.arguments})
    ids = llm.get_tokenizer().convert_tokens_to_ids

    def sound(seconds: float) -> list[int]:
        return [ids("<|audio_bos|>"), *([ids("<|AUDIO|>")] * frames_40_ms(seconds)), ids("<|audio_eos|>")]

    check(Served(llm, tiny.chat_template), wav(tmp_path, 12.0), "", sound)
