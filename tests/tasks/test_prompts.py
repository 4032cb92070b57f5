"""Every prompt says byte for byte what its source says; the expected texts are built here, without templates."""

from __future__ import annotations

import pytest

from audiobench.core.template import render, variables
from audiobench.core.types import Sample
from audiobench.task.find import find_task

QUESTION = "Which of the following best describes the male vocal in the audio?"
CHOICES = ("Soft and melodic", "Aggressive and talking", "High-pitched and singing", "Whispering")
PADDED = (None, "male", None, "female")
LETTERS = "ABCDEFGH"


def said(task: str, prompt: str, choices: tuple[str | None, ...] = CHOICES, question: str = QUESTION, **doc) -> str:
    """What the prompt of the task says about a question."""
    spec, _ = find_task(task)
    text = spec.find_prompt(prompt).text
    assert text is not None
    return render(text, variables(Sample("id-1", question, choices=choices, doc=doc)))


def step_audio_r1(question: str, choices: tuple[str, ...]) -> str:
    text = question + "\nPlease choose the answer from the following options, "
    text += "do not provide any additional explanations or content: \n"
    for letter, choice in zip(LETTERS, choices, strict=False):
        text += letter + ". " + choice + "\n"
    return text


def mimo(question: str, choices: tuple[str, ...]) -> str:
    text = question + "\n\n" + "Choice: \n"
    for choice in choices:
        text += choice + "\n"
    return text + (
        "\nChoose a choices from the given " + str(len(choices)) + " choices. Do not provide any additional "
        "explanations or content. Output must match exactly one of the listed choices."
    )


@pytest.mark.parametrize("task", ["mmau", "mmau_test", "mmar", "mmsu", "mmar_rubrics", "mmau_pro", "dcase2026_adqa"])
@pytest.mark.parametrize("number", [2, 4, 8])
def test_step_audio_r1_multiple_choice(task, number):
    choices = tuple(f"option {i}: 100% <b> {{{{x}}}}" for i in range(number))
    assert said(task, "step_audio_r1", choices) == step_audio_r1(QUESTION, choices)
    assert find_task(task)[0].find_prompt("step_audio_r1").order == ["text", "audio"]


def test_step_audio_r1_published_example():
    """The request of the example client, as its source spells it."""
    assert said("mmau", "step_audio_r1") == (
        "Which of the following best describes the male vocal in the audio?\nPlease choose the answer from the "
        "following options, do not provide any additional explanations or content: \nA. Soft and melodic\n"
        "B. Aggressive and talking\nC. High-pitched and singing\nD. Whispering\n"
    )


@pytest.mark.parametrize("task", ["mmau", "mmau_test", "mmar", "mmau_pro"])
def test_mimo(task):
    assert said(task, "mimo") == mimo(QUESTION, CHOICES)


def test_other_harnesses_on_mmau():
    lettered = "A. Soft and melodic\nB. Aggressive and talking\nC. High-pitched and singing\nD. Whispering\n"
    assert said("mmau", "lmms_eval") == (
        QUESTION + "\n" + lettered + "Answer with the option's letter from the given choices directly."
    )
    assert said("mmau", "ultraeval") == (
        QUESTION + "  Select one option from the provided choices without explain. " + lettered
    )
    assert said("mmau", "audiobench_i2r", ("x", "y")) == f"Question:\n{QUESTION}\nChoices:\n(A) x (B) y"
    assert said("mmau", "step_audio_r1_20251119", ("a", "b", "c")) == (
        f"{QUESTION} Please choose the answer from the following options: [a, b, c]"
    )


def test_lmms_eval_on_mmar():
    assert said("mmar", "lmms_eval", ("x", "y")) == (
        "Listen to the audio and answer the following multiple-choice question. Respond with only the letter "
        f"(A, B, C, or D) of the correct option.\n{QUESTION}\nA. x\nB. y\nThe best answer is:"
    )


