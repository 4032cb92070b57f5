"""Multiple choice: what is found, what is left unparsed, and what holds for any item."""

from __future__ import annotations

import json
import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from audiobench.core.errors import UsageError
from audiobench.core.types import LETTERS
from audiobench.extraction import EXTRACTORS, extract

from .kinds import KINDS, NEGATIVE, NOT_HEARD
from .responses import ADVERSARIAL, CHOSEN, THIRTY, VOICES
from .revisions import CORRECTED, SETTLED, UNSETTLED

MCQ = ["multiple_choice"]


@pytest.mark.parametrize(("choices", "text"), THIRTY)
def test_thirty_phrasings_of_one_option(choices, text):
    answer = extract(text, MCQ, slots=choices)
    assert (answer.value, answer.index) == ("B", 1)


@pytest.mark.parametrize(("choices", "text", "letter"), CHOSEN + SETTLED + CORRECTED)
def test_chosen_option(choices, text, letter):
    assert extract(text, MCQ, slots=choices).value == letter


@pytest.mark.parametrize(("choices", "text", "letter"), ADVERSARIAL + UNSETTLED)
def test_nothing_is_guessed(choices, text, letter):
    assert extract(text, MCQ, slots=choices).value == letter


@pytest.mark.parametrize(("choices", "text", "letter"), KINDS)
def test_kinds_of_response(choices, text, letter):
    assert extract(text, MCQ, slots=choices).value == letter


@pytest.mark.parametrize(("choices", "text", "letter"), NEGATIVE)
def test_what_is_denied_answers_a_negative_question(choices, text, letter):
    assert extract(text, MCQ, slots=choices, question=NOT_HEARD).value == letter


def test_a_correction_that_argues_for_another_answer_is_not_misread():
    assert extract("The answer is B. Wait, the pitch is high, so it's C.", MCQ, slots=VOICES).value == "C"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("B", "letter"),
        ("(B)", "paren_letter"),
        ("Woman", "option_text"),
        ("The answer is B.", "answer_is"),
        ("\\boxed{B}", "boxed"),
        ("Option B", "option_letter"),
        ("<answer>B</answer>", "answer_tag"),
        ("<RESPONSE>B</RESPONSE>", "response_tag"),
        ('{"answer": "B"}', "json"),
        ("It is high, so B.", "concluded"),
        ("Man? I considered it, but **Woman** is heard more clearly than a man.", "bold"),
    ],
)
def test_the_rule_is_named(text, rule):
    answer = extract(text, MCQ, slots=VOICES)
    assert (answer.value, answer.rule) == ("B", rule)


def test_letter_and_text_rules_split_the_composite():
    assert extract("B. Woman", ["option_letter"], slots=VOICES).value == "B"
    assert extract("Woman", ["option_letter"], slots=VOICES).value is None
    assert extract("Woman", ["option_letter", "option_text"], slots=VOICES).value == "B"
    assert extract("B. Man", ["option_letter", "option_text"], slots=VOICES).value is None
    assert extract("so \\boxed{B}", ["boxed"], slots=VOICES).value == "B"


def test_twenty_six_options():
    choices = [f"sound number {i}" for i in range(100, 126)]
    for i, letter in enumerate(LETTERS):
        assert extract(f"({letter.lower()})", MCQ, slots=choices).index == i
        assert extract(f"The answer is {letter}.", MCQ, slots=choices).index == i
        assert extract(choices[i], MCQ, slots=choices).index == i


def test_options_that_carry_their_letter_are_read_without_it():
    choices = ["(A) Man", "(B) Woman"]
    assert extract("woman", MCQ, slots=choices).value == "B"
    assert extract("(B) Woman", MCQ, slots=choices).value == "B"


def test_unknown_rule_names_what_is_allowed():
    with pytest.raises(UsageError, match="multiple_choice"):
        extract("B", ["guess"], slots=VOICES)
    assert all(doc for _, doc in EXTRACTORS.values())


