"""Controls and the scripted model: what they answer, and what that depends on."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from audiobench.core.errors import UsageError
from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, Sample, TextPart
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter, find_model
from audiobench.model.spec import ModelSpec, Thinking

CHOICES = ("dog", "cat", "rain", "piano")


def sample(n: int = 0, **fields) -> Sample:
    clip = Clip(Path(f"{n}.wav"), sha256=f"{n:064x}")
    given = {"id": f"s{n}", "question": "Which?", "clips": (clip,), "choices": CHOICES, "target": CHOICES[n % 4]}
    return Sample(**{**given, **fields})


def request(item: Sample, *, transform: str = "full", data: bytes = b"RIFF", clip: Clip | None = None, **fields):
    lines = [f"{letter}. {text}" for letter, text in item.options]
    parts: list = [TextPart("\n".join([item.question, *lines]))]
    parts += [AudioPart(clip or c, transform, data=data, format="wav") for c in item.clips if transform != "none"]
    return Request(
        (Message("user", tuple(parts)),),
        sample=item,
        **{"sample_id": item.id, **fields, "prefill": words(fields.get("prefill"))},
    )


def answers(name: str, requests: list[Request], **options) -> list[str]:
    return [r.text for r in replies(name, requests, **options)]


def replies(name: str, requests: list[Request], thinking: Thinking | None = None, **options):
    model = ModelSpec(name=name, adapter=name, served_model=name, options=options, thinking=thinking or Thinking())

    async def main():
        adapter = build_adapter(model)
        return [await adapter.generate(r) for r in requests]

    return asyncio.run(main())


ITEMS = [sample(n) for n in range(400)]


def test_oracle_is_right_when_and_only_when_the_items_own_audio_is_there():
    assert answers("oracle", [request(s) for s in ITEMS]) == [
        f"({'ABCD'[n % 4]}) {s.target}" for n, s in enumerate(ITEMS)
    ]
    other = Clip(Path("other.wav"), sha256="f" * 64)
    for broken in (
        {"transform": "none"},
        {"transform": "silence"},
        {"transform": "reverse"},
        {"data": b""},
        {"clip": other},
    ):
        got = answers("oracle", [request(s, **broken) for s in ITEMS])
        right = sum(str(s.target) in text for s, text in zip(ITEMS, got, strict=True))
        assert 70 <= right <= 130, broken  # chance: 100


def test_oracle_finds_the_letter_that_the_prompt_shows():
    item = sample(1)
    shown = structs.replace(item, choices=("rain", "piano", "dog", "cat"))
    asked = replace(request(shown), sample=item)
    assert answers("oracle", [asked]) == ["(D) cat"]
    prefixed = sample(1, choices=("(A) dog", "(B) cat"), target="(B) cat")
    assert answers("oracle", [request(prefixed)]) == ["(B) cat"]


def test_oracle_without_choices_gives_the_target():
    assert answers("oracle", [request(sample(choices=(), target="hello world"))]) == ["hello world"]
    assert answers("oracle", [request(sample(choices=(), target=("first", "second")))]) == ["first"]
    assert answers("oracle", [request(sample(choices=(), target="hello"), transform="noise:1")]) != ["hello"]


def test_deaf_answers_the_same_whatever_the_audio():
    heard = answers("deaf", [request(s) for s in ITEMS])
    other = Clip(Path("other.wav"), sha256="f" * 64)
    for change in ({"transform": "none"}, {"transform": "silence"}, {"clip": other}, {"epoch": 3}):
        assert answers("deaf", [request(s, **change) for s in ITEMS]) == heard
    asked = [request(structs.replace(s, question=f"Which {s.id}?")) for s in ITEMS]
    assert set(answers("deaf", asked)) == {"(A) dog", "(B) cat", "(C) rain", "(D) piano"}


def test_random_is_even_and_drawn_by_id_and_epoch():
    first = answers("random", [request(s) for s in ITEMS])
    counts = Counter(first)
    assert len(counts) == 4
    assert min(counts.values()) > 70
    assert answers("random", [request(s) for s in ITEMS]) == first
    assert answers("random", [request(s, epoch=1) for s in ITEMS]) != first


def test_first_choice_takes_the_first_shown():
    item = sample(1)
    rotated = replace(request(structs.replace(item, choices=("cat", "rain", "piano", "dog"))), sample=item)
    assert answers("first_choice", [request(item), rotated]) == ["(A) dog", "(A) cat"]


def test_controls_need_the_item():
    with pytest.raises(SampleError, match=r"Request\.sample is not set"):
        answers("oracle", [replace(request(sample()), sample=None)])


def test_controls_and_scripted_take_every_format_also_ad_hoc():
    for name in ("oracle", "deaf", "random", "first_choice", "scripted", "scripted:mine", "oracle:x"):
        assert {"wav", "mp3", "flac", "ogg", "m4a"} <= set(find_model(name).audio.formats)
    mine = find_model("scripted:mine")
    assert (mine.name, mine.served_model, mine.adapter) == ("mine", "mine", "scripted")


# -- scripted


def rate(texts: list[str]) -> float:
    return sum(str(s.target) in text for s, text in zip(ITEMS, texts, strict=True)) / len(ITEMS)


def test_accuracy_by_think_mode_is_paired():
    table = {"on": 0.8, "off": 0.6, "budget": {64: 0.65, 256: 0.75}}
    right = {}
    for mode in ("on", "off", "budget:64", "budget:128", "budget:4096"):
        got = answers("scripted", [request(s, think=mode) for s in ITEMS], accuracy=table)
        right[mode] = {s.id for s, text in zip(ITEMS, got, strict=True) if str(s.target) in text}
        assert len(right[mode]) / 400 == pytest.approx(
            {"on": 0.8, "off": 0.6, "budget:64": 0.65, "budget:128": 0.7, "budget:4096": 0.75}[mode], abs=0.05
        )
    assert right["off"] < right["budget:64"] < right["budget:128"] < right["budget:4096"] < right["on"]
    with pytest.raises(SampleError, match="says nothing about think mode 'budget:9'"):
        answers("scripted", [request(sample(), think="budget:9")], accuracy={"on": 1.0})


def test_it_listens_when_told_to():
    options = {"accuracy": 0.9, "accuracy_without_audio": 0.25}
    assert rate(answers("scripted", [request(s) for s in ITEMS], **options)) == pytest.approx(0.9, abs=0.05)
    silent = answers("scripted", [request(s, transform="silence") for s in ITEMS], **options)
    assert rate(silent) == pytest.approx(0.25, abs=0.06)


@given(accuracy=st.floats(0, 1), seed=st.integers(0, 99))
def test_answers_depend_on_the_item_alone(accuracy, seed):
    some = [request(s) for s in ITEMS[:20]]
    forward = answers("scripted", some, accuracy=accuracy, seed=seed)
    backward = answers("scripted", some[::-1], accuracy=accuracy, seed=seed)
    assert forward == backward[::-1]


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("option", "(B) cat"), ("letter", "B"), ("paren", "(B)"), ("text", "cat"), ("sentence", "The answer is B."),
        ("boxed", "\\boxed{B}"),
    ],
)  # fmt: skip
def test_answer_styles(style, text):
    assert answers("scripted", [request(sample(1))], answer_style=style) == [text]


def test_thinking_behaves_as_a_server_does():
    script = {"reasoning_words": 5, "answer_style": "letter"}
    thought = "I listen once more and"
    item = sample(1)

    def one(**fields):
        (reply,) = replies("scripted", [request(item, **fields)], thinking=Thinking(default="on"), **script)
        return reply.text, reply.finish_reason

    assert one() == (f"<think>\n{thought}\n</think>\nB", "stop")
    assert one(think="off") == ("B", "stop")
    assert one(think="on", prefill="<think>\n") == (f"{thought}\n</think>\nB", "stop")
    assert one(think="off", prefill="<think>\n\n</think>\n") == ("B", "stop")
    first = {"until": ["</think>"], "max_gen_toks": 3}
    assert one(think="budget:3", prefill="<think>\n", generation=first) == ("I listen once", "length")
    first["max_gen_toks"] = 64
    assert one(think="budget:64", prefill="<think>\n", generation=first) == (f"{thought}\n", "stop")
    assert one(think="budget:3", prefill="<think>\nI listen once\n</think>\n") == ("B", "stop")
    (field,) = replies("scripted", [request(item, think="on")], **script, reasoning_where="field")
    assert (field.text, field.reasoning) == ("B", thought)


def test_refused_truncated_and_unparsed_shares():
    options = {"refusal": 0.1, "truncation": 0.1, "unparsed": 0.1}
    got = replies("scripted", [request(s) for s in ITEMS], **options)
    kinds = Counter(r.finish_reason for r in got)
    assert 20 < kinds["content_filter"] < 60
    assert 20 < kinds["length"] < 60
    assert 20 < sum("not sure" in r.text for r in got) < 60


def test_faults_are_limited_for_each_request_and_come_back_the_same():
    rates = {429: 0.3, "500": 0.2, "reset": 0.1, "truncated_json": 0.1, "empty_choices": 0.1, "timeout": 0.1}

    async def run() -> tuple[list[str], int]:
        adapter = build_adapter(
            ModelSpec(
                name="m", adapter="scripted", served_model="m",
                options={"faults": rates, "max_faults": 2, "retry_after": 0.5, "accuracy": 1.0},
            )
        )  # fmt: skip
        story: list[str] = []
        for item in ITEMS[:100]:
            for attempt in range(4):
                try:
                    story.append((await adapter.generate(request(item))).text)
                    assert attempt <= 2
                    break
                except RetryableError as error:
                    story.append(str(error))
                    if error.rate_limited:
                        assert error.retry_after == 0.5
            else:
                raise AssertionError("never answered")
        return story, adapter.calls  # type: ignore[attr-defined]

    story, calls = asyncio.run(run())
    assert asyncio.run(run())[0] == story
    assert 200 < calls < 300
    assert len({line for line in story if line.startswith("scripted: ")}) == 6


def test_fatal_faults():
    with pytest.raises(SampleError):
        answers("scripted", [request(sample())], faults={"400": 1.0})
    with pytest.raises(RunError):
        answers("scripted", [request(sample())], faults={401: 1.0})


def test_latency_is_taken_and_spread():
    got = replies("scripted", [request(s) for s in ITEMS[:8]], latency=0.01, latency_sigma=0.5)
    totals = [r.latency["total"] for r in got]
    assert min(totals) > 0.001
    assert max(totals) > 1.2 * min(totals)


def test_fixed_replies_from_a_file(tmp_path):
    path = tmp_path / "replies.jsonl"
    path.write_text(
        '{"id": "s1", "text": "C", "reasoning": "r"}\n\n{"id": "s2", "output": "D", "finish_reason": "length"}\n'
    )
    got = replies("scripted", [request(sample(1)), request(sample(2)), request(sample(3))], replies=str(path))
    assert [(r.text, r.reasoning, r.finish_reason) for r in got] == [
        ("C", "r", "stop"),
        ("D", None, "length"),
        ("(D) piano", None, "stop"),
    ]
    path.write_text('{"id": "s1", "text": "C"}\n{"text": \n')
    with pytest.raises(UsageError, match=r"replies\.jsonl:2: a reply is a JSON object"):
        answers("scripted", [request(sample())], replies=str(path))


def test_wrong_options_are_said():
    with pytest.raises(UsageError, match=r"model scripted: options\.acuracy: Extra inputs"):
        answers("scripted", [request(sample())], acuracy=0.5)
