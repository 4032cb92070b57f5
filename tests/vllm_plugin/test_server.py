"""The whole way: a server of our own, the harness's HTTP adapter, and the answers of the plain reference."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiobench import think
from audiobench.types import AudioPart, Clip, Message, Request, TextPart
from model_adapters.base import SampleError
from model_adapters.launch import serve
from model_adapters.registry import build_adapter, find_model
from model_adapters.spec import ModelSpec, Serve, Weights

pytestmark = pytest.mark.slow


def spec(folder: Path) -> ModelSpec:
    published = find_model("step-audio-r1")
    arguments = {"max-model-len": 2048, "dtype": "float32", "enforce-eager": True, "limit-mm-per-prompt": {"audio": 4}}
    return published.model_copy(
        update={
            "name": "tiny-random",
            "served_model": "tiny-random",
            "weights": Weights(repo=str(folder), gigabytes=0.01),
            "serve": Serve(plugin=True, args=arguments),
        }
    )


def request(samples: np.ndarray, text: str, **generation: Any) -> Request:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format="WAV", subtype="FLOAT")
    part = AudioPart(Clip(Path("clip.wav")), data=buffer.getvalue(), format="wav")
    settings = {"max_gen_toks": 8, "temperature": 0.0, **generation}
    return Request(messages=(Message("user", (part, TextPart(text))),), generation=settings)


def test_think_modes_and_faults_over_http(tiny_checkpoint, clip):
    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.sampling import Sampling

    model = spec(tiny_checkpoint)
    nan = clip(1.0)
    nan[3] = np.nan
    asked = {
        "on": request(clip(62.0), "How many?"),
        "off": request(clip(62.0), "How many?"),
        "budget:4": request(clip(62.0), "How many?"),
    }
    bad = [request(nan, "x"), request(clip(1.0), "x<|EOT|>"), request(clip(300.0), "x")]

    async def ask(url: str) -> tuple[list[Any], list[Any]]:
        adapter = build_adapter(model, base_url=url, timeout=120)
        try:
            raw = {}
            for mode, r in asked.items():
                plan = think.resolve(model, mode)
                raw[mode] = await think.ask(adapter.generate, think.apply(r, plan), plan)
            faults = await asyncio.gather(*(adapter.generate(r) for r in bad), return_exceptions=True)
            direct = [
                await adapter.generate(think.apply(asked[mode], think.resolve(model, mode))) for mode in ("on", "off")
            ]
            return [*direct, *raw.values()], list(faults)
        finally:
            await adapter.close()

    with serve(model, progress=lambda *_: None, timeout=600) as server:
        answers, faults = asyncio.run(ask(server.base_url))
        assert server.running()
    reference = Reference.load(tiny_checkpoint)
    for answer, prefill in zip(answers, ("<think>\n", "<think>\n\n</think>\n"), strict=False):
        prompt = reference.prompt(clip(62.0), "How many?", prefill=prefill)
        expected = reference.generate([prompt], Sampling(max_new_tokens=8))[0]
        assert answer.text == expected.text
        assert answer.usage["prompt"] == len(prompt.ids)
        assert answer.usage["cached"] >= 6 * 128
    thinking, direct, budget = answers[2:]
    assert not thinking.reasoning_closed and thinking.text == ""
    assert direct.reasoning is None and direct.text
    assert budget.think_effective == "two_pass:4" and budget.reasoning
    assert [type(f) for f in faults] == [SampleError] * 3, faults
