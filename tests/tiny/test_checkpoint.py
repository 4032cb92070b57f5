"""The shipped checkpoint: what its card says it is, loadable, and as good as its card says (bands, not hashes)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra local)")
pytest.importorskip("transformers", reason="transformers is not installed (the extra local)")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from audiobench.data.listening import generate  # noqa: E402
from model_adapters.step_audio.reference import Reference  # noqa: E402
from model_adapters.step_audio.tiny import CHECKPOINT, evaluate, tokenizer  # noqa: E402
from model_adapters.step_audio.tokenizer import load_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def reference() -> Reference:
    torch.set_num_threads(1)
    return Reference.load(CHECKPOINT)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return json.loads((CHECKPOINT / "card.json").read_text(encoding="utf-8"))


def test_files_are_those_of_the_card(told: dict[str, Any]):
    for name, digest in told["sha256"].items():
        assert hashlib.sha256((CHECKPOINT / name).read_bytes()).hexdigest() == digest, name
    assert (CHECKPOINT / "model.safetensors").stat().st_size < 10_000_000
    card = (CHECKPOINT / "card.md").read_text(encoding="utf-8")
    assert told["sha256"]["model.safetensors"] in card
    assert f"{100 * told['scores']['groups']['all']['think']['value']:.1f}" in card


def test_it_has_the_published_layout(reference: Reference):
    from safetensors import safe_open

    with safe_open(str(CHECKPOINT / "model.safetensors"), framework="pt") as file:
        names = set(file.keys())
        assert {file.get_tensor(name).dtype for name in names} == {torch.bfloat16}
    heads = {name.split(".")[0] for name in names}
    assert heads == {"model", "lm_head", "encoder", "adapter"}
    config = json.loads((CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["architectures"]) == ("step_audio_2", ["StepAudio2ForCausalLM"])
    assert config["transformers_version"]
    assert config["eos_token_id"] == [reference.special.eot, 0]
    assert sum(p.numel() for p in reference.model.parameters()) == 3_413_760


def test_the_tokenizer_is_the_one_that_its_builder_makes(tmp_path):
    tokenizer.save(tokenizer.build(1_000_000), tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == (CHECKPOINT / "tokenizer.json").read_bytes()


def test_think_marks_split_as_in_the_released_models(reference: Reference):
    def pieces(text: str) -> list[str]:
        ids = reference.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [reference.tokenizer.decode([i]) for i in ids]

    assert pieces("<think>\n") == ["<think", ">\n"]
    assert pieces("<think>\n\n</think>\n") == ["<think", ">\n\n", "</", "think", ">\n"]


@given(st.text(max_size=60))
@settings(max_examples=80)
def test_any_text_survives_the_tokenizer(text: str):
    words = load_tokenizer(CHECKPOINT)
    assert words.decode(words(text, add_special_tokens=False)["input_ids"]) == text


def test_scores_lie_in_the_bands(reference: Reference):
    items = list(generate(31, per_family=6))
    think, direct = (evaluate.ask(reference, items, mode) for mode in ("think", "direct"))
    assert len(items) == 222
    assert sum(r.right for r in think) / len(items) >= 0.80
    assert sum(r.right for r in direct) / len(items) >= 0.60
    assert sum(r.formatted for r in think + direct) / len(items) / 2 >= 0.97
    assert all(r.tokens <= 12 for r in direct)
    for audio in ("silence", "none", "swap"):
        control = evaluate.ask(reference, items, "direct", audio)
        assert sum(r.right for r in control) / len(items) <= 0.45, audio


def test_thinking_helps_where_a_kind_is_counted(reference: Reference):
    families = ["count_kind", "count_glide", "count_level", "count_chord", "count_vowel"]
    items = list(generate(32, families, per_family=24))
    think, direct = (evaluate.ask(reference, items, mode) for mode in ("think", "direct"))
    assert sum(r.right for r in think) > sum(r.right for r in direct)


def test_what_an_answer_is():
    (item,) = generate(3, ["loud_long"], per_family=1)
    good = evaluate.read(item, f"loud. {item.target}.\n</think>\n{item.target}", True, 9, "think")
    assert (good.right, good.formatted, good.trace) == (True, True, f"loud. {item.target}.")
    assert evaluate.read(item, item.target, True, 2, "direct").right
    unclosed = evaluate.read(item, item.target, True, 9, "think")
    assert (unclosed.right, unclosed.formatted) == (False, False)
    assert not evaluate.read(item, item.target, False, 160, "direct").right
    assert not evaluate.read(item, "perhaps", True, 2, "direct").formatted


def test_swapped_clips_are_never_the_own_one():
    items = list(generate(3, per_family=1))
    assert all(here != there for here, there in enumerate(evaluate.swapped(items, 0)))
    assert sorted(evaluate.swapped(items, 0)) == list(range(len(items)))
