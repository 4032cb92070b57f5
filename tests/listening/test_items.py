"""Items: deterministic, balanced, right, and never shared between training and evaluation."""

from __future__ import annotations

import hashlib
import importlib.util
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.core.errors import UsageError
from audiobench.data.listening import DEFAULT_SEED, TRAIN_SEEDS, Item, generate
from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import FAMILIES
from audiobench.data.listening.items import evaluation_item, training_item

spec = importlib.util.spec_from_file_location("listening_oracle", Path(__file__).with_name("oracle.py"))
assert spec and spec.loader
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

NAMES = [f.name for f in FAMILIES]
FACTS = "d3848c70c48e0872782e0c818dde99701ce57338ad7d9d20656e34fc848aafcc"
"""Digest of the 37 x 12 items of the default seed: their facts are the same everywhere, or this is another benchmark."""


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(generate(per_family=48))


def test_facts_of_the_default_seed_never_change():
    """Every fact, question, option and answer (not the sound)."""
    digest = hashlib.sha256()
    for item in generate(DEFAULT_SEED, per_family=12):
        scene = item.scene
        facts = (item.id, item.question, item.choices, item.target, item.trace, scene.seconds, scene.gain, scene.floor)
        digest.update(repr((*facts, [tuple(e.values()) for e in item.events])).encode())
    assert digest.hexdigest() == FACTS


def test_the_stream_of_choices_is_pinned():
    draw = Draw("pinned", 1)
    assert [draw.integer(0, 999) for _ in range(5)] == PINNED


PINNED = [767, 319, 71, 729, 591]


@given(st.integers(0, TRAIN_SEEDS - 1), st.sampled_from(NAMES), st.integers(0, 10_000))
@settings(max_examples=60)
def test_an_item_is_a_function_of_seed_family_and_index(seed: int, family: str, index: int):
    a, b = evaluation_item(seed, family, index), evaluation_item(seed, family, index)
    assert a == b
    assert a.wav() == b.wav()


@given(st.integers(0, TRAIN_SEEDS - 1), st.sampled_from(NAMES), st.integers(0, 10_000))
@settings(max_examples=300)
def test_the_answer_follows_from_the_events(seed: int, family: str, index: int):
    item = evaluation_item(seed, family, index)
    assert oracle.answer(item.row()) == item.target
    assert item.target in item.choices
    assert 2 <= len(item.choices) <= 4
    assert len(set(item.choices)) == len(item.choices)
    assert item.trace.endswith(f"{item.target}.") or item.target.endswith("voice")
    assert all(0 <= e["start"] < e["end"] <= item.scene.seconds for e in item.events)
    ends = [e["end"] for e in item.events]
    assert all(e["start"] >= end for e, end in zip(item.events[1:], ends, strict=False)), "events overlap"


@given(st.integers(TRAIN_SEEDS, 2**40), st.sampled_from(NAMES), st.integers(0, 1000))
@settings(max_examples=30)
def test_training_and_evaluation_never_share_a_seed(seed: int, family: str, index: int):
    with pytest.raises(UsageError, match="evaluation seeds are 0 to 999999"):
        evaluation_item(seed, family, index)
    with pytest.raises(UsageError, match="training seeds start at 1000000"):
        training_item(seed - TRAIN_SEEDS if seed < 2 * TRAIN_SEEDS else 7, family, index)
    assert training_item(seed, family, index).id != evaluation_item(seed % TRAIN_SEEDS, family, index).id


def test_training_clips_are_other_clips():
    trained = {training_item(TRAIN_SEEDS, name, 0).wav() for name in NAMES}
    assert trained.isdisjoint(evaluation_item(0, name, 0).wav() for name in NAMES)
    assert len(trained) == len(NAMES)


def test_gold_positions_and_answers_are_even(items: list[Item]):
    places, answers = defaultdict(Counter), defaultdict(Counter)
    for item in items:
        places[item.family.name][item.choices.index(item.target)] += 1
        if not item.target.isdigit():
            answers[item.family.name][item.target] += 1
    for name, counts in places.items():
        assert len(set(counts.values())) == 1, f"{name}: gold positions {counts}"
    for name, counts in answers.items():
        if name not in ("more_kind", "after_sound"):  # there the wording names two of the kinds
            assert len(set(counts.values())) == 1, f"{name}: answers {counts}"


def test_the_text_alone_tells_nothing():
    """A guesser that has learned every (question, set of options) -> most frequent answer stays at chance."""
    learned: dict[tuple, Counter] = defaultdict(Counter)
    for item in generate(5, per_family=72):
        learned[item.family.name, item.question, frozenset(item.choices)][item.target] += 1
    right, chance, n = 0, 0.0, 0
    for item in generate(6, per_family=36):
        seen = learned[item.family.name, item.question, frozenset(item.choices)]
        guess = seen.most_common(1)[0][0] if seen else item.choices[0]
        right += guess == item.target
        chance += 1 / len(item.choices)
        n += 1
    spread = (chance / n * (1 - chance / n) / n) ** 0.5
    assert abs(right / n - chance / n) < 3.5 * spread, (right / n, chance / n)


def test_chance_level(items: list[Item]):
    assert sum(1 / len(i.choices) for i in items) / len(items) == pytest.approx(CHANCE, abs=1e-4)


CHANCE = 0.32207


def test_domains_skills_and_kinds_are_covered():
    assert {f.domain for f in FAMILIES} == {"speech", "sound", "music"}
    skills = {"pitch", "loudness", "duration", "count", "tempo", "rhythm", "timbre", "order", "harmony"}
    assert {f.skill for f in FAMILIES} == skills
    assert {f.kind for f in FAMILIES} == {"single", "compositional"}
    assert len(set(NAMES)) == len(NAMES) == 37
    assert [f.name for f in FAMILIES if f.tally] == [
        "count_kind",
        "count_glide",
        "count_level",
        "count_chord",
        "count_vowel",
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: next(generate(families=["tuning"])), "family 'tuning' is not known; known are count_kind"),
        (lambda: next(generate(split="dev")), "split 'dev' is not known; it is test or train"),
        (lambda: next(generate(seed=1, split="train")), "seed 1: training seeds start at 1000000"),
        (lambda: next(generate(seed=1_000_000)), "seed 1000000: evaluation seeds are 0 to 999999"),
        (lambda: next(generate(seed=-1)), "seed -1: evaluation seeds are 0 to 999999"),
    ],
)
def test_wrong_calls_say_what_is_right(call, message: str):
    with pytest.raises(UsageError, match=message):
        call()
