"""Claims that the model cannot hear: an error with sound, honest without."""

from __future__ import annotations

import pytest

from audiobench.ablation.arms import Selector
from audiobench.ablation.self_cognition import claims, self_cognition
from tests.ablation.conftest import line, write_run

DENIALS = [
    ("I'm sorry, but as a text-based AI model I can't listen to audio.", {"ability"}),
    ("As a language model, I do not have the ability to hear sounds.", {"ability"}),
    ("I am unable to process audio files.", {"ability"}),
    ("I can only process text.", {"ability"}),
    ("I cannot hear the audio, so I will guess B.", {"unheard"}),
    ("I can’t hear any sound.", {"unheard"}),
    ("No audio was provided with the question.", {"absent"}),
    ("There is no audio clip attached.", {"absent"}),
    ("It seems that you have not uploaded the recording.", {"absent"}),
    ("The audio file has not been provided.", {"absent"}),
    ("Please provide the audio clip so that I can help.", {"absent"}),
    ("作为一个文本模型，我无法处理音频。", {"ability"}),
    ("抱歉，我听不到音频内容。", {"unheard"}),
    ("您没有提供音频，请上传音频文件。", {"absent"}),
    ("没有收到任何音频", {"absent"}),
]
ANSWERS = [
    "I cannot hear a difference between the two tones, so the answer is B.",
    "The man says he can't hear the music over the engine.",
    "The speaker complains: you never listen to me!",
    "There is no bass in the recording.",
    "No music is present in the second half; the answer is A.",
    "She asks him to please send the file.",
    "I can hear the audio clearly: a dog barks.",
    "The model of the car is text-based on a joke.",
    "The recording is not loud.",
    "没有听出区别，选B。",
    "他说他没有听到电话。",
    "音频中没有提供时间信息。",
]


@pytest.mark.parametrize(("text", "kinds"), DENIALS)
def test_denials_are_found(text, kinds):
    assert claims(text) == kinds


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_not_denials(text):
    assert claims(text) == set()


def test_a_denial_is_an_error_with_sound_and_honest_without(tmp_path):
    none = {"audio": "none"}
    lines = [
        line("s0", "I cannot hear the audio."),
        line("s1", "dog", response={"reasoning": "No audio was provided. I guess dog."}),
        *(line(f"s{i}") for i in range(2, 8)),
        line("s0", "No audio was provided.", condition=none),
        line("s1", "As a text-based model I cannot process audio.", condition=none),
        line("s2", "Please upload the audio.", condition=none),
        *(line(f"s{i}", condition=none) for i in range(3, 8)),
    ]
    selector = Selector.parse(str(write_run(tmp_path / "run", lines)))
    found = self_cognition(selector.arms("toy"))
    full, honest = found["errors"]["full"], found["honesty"]
    assert (full["n"], full["count"], full["rate"]) == (8, 2, 0.25)
    assert full["where"] == {"answer": 1, "reasoning": 1} and full["examples"] == ["s0", "s1"]
    assert (honest["count"], honest["rate"]) == (2, 0.25), "saying that it cannot hear at all is not honest"
    assert full["ci"][0] < 0.25 < full["ci"][1]
