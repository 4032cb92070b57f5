"""The `local` adapter: batches, isolation, prefills, stops."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiobench.core.errors import UsageError
from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.adapter import Adapter, RunError, SampleError
from audiobench.model.spec import ModelSpec, Weights
from model_adapters.local import Local
from model_adapters.step_audio.prompts import Turn, audio_span
from model_adapters.step_audio.sampling import Sampling
from model_adapters.step_audio.tokenizer import THINK_OFF, THINK_ON


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def request(*parts, prefill: str | None = THINK_ON, **generation) -> Request:
    content = tuple(
        TextPart(p) if isinstance(p, str) else AudioPart(Clip(Path("clip.wav")), data=wav(p), format="wav")
        for p in parts
    )
    return Request(
        messages=(Message("user", content),), generation={"max_gen_toks": 8, **generation}, prefill=words(prefill)
    )


def spec(folder: Path, *, capabilities=(), **options) -> ModelSpec:
    return ModelSpec(
        name="tiny-random", adapter="local", served_model="tiny", options={"checkpoint": str(folder), **options},
        capabilities=list(capabilities),
    )  # fmt: skip


def run(folder: Path, requests: list[Request], **options):
    async def ask():
        adapter = Local(spec(folder, **options))
        assert isinstance(adapter, Adapter)
        try:
            return await asyncio.gather(*(adapter.generate(r) for r in requests), return_exceptions=True)
        finally:
            await adapter.close()

    return asyncio.run(ask())


def test_it_says_what_the_reference_says(tiny_checkpoint, reference, clip):
    samples = clip(2.0)
    thinking, direct = run(tiny_checkpoint, [request(samples, "What?"), request(samples, "What?", prefill=THINK_OFF)])
    for response, prefill in ((thinking, THINK_ON), (direct, THINK_OFF)):
        prompt = reference.prompt(samples, "What?", prefill=prefill)
        expected = reference.generate([prompt], Sampling(max_new_tokens=8))[0]
        assert response.text == expected.text
        assert response.usage == {"prompt": len(prompt.ids), "audio": 25, "completion": len(expected.ids)}
        assert response.finish_reason == expected.finish_reason
        assert response.served_model == "tiny"
        assert response.latency["total"] > 0


def test_without_a_prefill_the_template_opens_the_thinking(tiny_checkpoint, clip):
    plain, prefilled = run(tiny_checkpoint, [request(clip(2.0), prefill=None), request(clip(2.0))])
    assert plain.text == THINK_ON + prefilled.text


def test_an_answer_goes_on_behind_sound_that_it_was_given(tiny_checkpoint, reference, clip):
    """The prompt is the first one, the thought, and the audio tokens of the span, with nothing in between."""
    samples, thought = clip(2.0), "I hear <seg>0.5, 1.5</seg>"
    sound = AudioPart(Clip(Path("clip.wav")), data=wav(samples[8_000:24_000]), format="wav", span=(0.5, 1.5))
    again = replace(request(samples, "What?"), prefill=(TextPart(THINK_ON), TextPart(thought), sound))
    (response,) = run(tiny_checkpoint, [again], capabilities=["prefill_audio"])
    first = reference.prompt(samples, "What?", prefill=THINK_ON)
    prompt = reference.prompts.build(
        [Turn("user", (samples, "What?"))], prefill=(THINK_ON + thought, samples[8_000:24_000])
    )
    span = audio_span(reference.special, (prompt.audio_tokens - first.audio_tokens))
    assert prompt.ids == [*first.ids, *reference.prompts.encode(thought), *span]
    expected = reference.generate([prompt], Sampling(max_new_tokens=8))[0]
    assert (response.text, response.usage["prompt"]) == (expected.text, len(prompt.ids))
    (refused,) = run(tiny_checkpoint, [again])
    assert "does not declare `capabilities: [prefill_audio]`" in str(refused)


def test_a_request_that_cannot_be_asked_leaves_the_others_alone(tiny_checkpoint, clip):
    bad = clip(1.0)
    bad[7] = np.nan
    good = request(clip(1.0), "What?")
    answers = run(
        tiny_checkpoint,
        [
            good,
            request(bad),
            request("x<|EOT|>"),
            request(clip(0)),
            request(clip(400.0)),
            request("x", max_gen_toks="many"),
            good,
        ],
    )
    assert answers[0].text == answers[-1].text
    assert [type(a) for a in answers[1:-1]] == [SampleError] * 5
    words = ["NaN", "<|EOT|>", "empty", "do not fit", "many"]
    assert [w in str(a) for w, a in zip(words, answers[1:-1], strict=True)] == [True] * 5


def test_stop_strings_and_length(tiny_checkpoint, clip):
    full = run(tiny_checkpoint, [request(clip(1.0), "a", max_gen_toks=12)])[0]
    assert full.finish_reason == "length" and full.usage["completion"] == 12
    stop = full.text[2]
    cut = run(tiny_checkpoint, [request(clip(1.0), "a", max_gen_toks=12, until=[stop])])[0]
    assert cut.text == full.text[: full.text.index(stop)]
    assert cut.finish_reason == "stop"
    huge = run(tiny_checkpoint, [request("x" * 4000, max_gen_toks=1000)])[0]
    assert huge.usage["prompt"] + huge.usage["completion"] <= 4096


def test_other_rates_and_channels_are_heard(tiny_checkpoint):
    t = np.arange(88_200) / 44_100
    stereo = np.stack([np.sin(880 * t), np.sin(880 * t)], axis=1).astype(np.float32)
    part = AudioPart(Clip(Path("clip.wav")), data=wav(stereo, 44_100), format="wav")
    broken = AudioPart(Clip(Path("clip.wav")), data=b"RIFF", format="wav")
    heard, refused = run(
        tiny_checkpoint,
        [Request(messages=(Message("user", (p,)),), generation={"max_gen_toks": 2}) for p in (part, broken)],
    )
    assert heard.usage["audio"] == 25
    assert isinstance(refused, SampleError) and "does not decode" in str(refused)


def test_many_requests_share_batches(tiny_checkpoint, clip):
    requests = [request(clip(2.0, seed), "What?", max_gen_toks=4) for seed in range(40)]
    started = time.perf_counter()
    together = run(tiny_checkpoint, requests, batch_size=16)
    assert time.perf_counter() - started < 15
    alone = run(tiny_checkpoint, requests[:2], batch_size=1)
    assert [a.text for a in together[:2]] == [a.text for a in alone]


def test_options_and_checkpoint_are_checked(tmp_path):
    with pytest.raises(UsageError, match=r"options\.colour"):
        Local(spec(tmp_path, colour="red"))
    with pytest.raises(UsageError, match=r"no config\.json"):
        Local(spec(tmp_path))
    hub = ModelSpec(name="r1", adapter="local", served_model="r1", weights=Weights(repo="stepfun-ai/Step-Audio-R1"))
    with pytest.raises(UsageError, match=r"weights\.repo: no config\.json in stepfun-ai/Step-Audio-R1"):
        Local(hub)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    answer = run(tmp_path, [request("x")])[0]
    assert isinstance(answer, RunError) and "model_type is None" in str(answer)
