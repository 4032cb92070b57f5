"""The published recipes of Step-Audio-2-mini and its thinking twin, as the request body that vLLM gets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audiobench.ask import prompt
from audiobench.core.types import AudioPart, Clip, Condition, Sample
from audiobench.model import think
from audiobench.model.adapter import SampleError
from audiobench.model.registry import find_model, sha256_of
from audiobench.task.find import find_task
from model_adapters.openai_chat import OpenAIChat

SYSTEM = "You are an expert in audio analysis, please analyze the audio content and answer the questions accurately."
ASKED = (
    "Who speaks? Please choose the answer from the following options: [a man, a woman] Output the final answer in "
    "<RESPONSE> </RESPONSE>."
)
SAMPLE = Sample("1", "Who speaks?", (Clip(Path("clip.wav")),), choices=("a man", "a woman"))


def body(model: str, name: str, mode: str = "default", **overrides: Any) -> dict[str, Any]:
    """What the server gets for one question of MMAU under that prompt."""
    spec, (task, _) = find_model(model), find_task("mmau")
    plan = think.resolve(spec, mode, allow_approx=True)
    asked = prompt.build(
        SAMPLE, task, task.find_prompt(name), Condition(think=mode, prompt=name), spec, plan, overrides=overrides
    )
    messages = [
        replace(m, parts=tuple(replace(p, data=b"RIFF", format="wav") if isinstance(p, AudioPart) else p for p in m.parts))
        for m in asked.messages
    ]  # fmt: skip
    adapter = OpenAIChat(spec, base_url="http://localhost:1/v1", timeout=1.0)
    return json.loads(adapter.body(replace(asked, messages=tuple(messages))))


def test_mmau_is_asked_as_the_publisher_does() -> None:
    sent = body("step-audio-2-mini", "step_audio_2")
    system, user, *rest = sent["messages"]
    assert (system["role"], system["content"]) == ("system", SYSTEM)
    assert [part["type"] for part in user["content"]] == ["input_audio", "text"]
    assert user["content"][1]["text"] == ASKED
    assert not rest
    assert {k: sent[k] for k in ("max_tokens", "temperature", "top_p", "repetition_penalty", "stop_token_ids")} == {
        "max_tokens": 1024, "temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "stop_token_ids": [151665],
    }  # fmt: skip
    assert "n" not in sent and "use_beam_search" not in sent


def test_beams_are_asked_for_in_vllms_words() -> None:
    sent, greedy = body("step-audio-2-mini", "step_audio_2_beams"), body("step-audio-2-mini", "step_audio_2")
    assert (sent["n"], sent["use_beam_search"], sent["max_tokens"]) == (2, True, 1024)
    assert "num_beams" not in sent and "num_beams" not in greedy
    assert sent["messages"] == greedy["messages"]
    assert body("step-audio-2-mini", "step_audio_2_beams", max_gen_toks=256)["max_tokens"] == 256
    one = body("step-audio-2-mini", "step_audio_2_beams", num_beams=1)
    assert "n" not in one and "use_beam_search" not in one


def test_what_beam_search_would_ignore_is_refused() -> None:
    with pytest.raises(SampleError, match=r"vllm ignores top_p \(0.5\) where num_beams is 2; --gen top_p=null"):
        body("step-audio-2-mini", "step_audio_2_beams", top_p=0.5)


def test_a_server_without_beams_refuses_them_before_anything_is_sent() -> None:
    from model_adapters.dialects import DIALECTS, sampling_fields

    for name in ("stepfun_vllm", "sglang", "openai"):
        with pytest.raises(SampleError, match="has no parameter num_beams"):
            sampling_fields({"num_beams": 2}, DIALECTS[name].parameters, name)
        assert sampling_fields({"num_beams": 1}, DIALECTS[name].parameters, name) == {}


def test_other_tasks_are_asked_with_the_clients_sampling() -> None:
    sampling = find_model("step-audio-2-mini").sampling
    assert (sampling["temperature"], sampling["top_p"], sampling["repetition_penalty"]) == (0.7, 0.9, 1.05)


@pytest.mark.parametrize(
    ("mode", "prefill"), [("on", "\n<think>\n"), ("default", "\n<think>\n"), ("off", "\n<think>\n\n</think>\n")]
)
def test_mini_think_opens_its_turn_as_published(mode: str, prefill: str) -> None:
    sent = body("step-audio-2-mini-think", "mimo", mode)
    assert sent["messages"][-1] == {"role": "assistant", "content": prefill}
    assert sent["messages"][0]["role"] == "system" and "小跃" in sent["messages"][0]["content"]
    assert (sent["max_tokens"], sent["temperature"], sent["continue_final_message"]) == (2048, 0.7, True)


def test_the_default_prompts_are_the_publishers() -> None:
    assert find_model("step-audio-2-mini").prompt == "step_audio_2"
    names = [p.name for p in find_task("mmau_test")[0].prompt]
    assert {"step_audio_2", "step_audio_2_beams"} <= set(names)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("step-audio-r1-fp8", "fp8 (e4m3, one scale a layer), by vLLM while it loads"),
        ("step-audio-r1-nvfp4", "NVFP4 (compressed-tensors), by a third party: Firworks/Step-Audio-R1-nvfp4"),
        ("step-audio-r1-nvfp4a16", "by a third party: TransWithAI/Step-Audio-R1-NVFP4A16"),
    ],
)
def test_a_quantised_model_says_so_and_is_another_model(name: str, words: str) -> None:
    quantised, plain = find_model(name), find_model("step-audio-r1")
    assert words in str(quantised.quantisation) and plain.quantisation is None
    assert sha256_of(quantised) != sha256_of(plain)
    assert quantised.thinking == plain.thinking and quantised.sampling == plain.sampling
    renamed = quantised.model_copy(update={"weights": quantised.weights.model_copy(update={"quantisation": "another"})})
    assert sha256_of(renamed) != sha256_of(quantised)
