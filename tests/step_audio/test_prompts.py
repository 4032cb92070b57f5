"""Prompt ids: template, placeholders, the think markers' merges, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jinja2
import numpy as np
import pytest

from model_adapters.step_audio import CHAT_TEMPLATE
from model_adapters.step_audio.prompts import PromptError, PromptForm, Turn
from model_adapters.step_audio.tokenizer import THINK_OFF, THINK_ON, SpecialTokens
from tests.step_audio.served import CLIP, OWN_SHAPES, SHAPES, Shape

EXACT = {
    "<think>": [13708, 766, 29],
    "<think>\n": [13708, 766, 397],
    "</think>": [522, 26865, 29],
    "</think>\n": [522, 26865, 397],
    "</think>\n\n": [522, 26865, 1339],
    THINK_OFF: [13708, 766, 1339, 522, 26865, 397],
    ".</think>": [3918, 26865, 29],
    "\n</think>\n\n": [198, 522, 26865, 1339],
}
"""Ids in Qwen's vocabulary; `<think>` is no token of its own there."""


def qwen_file() -> Path:
    found = importlib.util.find_spec("dashscope")
    if found is None or not found.submodule_search_locations:
        pytest.skip("Qwen's vocabulary is not here: pip install --no-deps dashscope (its wheel carries qwen.tiktoken)")
    return Path(found.submodule_search_locations[0]) / "resources" / "qwen.tiktoken"


def test_exact_ids_of_the_prefills_in_qwens_vocabulary():
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed (vLLM brings it)")
    from tiktoken.load import load_tiktoken_bpe

    from model_adapters.step_audio.tokenizer import QWEN_SPLIT

    qwen = tiktoken.Encoding(
        "qwen", pat_str=QWEN_SPLIT, mergeable_ranks=load_tiktoken_bpe(str(qwen_file())), special_tokens={}
    )
    assert {text: qwen.encode(text) for text in EXACT} == EXACT


def test_the_tiny_vocabulary_splits_the_markers_alike(reference):
    tokens = {text: reference.tokenizer.convert_ids_to_tokens(reference.prompts.encode(text)) for text in EXACT}
    assert {text: len(parts) for text, parts in tokens.items()} == {text: len(ids) for text, ids in EXACT.items()}
    assert tokens[THINK_ON] == ["<th", "ink", ">Ċ"]
    assert tokens[THINK_OFF] == ["<th", "ink", ">ĊĊ", "</", "think", ">Ċ"]
    assert tokens[".</think>"] == [".</", "think", ">"]


def rendered(messages, **kwargs) -> str:
    environment = jinja2.Environment(autoescape=False)

    def raise_exception(words):
        raise jinja2.TemplateError(words)

    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(CHAT_TEMPLATE.read_text(encoding="utf-8")).render(messages=messages, **kwargs)


def user(*parts):
    return {"role": "user", "content": [{"type": "audio"} if p is None else {"type": "text", "text": p} for p in parts]}


def messages_of(shape: Shape) -> list[dict]:
    messages = [
        {"role": role, "content": [{"type": "audio"} if p is CLIP else {"type": "text", "text": p} for p in parts]}
        for role, parts in shape.turns
    ]
    return messages if shape.prefill is None else [*messages, {"role": "assistant", "content": shape.prefill}]


@pytest.mark.parametrize("name", [*SHAPES, *OWN_SHAPES])
def test_the_template_gives_the_served_prompt_to_the_byte(name):
    shape = (SHAPES | OWN_SHAPES)[name]
    text = rendered(messages_of(shape), add_generation_prompt=shape.prefill is None, **shape.settings)
    assert text == shape.served


@pytest.mark.parametrize("name", [*SHAPES, *OWN_SHAPES])
def test_prompt_ids_are_those_of_the_served_prompt(reference, clip, name):
    shape = (SHAPES | OWN_SHAPES)[name]
    turns = [Turn(role, tuple(clip(1.0) if p is CLIP else p for p in parts)) for role, parts in shape.turns]
    prompt = reference.prompts.build(turns, prefill=shape.opening, form=PromptForm.of(shape.settings))
    special = reference.special
    expected = []
    for token in reference.tokenizer(shape.served, add_special_tokens=False)["input_ids"]:
        span = [special.audio_start, *[special.audio_patch] * 13, special.audio_end]
        expected += span if token == special.audio_patch else [token]
    assert prompt.ids == expected


def test_the_newline_before_audio_is_a_token_of_its_own_kind():
    """A text that ends in a newline and the joining one merge: 271, where the text alone ends in 198 (Qwen)."""
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed (vLLM brings it)")
    from tiktoken.load import load_tiktoken_bpe

    from model_adapters.step_audio.tokenizer import QWEN_SPLIT

    ranks = load_tiktoken_bpe(str(qwen_file()))
    qwen = tiktoken.Encoding("qwen", pat_str=QWEN_SPLIT, mergeable_ranks=ranks, special_tokens={})
    assert [qwen.encode(text)[-1] for text in ("B. y\n", "B. y\n\n")] == [198, 271]


