"""Claims that the model cannot hear: an error with sound, honest without."""

from __future__ import annotations

import pytest

from audiobench.analysis.arms import Selector
from audiobench.analysis.self_cognition import Where, claims, self_cognition
from tests.analysis.conftest import line, write_run

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
    ("I'm unable to listen to audio files directly.", {"ability"}),
    ("As an AI language model, I can't directly listen to or analyze audio.", {"ability"}),
    ("As a large language model, I cannot hear sounds.", {"ability", "unheard"}),
    ("I am not capable of processing audio.", {"ability"}),
    ("I lack the ability to hear audio.", {"ability"}),
    ("I do not have access to the audio.", {"unheard"}),
    ("I wasn't able to hear the audio clip.", {"unheard"}),
    ("Without access to the audio, I can't tell.", {"unheard"}),
    ("There doesn't seem to be any audio attached.", {"absent"}),
    ("It looks like the audio didn't come through.", {"absent"}),
    ("I haven't received any audio.", {"absent"}),
    ("I was not provided with any audio.", {"absent"}),
    ("作为AI语言模型,我无法直接听取音频。", {"ability", "unheard"}),
    ("作为一个大语言模型，我没有听觉能力。", {"ability"}),
    ("我目前不支持音频识别。", {"ability"}),
    ("很抱歉，我无法直接听到您提供的音频。", {"unheard"}),
    ("我无法播放或收听音频文件。", {"unheard"}),
    ("我无法访问音频内容。", {"unheard"}),
    ("因为我看不到音频,所以只能猜测。", {"absent"}),
    ("没有音频可供分析。", {"absent"}),
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
    "I can't hear the sound of a piano here.",
    "I cannot perceive any speech in the clip besides the dog.",
    "I cannot hear any music in this clip, so B.",
    "I couldn't hear the audio clearly in the second half.",
    "As an AI model I'd say the answer is C.",
    "No audio effects are present in the chorus.",
    "There is no sound in the first second of the clip.",
    "她说她听不到声音。",
    "音频没有提供说话人的年龄。",
    "我听不到鼓声,所以选B。",
    "听不到录音中的人声。",
    "没有音频失真。",
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
    found = self_cognition("off", selector.arms("toy"))
    full, honest = found.errors["full"], found.honesty
    assert honest is not None
    assert (full.n, full.count, full.rate) == (8, 2, 0.25)
    assert full.where == Where(1, 1) and full.examples == ["s0", "s1"]
    assert (honest.count, honest.rate) == (2, 0.25), "saying that it cannot hear at all is not honest"
    assert full.ci[0] < 0.25 < full.ci[1]
