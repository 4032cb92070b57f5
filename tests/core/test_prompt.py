"""From a sample to a request: order, conditions, parameters, keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs, to_builtins

from audiobench.ask import prompt
from audiobench.core.errors import UsageError
from audiobench.core.types import AudioPart, Clip, Condition, Sample, TextPart
from audiobench.files.records import turns
from audiobench.model import think
from audiobench.model.spec import ModelSpec
from audiobench.task.spec import Prompt, TaskSpec

MODEL = ModelSpec(name="m", adapter="scripted", served_model="m", sampling={"temperature": 0.7, "top_p": 0.9})
SAMPLE = Sample(
    "s1", "Which sound?", (Clip(Path("a.wav"), "a" * 64),), ("dog", "cat", "bird"), "cat", transcript="woof"
)
FULL = Condition()
OTHER = structs.replace(SAMPLE, id="s2", clips=(Clip(Path("b.wav"), "b" * 64),))
TEXT = "{{question}}{% for o in options %}\n{{o.letter}}. {{o.text}}{% endfor %}"


def task(**prompt_fields: Any) -> TaskSpec:
    fields = {"order": ["audio", "text"], "text": TEXT, **prompt_fields}
    return TaskSpec(
        task="t", dataset_path="d.jsonl", doc_to_audio="a", doc_to_target="b", prompt=[Prompt(**fields)],
        generation_kwargs={"temperature": 0.0, "max_gen_toks": 10},
    )  # fmt: skip


def build(spec: TaskSpec, condition: Condition = FULL, sample: Sample = SAMPLE, **more: Any) -> Any:
    plan = think.resolve(MODEL, condition.think)
    arranged = prompt.arrange(sample, condition.option_order)
    return prompt.build(arranged, spec, spec.prompt[0], condition, MODEL, plan, **more)


@pytest.mark.parametrize("order", [["audio", "text"], ["text", "audio"]])
def test_the_order_of_the_parts_is_the_prompts(order: list[str]) -> None:
    parts = build(task(order=order)).messages[-1].parts
    assert ["audio" if isinstance(part, AudioPart) else "text" for part in parts] == order


def test_parameters_from_weakest_to_strongest() -> None:
    spec = task(generation_kwargs={"top_p": 0.5})
    got = build(spec, epoch=2, seed=7, overrides={"temperature": 0.3}).generation
    assert got == {"temperature": 0.3, "max_gen_toks": 10, "top_p": 0.5, "seed": 9}


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        ("full", [("a.wav", "full")]),
        ("none", []),
        ("silence", [("a.wav", "silence")]),
        ("reverse", [("a.wav", "reverse")]),
        ("swap", [("b.wav", "full")]),
    ],
)
def test_audio_conditions(audio: str, expected: list[tuple[str, str]]) -> None:
    got = build(task(), Condition(audio=audio), swap={"s1": OTHER})
    assert [(str(part.clip.path), part.transform) for part in got.audio] == expected


def test_transcript_stands_in_the_audios_place() -> None:
    parts = build(task(), Condition(audio="transcript")).messages[-1].parts
    assert next(part.text for part in parts) == "Transcript of the audio:\nwoof\n"
    with pytest.raises(UsageError, match="s1 has no transcript"):
        build(task(), Condition(audio="transcript"), structs.replace(SAMPLE, transcript=None))


def test_an_audio_only_prompt_has_nothing_to_ask_without_audio() -> None:
    with pytest.raises(UsageError, match="nothing is left to ask"):
        build(task(text=None), Condition(audio="none"))


def test_options_rotate_and_the_target_stays() -> None:
    turned = prompt.arrange(SAMPLE, 1)
    assert (turned.choices, turned.target) == (("cat", "bird", "dog"), SAMPLE.target)
    text = build(task(), Condition(option_order=1)).messages[-1].parts[1]
    assert isinstance(text, TextPart) and text.text == "Which sound?\nA. cat\nB. bird\nC. dog"


@given(st.integers(0, 20))
def test_rotations_only_reorder(order: int) -> None:
    assert sorted(map(str, prompt.arrange(SAMPLE, order).choices)) == sorted(map(str, SAMPLE.choices))


def test_padded_slots_keep_their_letters() -> None:
    padded = structs.replace(SAMPLE, choices=(None, "male", None, "female"), target="male")
    slots = "{% for o in slots %}{{o.letter}}. {{o.text}}\n{% endfor %}"
    text = build(task(text=slots), sample=padded).messages[-1].parts[1]
    assert text.text == "A. None\nB. male\nC. None\nD. female\n"
    assert padded.options == [("B", "male"), ("D", "female")]


def test_the_key_changes_with_everything_that_can_change_a_response_and_with_nothing_else() -> None:
    base = build(task())
    key = base.key("model")
    assert key == build(task()).key("model")
    clip = Clip(Path("moved/elsewhere.wav"), "a" * 64)
    assert build(task(), sample=structs.replace(SAMPLE, clips=(clip,))).key("model") == key
    different = [
        build(task(), sample=structs.replace(SAMPLE, clips=(Clip(Path("a.wav"), "c" * 64),))),
        build(task(), sample=structs.replace(SAMPLE, question="Which animal?")),
        build(task(), Condition(audio="silence")),
        build(task(), Condition(option_order=1)),
        build(task(), epoch=1),
        build(task(), overrides={"temperature": 1}),
        build(task(order=["text", "audio"])),
    ]
    keys = {request.key("model") for request in different} | {base.key("another model")}
    assert key not in keys and len(keys) == len(different) + 1


def test_a_protocol_of_several_turns_is_part_of_the_key() -> None:
    one, two, three = (build(task(), protocol=name) for name in ("", "relisten@1:turns=2", "relisten@1:turns=3"))
    assert len({one.key("m"), two.key("m"), three.key("m")}) == 3


def test_what_a_journal_shows_of_a_prompt() -> None:
    assert to_builtins(turns(build(task(system="Listen.")))) == [
        {"role": "system", "parts": ["Listen."]},
        {"role": "user", "parts": [{"audio": 0}, "Which sound?\nA. dog\nB. cat\nC. bird"]},
    ]
