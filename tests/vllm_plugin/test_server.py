"""The whole way: a server of our own, the harness's HTTP adapter, and the answers of the plain reference.

vLLM's CPU build caches prefixes in blocks of 128 tokens.
"""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiobench.ask import protocols
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model import think
from audiobench.model.adapter import SampleError
from audiobench.model.registry import build_adapter, find_model
from audiobench.model.spec import ModelSpec, Serve, Weights
from audiobench.serving.launch import serve

pytestmark = pytest.mark.slow


BLOCK = 128
TASK = """\
task: long
dataset_path: items.jsonl
doc_to_audio: "{{audio}}"
doc_to_question: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
prompt:
  - {name: plain, order: [text, audio], text: "{{question}}"}
"""


def spec(folder: Path) -> ModelSpec:
    published = find_model("step-audio-r1")
    arguments = {"max-model-len": 2048, "dtype": "float32", "enforce-eager": True, "limit-mm-per-prompt": {"audio": 4}}
    return published.model_copy(
        update={
            "name": "tiny-random",
            "served_model": "tiny-random",
            "sampling": {},  # the published stop id is outside this vocabulary
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
                raw[mode] = (await protocols.for_plan(plan)(adapter.generate, think.apply(r, plan))).response
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
        assert answer.usage["cached"] >= 6 * BLOCK
    thinking, direct, budget = answers[2:]
    assert not thinking.reasoning_closed and thinking.text == ""
    assert direct.reasoning is None and direct.text
    assert budget.think_effective == "two_pass:4" and budget.reasoning
    assert [type(f) for f in faults] == [SampleError] * 3, faults


def test_a_span_is_heard_again_over_http(tiny_checkpoint, clip, tmp_path):
    """Relisten against a real server: the model's own thought, held to one wording, names a span at every turn."""
    from audiobench import media
    from model_adapters.step_audio.prompts import Turn
    from model_adapters.step_audio.reference import Reference

    model = spec(tiny_checkpoint)
    samples, thought = clip(20.0), "hm <seg>1.0, 5.0"
    soundfile.write(tmp_path / "clip.wav", samples, 16_000, subtype="FLOAT")
    part = AudioPart(Clip(tmp_path / "clip.wav"))
    held = {"structured_outputs": {"regex": thought.replace(".", r"\.") + "</seg>"}}
    first = Request(
        (Message("user", (part, TextPart("How many?"))),), {"max_gen_toks": 64, "temperature": 0.0}, extra_body=held
    )
    plan = think.resolve(model, "on")

    async def ask(url: str) -> Any:
        adapter = build_adapter(model, base_url=url, timeout=120)

        async def send(asked: Request) -> Any:
            return await adapter.generate(
                asked.with_media(lambda p: media.parts(media.read(p.clip), p.clip, model.audio, p.transform, p.span)[0])
            )

        try:
            return await protocols.find_protocol("relisten:turns=3").exchange(send, think.apply(first, plan), plan)
        finally:
            await adapter.close()

    with serve(model, progress=lambda *_: None, timeout=600) as server:
        exchange = asyncio.run(ask(server.base_url))
    prompts = Reference.load(tiny_checkpoint).prompts
    begun: tuple[Any, ...] = ("<think>\n",)
    for number, (_, response) in enumerate(exchange.turns):
        assert (response.text, response.raw["stop_reason"]) == (thought, "</seg>")
        expected = len(prompts.build([Turn("user", (samples, "How many?"))], prefill=begun).ids)
        assert response.usage["prompt"] == expected, f"turn {number}"
        assert number == 0 or response.usage["cached"] >= BLOCK
        begun = (*begun, thought + "</seg>", samples[16_000:80_000])
    assert exchange.response.raw["turn_limit"] == 3 and not exchange.response.reasoning_closed


def test_one_command_starts_a_server_and_shares_the_audio_prefill(tiny_checkpoint, clip, tmp_path):
    from audiobench.cli import main

    rows = []
    for i, seconds in enumerate((60.0, 41.5, 26.0)):
        soundfile.write(tmp_path / f"{i}.wav", clip(seconds, i), 16_000, subtype="PCM_16")
        rows.append({"audio": f"{i}.wav", "question": f"{i}: which?", "choices": ["dog", "cat"], "answer": "cat"})
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "long.yaml").write_text(TASK, encoding="utf-8")
    model = tmp_path / "model.yaml"
    model.write_text(spec(tiny_checkpoint).model_dump_json(exclude_none=True), encoding="utf-8")
    asked = ["--think", "on,off", "--epochs", "2", "--gen", "max_gen_toks=4", "--gen", "temperature=0"]
    where = ["--tasks", str(tmp_path / "long.yaml"), "--out", str(tmp_path / "run"), "--quiet"]
    assert main(["run", "--model", str(model), *asked, *where]) == 0
    by_sample: dict[str, list[dict[str, int]]] = {}
    for line in (tmp_path / "run" / "long" / "samples.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        by_sample.setdefault(record["id"], []).append(record["response"]["usage"])
    assert [len(usages) for usages in by_sample.values()] == [4, 4, 4]
    for usages in by_sample.values():
        cold, *warm = sorted(usages, key=lambda usage: usage["cached"])
        assert cold["cached"] == 0
        assert all(usage["cached"] > usage["audio"] - BLOCK for usage in warm), usages
