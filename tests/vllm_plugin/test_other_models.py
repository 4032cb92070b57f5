"""Other audio architectures of stock vLLM: a request goes in, the right number of audio tokens, an answer comes out.

Random tiny checkpoints, no download; what is proven is the way of a request, not a score.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.vllm_plugin import other_models
from tests.vllm_plugin.other_models import Tiny


def frames_40_ms(seconds: float) -> int:
    """Whisper encoder (20 ms), pairs averaged."""
    return ((round(100 * seconds) - 1) // 2 + 1 - 2) // 2 + 1


def frames_80_ms(seconds: float) -> int:
    """Whisper encoder (20 ms), four merged."""
    return ((round(100 * seconds) - 1) // 2 + 1) // 4


def thirteen_a_second(seconds: float) -> int:
    """13 for each 100 mel frames; the clips here are whole seconds."""
    return 13 * round(seconds)


def blocks_of_30_s(seconds: float) -> int:
    """80 ms, the clip filled up to whole blocks of 30 s (mistral_common)."""
    return -(-round(1000 * seconds) // 30_000) * 375


def question(seconds: float, seed: int = 0) -> list[dict]:
    wave = 0.1 * np.random.default_rng(seed).standard_normal(round(16_000 * seconds))
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, 16_000, format="WAV", subtype="PCM_16")
    audio = {"data": base64.b64encode(buffer.getvalue()).decode(), "format": "wav"}
    parts = [{"type": "input_audio", "input_audio": audio}, {"type": "text", "text": "What?"}]
    return [{"role": "user", "content": parts}]


def first_token(output: Any) -> dict[int, float]:
    """Log-probabilities of the likeliest first tokens."""
    return {token: entry.logprob for token, entry in output.outputs[0].logprobs[0].items()}


@pytest.mark.parametrize(
    ("make", "tokens"),
    [
        (other_models.qwen2_audio, frames_40_ms),
        (other_models.audio_flamingo_3, frames_40_ms),
        (other_models.glm_asr, frames_80_ms),
        (other_models.voxtral, blocks_of_30_s),
        (other_models.kimi_audio, thirteen_a_second),
    ],
    ids=["qwen2-audio", "audio-flamingo-3", "glm-asr", "voxtral", "kimi-audio"],
)
def test_a_request_is_heard_and_answered(
    engine, tmp_path: Path, make: Callable[[Path], Tiny], tokens: Callable[[float], int]
):
    from vllm import SamplingParams

    tiny = make(tmp_path)
    llm = engine(tiny.folder, limit_mm_per_prompt={"audio": 1}, **tiny.arguments)
    patch = llm.get_tokenizer().convert_tokens_to_ids(tiny.audio_token)
    sampling = SamplingParams(max_tokens=4, temperature=0.0, logprobs=5, ignore_eos=True)
    clips = {1.0: 0, 3.0: 1, 20.0: 2}
    how = {"chat_template": tiny.chat_template, "use_tqdm": False}
    outputs = llm.chat([question(s, seed) for s, seed in clips.items()], sampling, **how)
    for seconds, output in zip(clips, outputs, strict=True):
        assert output.prompt_token_ids.count(patch) == tokens(seconds)
        assert len(output.outputs[0].token_ids) == 4
    llm.reset_prefix_cache()
    alone, other = (llm.chat(question(3.0, seed), sampling, **how)[0] for seed in (1, 9))
    assert first_token(alone) == pytest.approx(first_token(outputs[1]), abs=1e-4)
    assert first_token(other) != pytest.approx(first_token(outputs[1]), abs=1e-4)