def test_mmsu_official_prompts_print_padded_slots_as_none():
    slots = "A. None\nB. male\nC. None\nD. female"
    second = "Choose the most suitable answer from options A, B, C, and D. You must respond with only A, B, C, or D."
    first = (
        "Choose the most suitable answer from options A, B, C, and D to respond the question in next line, **you "
        "should only choose A or B or C or D.** Do not provide any additional explanations or content."
    )
    assert said("mmsu", "default", PADDED) == f"{second}\n\nQuestion: {QUESTION}\n\n{slots}"
    assert said("mmsu", "mmsu_v1", PADDED) == f"{first}\n\nQuestion: {QUESTION}\n\n{slots}"
    assert said("mmsu", "ultraeval", PADDED) == said("mmsu", "mmsu_v1", PADDED)
    assert said("mmsu", "lmms_eval", CHOICES) == (
        f"Listen to the audio and answer the following question.\n\nQuestion: {QUESTION}\n\nA. Soft and melodic\n"
        "B. Aggressive and talking\nC. High-pitched and singing\nD. Whispering\n\n"
        "Answer with the letter (A, B, C, or D) only."
    )


def test_mmsu_step_audio_r1_offers_real_options_with_the_letter_of_their_slot():
    assert said("mmsu", "step_audio_r1", PADDED).endswith(": \nB. male\nD. female\n")


def test_big_bench_audio():
    spec, _ = find_task("big_bench_audio")
    assert spec.find_prompt(None).order == ["audio"]
    prompt = spec.find_prompt("step_audio_r1")
    assert prompt.order == ["audio", "text"]
    assert prompt.text == (
        '仅用 "valid" 或 "invalid"，"yes" 或 "no"，或者数字来直接回答上面的问题，不要添加任何其他描述。'
    )


def test_spoken_mqa():
    sentence = "Solve the given math question step by step."
    assert said("spoken_mqa", "step_audio_r1", ()) == sentence
    assert said("spoken_mqa", "default", (), instruction={"text": "Solve it.", "audio": None}) == "Solve it."
    assert find_task("spoken_mqa")[0].find_prompt("step_audio_r1").order == ["text", "audio"]


def test_audio_only_and_system():
    spec, _ = find_task("wildspeech")
    assert [prompt.order for prompt in spec.prompt] == [["audio"]] * 3
    assert spec.find_prompt("gpt_4o_runner").system == (
        "You are a helpful assistant who tries to help answer the user's question."
    )


@pytest.mark.parametrize("task", ["listening", "listening_speech", "listening_sound", "listening_music"])
def test_listening_has_no_trailing_newline(task):
    assert said(task, "default", ("two", "three")) == f"{QUESTION}\nA. two\nB. three"
    assert find_task(task)[0].prompt[0].order == ["audio", "text"]


@pytest.mark.parametrize(
    ("task", "penalty"),
    [("mmau", 1.0), ("mmar", 1.07), ("mmsu", 1.0), ("big_bench_audio", 1.0), ("spoken_mqa", 1.0), ("wildspeech", 1.0)],
)
def test_step_audio_r1_parameters(task, penalty):
    spec, _ = find_task(task)
    assert spec.find_prompt("step_audio_r1").generation_kwargs == {"temperature": 0.7, "repetition_penalty": penalty}
    assert spec.generation_kwargs["max_gen_toks"] == 32000


def test_no_shipped_prompt_cuts_thinking(task_paths):
    from audiobench.core import strict_yaml
    from audiobench.task.spec import TaskSpec

    for path in task_paths:
        spec = strict_yaml.validate(TaskSpec, path)
        if spec.answer == "audio" and "max_gen_toks" not in spec.generation_kwargs:
            continue  # the answer is a sound, which has its length in seconds
        assert spec.generation_kwargs["max_gen_toks"] == 32000, path
        assert not any("max_gen_toks" in prompt.generation_kwargs for prompt in spec.prompt), path