WORDS = ("piano", "violin", "thunder", "whisper", "applause", "siren", "laughter", "footsteps", "engine", "harp")
ITEMS = st.lists(st.sampled_from(WORDS), min_size=2, max_size=8, unique=True)
FRAMES = (
    "{}",
    "{}.",
    "The answer is {}.",
    "I hear {} in this clip",
    "**{}**",
    "It is the {}.",
    "\\boxed{{{}}}",
    "答案是{}。",
)


@given(ITEMS, st.integers(0, 7), st.sampled_from(FRAMES), st.randoms())
def test_shuffling_the_options_only_moves_the_letter(choices, pick, frame, rng):
    target = choices[pick % len(choices)]
    text = frame.format(target)
    shuffled = list(choices)
    rng.shuffle(shuffled)
    assert choices[extract(text, MCQ, slots=choices).index or 0] == target
    index = extract(text, MCQ, slots=shuffled).index
    assert index is not None and shuffled[index] == target


@given(
    ITEMS, st.integers(0, 7), st.text(" \n\t", max_size=4), st.sampled_from(["{}", "**{}**", "`{}`", '"{}"', "*{}*"])
)
def test_white_space_and_markup_around_a_bare_answer_do_not_matter(choices, pick, blank, markup):
    i = pick % len(choices)
    for bare in (choices[i], LETTERS[i], f"({LETTERS[i]})", f"{LETTERS[i]}. {choices[i]}"):
        assert extract(blank + markup.format(bare) + blank, MCQ, slots=choices).index == i


@given(st.text(max_size=80), st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=6))
def test_never_an_option_that_is_not_offered(text, choices):
    answer = extract(text, MCQ, slots=choices)
    if answer.value is not None:
        assert answer.index is not None and choices[answer.index] is not None
        assert LETTERS[answer.index] == answer.value


@given(st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=8), max_size=12), ITEMS)
def test_text_without_letters_or_option_words_never_parses(words, choices):
    assume(not set(words) & set(choices))
    assert extract(" ".join(words), MCQ, slots=choices).value is None


@given(ITEMS, st.integers(0, 7), st.integers(1, 7))
def test_a_letter_with_the_text_of_another_option_is_unparsed(choices, pick, shift):
    i = pick % len(choices)
    j = (i + shift) % len(choices)
    assume(i != j)
    for text in (f"{LETTERS[i]}. {choices[j]}", f"The answer is ({LETTERS[i]}) {choices[j]}."):
        assert extract(text, MCQ, slots=choices).value is None


def test_random_prose_of_offered_words_never_contradicts_a_declared_answer():
    rng = random.Random(0)
    for _ in range(200):
        choices = rng.sample(WORDS, 4)
        i = rng.randrange(4)
        text = f"{rng.choice(choices)} and {rng.choice(choices)} come to mind. The answer is {LETTERS[i]}."
        assert extract(text, MCQ, slots=choices).index in (i, None)


UNPARSED = {
    "both_or", "all_options", "empty", "whitespace", "punct_only", "none_str", "refusal", "selfcog_refusal",
    "think_unclosed", "negated", "letter_text_mismatch", "b_or_c", "None_literal",
}  # fmt: skip


@pytest.mark.parametrize("name", ["mmau", "mmar", "mmsu", "clean/mcq"])
def test_no_false_positive_on_the_golden_responses(shared, name):
    """`variant` says how each response was built, and so what it means."""
    wrong = []
    for line in (shared / "golden" / f"{name}.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["output"] is None or row["variant"] == "reversed_words":
            continue
        answer = extract(row["output"], MCQ, slots=row["choices"])
        if answer.index is None:
            continue
        right = row["choices"][answer.index] == row["answer"]
        if row["variant"] in UNPARSED or right == row["variant"].startswith(("wrong", "think_then_wrong")):
            wrong.append((row["variant"], row["choices"], row["output"], answer))
    assert wrong == []