@pytest.mark.parametrize("role", ["user", "human"])
def test_the_template(role):
    messages = [{"role": "system", "content": "Be brief."}, {**user(None, "What?"), "role": role}]
    assert rendered(messages, add_generation_prompt=True) == (
        "<|BOT|>system\nBe brief.<|EOT|><|BOT|>human\n<audio_patch>What?<|EOT|><|BOT|>assistant\n<think>\n"
    )


def test_a_prefill_and_the_thinking_switch_end_in_the_same_text():
    asked = [user("What?", None)]
    for prefill, switch in ((THINK_ON, True), (THINK_OFF, False)):
        continued = rendered([*asked, {"role": "assistant", "content": prefill}], add_generation_prompt=False)
        assert continued == rendered(asked, add_generation_prompt=True, enable_thinking=switch)
        assert continued.endswith("<|EOT|><|BOT|>assistant\n" + prefill)
    assert rendered(asked, add_generation_prompt=True, assistant_prefix="").endswith("<|EOT|><|BOT|>assistant\n")
    assert rendered(asked, add_generation_prompt=True) == rendered(
        asked, add_generation_prompt=True, enable_thinking=True
    )


def test_earlier_answers_are_closed():
    messages = [user("a"), {"role": "assistant", "content": "b"}, user("c")]
    assert rendered(messages, add_generation_prompt=False) == (
        "<|BOT|>human\na<|EOT|><|BOT|>assistant\nb<|EOT|><|BOT|>human\nc<|EOT|>"
    )


def test_the_template_refuses_tools_and_roles_that_the_model_does_not_have():
    with pytest.raises(jinja2.TemplateError, match="tools are not supported"):
        rendered([user("a")], tools=[{"type": "function", "function": {"name": "f"}}])
    for role in ("tool", "function_output", "developer"):
        with pytest.raises(jinja2.TemplateError, match=f"role {role} is not system, user or assistant"):
            rendered([user("a"), {"role": role, "content": "b"}])


@pytest.mark.parametrize("content", ["x<|EOT|>", [{"type": "text", "text": "<audio_patch>"}], [{"type": "image"}]])
def test_the_template_refuses_forged_tokens_and_other_media(content):
    with pytest.raises(jinja2.TemplateError, match=r"special token|not text or audio"):
        rendered([{"role": "user", "content": content}])


def test_prompt_ids_are_the_templates_with_patches_expanded(reference, clip):
    prompt = reference.prompt("Listen:\n", clip(3.0), "\nWhat?", system="Be brief.", prefill=THINK_OFF)
    special: SpecialTokens = reference.special
    text = rendered(
        [{"role": "system", "content": "Be brief."}, user("Listen:\n", None, "\nWhat?")],
        add_generation_prompt=True,
        enable_thinking=False,
    )
    ids = reference.tokenizer(text, add_special_tokens=False)["input_ids"]
    at = ids.index(special.audio_patch)
    span = [special.audio_start, *[special.audio_patch] * 38, special.audio_end]
    assert prompt.ids == ids[:at] + span + ids[at + 1 :]
    assert prompt.audio_tokens == 38


def test_a_long_clip_is_several_spans_without_separator(reference, clip):
    prompt = reference.prompt(clip(71.3), "What?")
    special = reference.special
    starts = [i for i, t in enumerate(prompt.ids) if t == special.audio_start]
    ends = [i for i, t in enumerate(prompt.ids) if t == special.audio_end]
    assert [b - a - 1 for a, b in zip(starts, ends, strict=True)] == [313, 313, 267]
    assert [ends[0] + 1, ends[1] + 1] == starts[1:]
    assert prompt.audio_tokens == 893 == sum(t == special.audio_patch for t in prompt.ids)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["x<|EOT|>y"], "special token '<|EOT|>'"),
        (["<audio_patch>"], "special token '<audio_patch>'"),
        ([np.zeros(0, dtype=np.float32)], "audio is empty"),
        ([np.array([np.nan] * 500, dtype=np.float32)], "not finite"),
        ([np.zeros(16_000 * 400, dtype=np.float32)], "do not fit the model's context of 4096"),
    ],
)
def test_what_cannot_be_asked(reference, parts, words):
    with pytest.raises(PromptError) as caught:
        reference.prompt(*parts)
    assert words in str(caught.value)


def test_room_for_the_answer_counts(reference):
    turns = [Turn("user", ("x" * 3000,))]
    reference.prompts.build(turns, max_new_tokens=500)
    with pytest.raises(PromptError, match="1500 new"):
        reference.prompts.build(turns, max_new_tokens=1500)
    with pytest.raises(PromptError, match="role 'tool'"):
        reference.prompts.build([Turn("tool", ("x",))])


def test_special_tokens_are_looked_up_by_name(reference):
    vocabulary = reference.tokenizer.get_vocab()
    assert reference.special.audio_patch == vocabulary["<audio_patch>"]
    assert reference.special.stop == (vocabulary["<|EOT|>"], vocabulary["<|endoftext|>"])

    class Other:
        def get_vocab(self):
            return {"<|EOT|>": 1, "<|BOT|>": 2}

    with pytest.raises(ValueError, match="no token <audio_start>, <audio_end>, <audio_patch>"):
        SpecialTokens.of(Other())
