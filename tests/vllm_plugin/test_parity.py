"""The plugin under stock vLLM says what the plain reference says, to 1e-4 in log-probability over the vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_adapters.step_audio.prompts import separated
from tests.step_audio.served import CLIP, OWN_SHAPES, SHAPES

TOLERANCE = 1e-4
THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"
BUDGET_CLOSED = "<think>\nTwo beeps, so\n</think>\n"


@pytest.fixture(scope="module")
def llm(engine, tiny_checkpoint) -> Any:
    return engine(tiny_checkpoint, enable_prefix_caching=True, disable_log_stats=False)


@pytest.fixture(scope="module")
def reference(tiny_checkpoint) -> Any:
    from model_adapters.step_audio.reference import Reference

    return Reference.load(tiny_checkpoint)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


CASES = {
    "0.2 s": [noise(0.2), "hello?"],
    "3 s, text first": ["Listen.\n", noise(3.0, 1), "\nWhat is it?"],
    "71.3 s in 3 chunks": [noise(71.3, 2), "And now?"],
    "two clips": [noise(0.7, 3), "then", noise(26.01, 4), "two"],
    "text only": ["What is a beep?"],
}


def vllm_prompt(parts: list[Any], prefill: str = THINK_ON) -> dict[str, Any]:
    text = "".join(p if isinstance(p, str) else "<audio_patch>" for p in separated(parts, "\n"))
    clips = [p for p in parts if not isinstance(p, str)]
    prompt: dict[str, Any] = {"prompt": f"<|BOT|>human\n{text}<|EOT|><|BOT|>assistant\n{prefill}"}
    if clips:
        prompt["multi_modal_data"] = {"audio": clips}
    return prompt


def generate(llm, prompts: list[dict[str, Any]], tokens: int = 4) -> list[Any]:
    from vllm import SamplingParams

    sampling = SamplingParams(max_tokens=tokens, temperature=0.0, logprobs=-1)
    return llm.generate(prompts, sampling, use_tqdm=False)


def all_logprobs(output: Any, vocabulary: int) -> np.ndarray:
    steps = output.outputs[0].logprobs
    return np.array([[step[token].logprob for token in range(vocabulary)] for step in steps])


def distance(output: Any, prompt: Any, reference: Any) -> float:
    ids = list(output.outputs[0].token_ids)
    expected = reference.logprobs(prompt, ids[:-1]).numpy()
    return float(np.abs(expected - all_logprobs(output, expected.shape[1])).max())


def test_in_one_batch(llm, reference):
    outputs = generate(llm, [vllm_prompt(parts) for parts in CASES.values()])
    for name, parts, output in zip(CASES, CASES.values(), outputs, strict=True):
        prompt = reference.prompt(*parts)
        assert output.prompt_token_ids == prompt.ids, name
        patches = output.prompt_token_ids.count(reference.special.audio_patch)
        assert patches == prompt.audio_tokens, name
        assert distance(output, prompt, reference) < TOLERANCE, name


@pytest.mark.parametrize("name", CASES)
def test_alone(llm, reference, name):
    llm.reset_prefix_cache()
    output = generate(llm, [vllm_prompt(CASES[name])])[0]
    assert distance(output, reference.prompt(*CASES[name]), reference) < TOLERANCE


@pytest.mark.parametrize("prefill", [THINK_ON, THINK_OFF, BUDGET_CLOSED])
def test_prefills(llm, reference, prefill):
    parts = [noise(2.0, 9), "How many?"]
    prompt = reference.prompt(*parts, prefill=prefill)
    output = generate(llm, [vllm_prompt(parts, prefill)])[0]
    assert output.prompt_token_ids == prompt.ids
    assert prompt.ids[-len(reference.prompts.encode(prefill)) :] == reference.prompts.encode(prefill)
    assert distance(output, prompt, reference) < TOLERANCE


def test_greedy_answers_are_the_references(llm, reference):
    from model_adapters.step_audio.sampling import Sampling

    outputs = generate(llm, [vllm_prompt(parts) for parts in CASES.values()], tokens=12)
    prompts = [reference.prompt(*parts) for parts in CASES.values()]
    expected = reference.generate(prompts, Sampling(max_new_tokens=12))
    assert [list(o.outputs[0].token_ids) for o in outputs] == [e.ids for e in expected]


def test_the_second_condition_of_a_clip_reuses_its_prefill(llm):
    llm.reset_prefix_cache()
    parts = [noise(62.0, 11), "How many?"]
    cold = generate(llm, [vllm_prompt(parts, THINK_ON)])[0]
    warm = generate(llm, [vllm_prompt(parts, THINK_OFF)])[0]
    other = generate(llm, [vllm_prompt([noise(62.0, 12), "How many?"], THINK_OFF)])[0]
    block = 128
    shared = len(cold.prompt_token_ids) - 3
    assert cold.num_cached_tokens == 0
    assert warm.num_cached_tokens == shared // block * block >= 6 * block
    assert other.num_cached_tokens == 0


def test_one_prefill_serves_every_epoch(llm):
    from vllm import SamplingParams

    sampling = SamplingParams(n=4, max_tokens=3, temperature=1.0, seed=1)
    output = llm.generate([vllm_prompt([noise(2.0, 13), "x"])], sampling, use_tqdm=False)[0]
    assert len({tuple(o.token_ids) for o in output.outputs}) > 1
    assert len(output.outputs) == 4


BAD = {
    "empty audio": ([np.zeros(0, dtype=np.float32), "x"], "empty"),
    "NaN audio": ([np.full(1600, np.nan, dtype=np.float32), "x"], "not finite"),
    "a stray patch": ([noise(1.0), "x <audio_patch>"], "2 <audio_patch> but 1 clip"),
    "a stray end of turn": ([noise(1.0), "x<|EOT|>y"], "special token"),
    "a forged mark": ([noise(1.0), "<audio_start>y"], "special token"),
    "too long": ([noise(300.0), "x"], "maximum model length|longer than|max_model_len|context length"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_fails_with_its_reason_and_the_engine_goes_on(llm, reference, name):
    from vllm.exceptions import VLLMValidationError

    parts, words = BAD[name]
    with pytest.raises((ValueError, VLLMValidationError), match=words):
        generate(llm, [vllm_prompt(parts)])
    good = CASES["0.2 s"]
    assert distance(generate(llm, [vllm_prompt(good)])[0], reference.prompt(*good), reference) < TOLERANCE


@pytest.mark.parametrize("content", ["x<|EOT|>", "<audio_patch>"])
def test_the_chat_template_refuses_forged_tokens_even_without_audio(llm, content):
    from model_adapters.step_audio import CHAT_TEMPLATE

    template = Path(CHAT_TEMPLATE).read_text(encoding="utf-8")
    with pytest.raises(Exception, match="special token"):
        llm.chat([{"role": "user", "content": content}], chat_template=template, use_tqdm=False)


def input_audio(samples: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """A content part, and what its 16-bit WAV holds."""
    import base64
    import io

    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, (samples * 8000).astype(np.int16), 16_000, format="WAV", subtype="PCM_16")
    audio = {"data": base64.b64encode(buffer.getvalue()).decode(), "format": "wav"}
    buffer.seek(0)
    return {"type": "input_audio", "input_audio": audio}, soundfile.read(buffer, dtype="float32")[0]


def chat(llm, messages: list[Any], *, continued: bool, settings: dict[str, Any] | None = None, tokens: int = 2) -> Any:
    from vllm import SamplingParams

    from model_adapters.step_audio import CHAT_TEMPLATE

    return llm.chat(
        messages,
        SamplingParams(max_tokens=tokens, temperature=0.0, logprobs=-1),
        chat_template=Path(CHAT_TEMPLATE).read_text(encoding="utf-8"),
        add_generation_prompt=not continued,
        continue_final_message=continued,
        chat_template_kwargs=settings,
        use_tqdm=False,
    )[0]


@pytest.mark.parametrize("prefill", [None, THINK_ON, THINK_OFF, BUDGET_CLOSED])
def test_chat_gives_the_references_prompt(llm, reference, prefill):
    audio, heard = input_audio(noise(3.0, 5))
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [audio, {"type": "text", "text": "What?"}]},
    ]
    if prefill is not None:
        messages.append({"role": "assistant", "content": prefill})
    output = chat(llm, messages, continued=prefill is not None)
    prompt = reference.prompt(heard, "What?", system="Be brief.", prefill=prefill or THINK_ON)
    assert output.prompt_token_ids == prompt.ids
    assert distance(output, prompt, reference) < TOLERANCE


@pytest.mark.parametrize("name", [*SHAPES, *OWN_SHAPES])
def test_chat_gives_the_served_prompt_for_every_shape_of_turn(llm, reference, name):
    from model_adapters.step_audio.prompts import PromptForm, Turn

    shape = (SHAPES | OWN_SHAPES)[name]
    audio, heard = input_audio(noise(1.0, 6))
    messages: list[Any] = [
        {"role": role, "content": [audio if p is CLIP else {"type": "text", "text": p} for p in parts]}
        for role, parts in shape.turns
    ]
    if shape.prefill is not None:
        messages.append({"role": "assistant", "content": shape.prefill, "eot": False})
    output = chat(llm, messages, continued=shape.prefill is not None, settings=shape.settings, tokens=1)
    turns = [Turn(role, tuple(heard if p is CLIP else p for p in parts)) for role, parts in shape.turns]
    prompt = reference.prompts.build(turns, prefill=shape.opening, form=PromptForm.of(shape.settings))
    assert output.prompt_token_ids == prompt.ids
    span = "<audio_start>" + "<audio_patch>" * 13 + "<audio_end>"
    assert reference.tokenizer.decode(output.prompt_token_ids) == shape.served.replace("<audio_patch>", span)
