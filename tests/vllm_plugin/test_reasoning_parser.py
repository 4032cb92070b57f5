"""vLLM's view of the family: the entry point, the reasoning parser in one piece and streamed."""

from __future__ import annotations

from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest

THINK_ON = "<think>\n"
THINK_OFF = "<think>\n\n</think>\n"


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint) -> Any:
    from model_adapters.step_audio.tokenizer import load_tokenizer

    return load_tokenizer(tiny_checkpoint)


@pytest.fixture
def parser(tokenizer) -> Any:
    from vllm.reasoning import ReasoningParserManager

    from model_adapters.step_audio import register

    register()
    register()
    return ReasoningParserManager.get_reasoning_parser("step_audio")(tokenizer)


def request(prefill: str | None, **kwargs: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": "What?"}]
    if prefill is not None:
        messages.append({"role": "assistant", "content": prefill})
    return SimpleNamespace(messages=messages, chat_template_kwargs=kwargs or None)


def test_the_entry_point_registers_model_configuration_and_parser():
    from transformers import AutoConfig
    from vllm import ModelRegistry

    (point,) = [p for p in entry_points(group="vllm.general_plugins") if p.name == "step_audio"]
    point.load()()
    point.load()()
    assert "StepAudio2ForCausalLM" in ModelRegistry.get_supported_archs()
    assert AutoConfig.for_model("step_audio_2").text_config.vocab_size == 158720


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("Two beeps.\n</think>\nB", request(THINK_ON), ("Two beeps.", "B")),
        ("Two beeps.\n</think>\nB", request(None), ("Two beeps.", "B")),
        ("B", request(THINK_OFF), (None, "B")),
        ("B", request(None, enable_thinking=False), (None, "B")),
        ("Two beeps, th", request(THINK_ON), ("Two beeps, th", None)),
        ("B", request(None, assistant_prefix=""), (None, "B")),
        ("B", request(None, assistant_prefix=THINK_OFF), (None, "B")),
        ("Two beeps.</think>B", request(None, assistant_prefix=THINK_ON), ("Two beeps.", "B")),
    ],
)
def test_in_one_piece(parser, text, asked, expected):
    assert parser.extract_reasoning(text, asked) == expected


@pytest.mark.parametrize(
    ("prefill", "text", "reasoning", "answer"),
    [
        (THINK_ON, "Two beeps.</think>\nThe answer is B < C.", "Two beeps.", "The answer is B < C."),
        (THINK_ON, "a </th b", "a </th b", ""),
        (THINK_OFF, "It is </think> B", "", "It is </think> B"),
        (THINK_OFF, "<think>\nTwo beeps.</think>\nB", "Two beeps.", "B"),
        (THINK_ON, "<think>\nTwo beeps.</think>\nB", "Two beeps.", "B"),
        (THINK_OFF, "<B> it is", "", "<B> it is"),
    ],
)
@pytest.mark.parametrize("step", [1, 3, 7])
def test_streamed_in_any_pieces(parser, tokenizer, prefill, text, reasoning, answer, step):
    parser.adjust_initial_state_from_prompt(tokenizer("assistant\n" + prefill)["input_ids"])
    said, answered, before = "", "", ""
    for end in range(step, len(text) + step, step):
        now = text[:end]
        delta = parser.extract_reasoning_streaming(before, now, now[len(before) :], [], [], [])
        if delta is not None:
            said += delta.reasoning or ""
            answered += delta.content or ""
        before = now
    assert (said, answered) == (reasoning, answer)


def test_token_level_views(parser, tokenizer):
    ids = tokenizer("Two beeps.</think>\nB")["input_ids"]
    answer = tokenizer.decode(parser.extract_content_ids(ids))
    assert answer.strip() == "B"
    counted = parser.count_reasoning_tokens(ids)
    assert "</think>" in tokenizer.decode(ids[:counted])
    assert "</think>" not in tokenizer.decode(ids[: counted - 1])
    assert parser.is_reasoning_end(ids)
    assert not parser.is_reasoning_end(tokenizer("<think>\nTwo")["input_ids"])
    assert parser.count_reasoning_tokens(tokenizer("Two")["input_ids"]) == len(tokenizer("Two")["input_ids"])


def test_a_closed_prompt_holds_for_an_answer_in_one_piece_too(parser, tokenizer):
    parser.adjust_initial_state_from_prompt(tokenizer("assistant\n" + THINK_OFF)["input_ids"])
    assert parser.extract_reasoning("B", request(None)) == (None, "B")
