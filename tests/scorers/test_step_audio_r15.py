"""The judges of Step-Audio-R1.5's benchmarks: what they are asked, and how their replies are read."""

from __future__ import annotations

import pytest

from audiobench.core.types import Sample
from audiobench.scorers import find_scorer
from audiobench.scorers.step_audio_r15 import prompts

KINDS = [
    "age",
    "emotions",
    "event",
    "gender",
    "pitch",
    "rhythm",
    "scene",
    "speed",
    "vocalsound",
    "voice_styles",
    "voice_tone",
]


def asked(name: str, sample: Sample, text: str) -> list[str]:
    judge = find_scorer(name).judge
    assert judge is not None
    return [said for _, said in judge.asked(0, sample, text, "")]


@pytest.mark.parametrize("kind", [*KINDS, "unheard of"])
def test_a_voice_is_judged_by_its_kind(kind: str) -> None:
    sample = Sample("1", "", target="二十到三十岁", metadata={"task_type": kind, "label": "青年"})
    (said,) = asked("step_spqa", sample, "一个{text1}")
    assert said == prompts().get(f"spqa {kind}", prompts()["spqa default"]).replace("{text1}", "二十到三十岁").replace(
        "{text2}", "一个{text1}"
    )


def test_the_same_words_need_no_judge() -> None:
    judge = find_scorer("step_spqa").judge
    assert judge is not None and judge.settled is not None
    sample = Sample("1", "", target="听起来是一位女性。", metadata={"task_type": "gender", "label": "女 (Ｆ)"})
    assert judge.settled("听起来 是一位女性", sample) == judge.settled("女 f。", sample) == 1.0
    assert judge.settled("女性", sample) is None and judge.settled("", Sample("2", "", target="")) is None


def test_a_caption_is_judged_against_every_label() -> None:
    speakers = [{"gender": "女", "emotion": "平静"}, {"gender": "男", "emotion": "无法判断"}]
    sample = Sample("1", "", metadata={"speakers": speakers, "is_multi_speakers": True})
    system, said = asked("step_caption", sample, "两位说话人{speakers_str}")
    assert system.startswith("你是一个严格的音频标注一致性判定器")
    assert "真实情况：多人（speakers数组有2个说话人）" in said and "模型的回复：\n两位说话人{speakers_str}\n" in said
    assert "说话人1：\n- gender: 女\n- emotion: 平静\n说话人2：\n- gender: 男\n- emotion: 无法判断" in said
    one = asked("step_caption", Sample("2", "", metadata={"speakers": speakers[:1], "is_multi_speakers": False}), "")
    assert "真实情况：单人（speakers数组有1个说话人）" in one[1]


def test_an_answer_about_a_voice_is_judged_with_its_question() -> None:
    sample = Sample("1", "多大年纪？", target="青年；男", metadata={"secondary_dimension": "年龄理解"})
    _, said = asked("step_dialogue_understanding", sample, "青年")
    assert "任务维度：年龄理解\n问题：多大年纪？\n标准标签：青年；男\n模型回答：青年\n" in said


@pytest.mark.parametrize(
    ("scorer", "reply", "value"),
    [
        ("step_spqa", "YES", 1.0), ("step_spqa", " no。", 0.0), ("step_spqa", "YES 或 NO", None), ("step_spqa", "是", None),
        ("step_caption", '```json\n{"multi_speaker_judgment_correct": true, "overall_score": 0.72,}\n```', 0.72),
        ("step_caption", '{"multi_speaker_judgment_correct": false, "overall_score": 0.5}', 0.0),
        ("step_caption", '{"overall_score": 7}', None), ("step_caption", "0.7", None), ("step_caption", "", None),
        ("step_dialogue_understanding", '{"score": 0.5, "reason": "部分"}', 0.5),
        ("step_dialogue_understanding", '{"score": true}', None), ("step_dialogue_understanding", '{"score": "1"}', None),
        ("step_dialogue_understanding", '{"score": -0.5}', None), ("step_dialogue_understanding", "[1]", None),
    ],
)  # fmt: skip
def test_a_reply_is_a_score_or_no_verdict(scorer: str, reply: str, value: float | None) -> None:
    judge = find_scorer(scorer).judge
    assert judge is not None and judge.read(0, reply, Sample("1", "")) == value
