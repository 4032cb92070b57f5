"""The in-process engine adapter: the reference's answers, prefills, and isolation of bad requests."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.adapter import Adapter, SampleError
from audiobench.model.spec import ModelSpec, Serve, Weights

THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"


def spec(folder: Path) -> ModelSpec:
    return ModelSpec(
        name="tiny-random",
        adapter="vllm_engine",
        served_model="tiny",
        weights=Weights(repo=str(folder), gigabytes=0.01),
        serve=Serve(
            plugin=True,
            args={"max-model-len": 2048, "dtype": "float32", "limit-mm-per-prompt": {"audio": 4}, "max-num-seqs": 16},
        ),
        options={"engine": {"enforce_eager": True}},
    )


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def request(*parts: Any, prefill: str | None = THINK_ON, **generation: Any) -> Request:
    content = tuple(
        TextPart(p) if isinstance(p, str) else AudioPart(Clip(Path("clip.wav")), data=wav(p), format="wav")
        for p in parts
    )
    settings = {"max_gen_toks": 8, "temperature": 0.0, **generation}
    return Request(messages=(Message("user", content),), generation=settings, prefill=words(prefill))


def test_answers_isolation_and_shutdown(tiny_checkpoint, clip):
    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.sampling import Sampling
    from model_adapters.vllm_engine import VLLMEngine

    nan = clip(1.0)
    nan[5] = np.nan
    long = clip(62.0, 3)
    requests = [
        request(clip(2.0), "What?"),
        request(clip(2.0), "What?", prefill=THINK_OFF),
        request(nan, "x"),
        request(np.zeros(0, dtype=np.float32), "x"),
        request("x<|EOT|>"),
        request(clip(400.0), "x"),
        request("x", colour="red"),
        request(clip(2.0), "What?", prefill=None),
        request(long, "What?"),
    ]

    async def ask() -> list[Any]:
        adapter = VLLMEngine(spec(tiny_checkpoint), base_url=None, timeout=120)
        assert isinstance(adapter, Adapter)
        try:
            answers = await asyncio.gather(*(adapter.generate(r) for r in requests), return_exceptions=True)
            return [*answers, await adapter.generate(request(long, "What?", prefill=THINK_OFF))]
        finally:
            await adapter.close()

    answers = asyncio.run(ask())
    reference = Reference.load(tiny_checkpoint)
    for i, prefill in ((0, THINK_ON), (1, THINK_OFF)):
        prompt = reference.prompt(clip(2.0), "What?", prefill=prefill)
        expected = reference.generate([prompt], Sampling(max_new_tokens=8))[0]
        assert answers[i].text == expected.text
        assert answers[i].usage["prompt"] == len(prompt.ids)
        assert answers[i].usage["completion"] == len(expected.ids)
    assert answers[7].text == THINK_ON + answers[0].text
    refused = answers[2:7]
    assert [type(a) for a in refused] == [SampleError] * 5, refused
    for expected, error in zip(["not finite", "empty", "special token", "longer than", "colour"], refused, strict=True):
        assert expected in str(error), error
    assert answers[-1].usage["cached"] >= 6 * 128
