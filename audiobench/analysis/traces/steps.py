"""A trace cut into steps, and the lexicon proxy of acoustic grounding, which needs no judge.

The Step-Audio-R1 report (arXiv 2511.15848) says that audio models reason about a textual surrogate (a transcript or a
caption that they imagine) instead of the sound, and gives no measure of it. The proxy is this project's own: a step is
*acoustic* when it names a property of sound (pitch, timbre, loudness, tempo, a spectrum, a way of speaking, hertz,
decibels), *surrogate* when it names words or knowledge in its place (the transcript, the lyrics say, the caption, the
question says, typically). A step may be both; steps without a cue are not counted.

    proxy = acoustic steps / (acoustic steps + surrogate steps)

It is cheap and blind to meaning: "no change in pitch is mentioned in the transcript" is both. Use it to find drifts
and to compare conditions, and a judge (`grounding`) for claims. English and Chinese.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

MOST_STEPS = 40
"""Longer traces are grouped into this many runs of sentences, so that a judge sees them whole."""

_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])|(?<=[。！？；])|\n+")

ACOUSTIC = re.compile(
    r"\b(?:pitch(?:ed|es)?|timbres?|timbral|tempos?|tempi|bpm|rhythm(?:s|ic)?|beats?|loud(?:er|est|ness)?|quiet(?:er|est)?"
    r"|volume|amplitude|decibels?|db|hertz|k?hz|frequenc(?:y|ies)|fundamental|harmonics?|overtones?|formants?|spectr\w+"
    r"|intonation|prosod\w+|cadence|inflection|stress(?:ed)? syllable|accent(?:ed)?|breath(?:y|ing|s)?|hoarse|nasal|husky"
    r"|raspy|whisper\w*|shout\w*|sigh\w*|laugh\w*|sob\w*|trembl\w+|monotone|vibrato|staccato|legato|reverb\w*|echo\w*"
    r"|distort\w*|static|hiss\w*|hum(?:ming|s)?|buzz\w*|click\w*|rustl\w*|crackl\w*|clatter\w*|rumbl\w*|muffled|background"
    r" (?:noise|sounds?|music|chatter)|footsteps?|bark\w*|chirp\w*|engine (?:noise|sound)|silence|pauses?|onsets?|attack"
    r"|decay|sustain\w*|fade[sd]?|crescendo|melod(?:y|ies|ic)|chords?|minor|major (?:key|chord|third)|key of|octaves?"
    r"|instrument\w*|percussion|drums?|bass(?:line)?|guitars?|pianos?|violins?|flutes?|trumpets?|synth\w*"
    r"|voice (?:is|sounds|quality)|tone of (?:voice|the)|sounds? like|i hear|can be heard|audible)\b"
    r"|音高|音调|音色|节奏|速度|响度|音量|声调|语调|语气|频率|赫兹|分贝|泛音|共振峰|频谱|气声|沙哑|鼻音|颤抖|低语|耳语|叹气|笑声|哭腔"
    r"|停顿|静音|回声|混响|杂音|噪音|噪声|背景音|旋律|和弦|小调|大调|鼓点|贝斯|吉他|钢琴|小提琴|听起来|听到|听见",
    re.IGNORECASE,
)
SURROGATE = re.compile(
    r"\b(?:transcripts?|transcri(?:bed?|ption)s?|captions?|subtitles?|lyrics? (?:say|mention|read|state|indicate|suggest)s?"
    r"|(?:the )?(?:words|text|sentence|phrase|line) (?:say|says|mention|mentions|read|reads|state|states|suggest|suggests)"
    r"|(?:s?he|they|the (?:speaker|man|woman|narrator)) (?:say|says|said|mention|mentions|mentioned|state|states|stated)"
    r"|according to the (?:text|transcript|question|description|caption)|(?:the )?(?:audio )?description (?:say|mention|state)s?"
    r"|(?:the )?(?:question|options?|choices?) (?:say|says|ask|asks|mention|mentions|state|states|imply|implies|suggest|suggests)"
    r"|based on (?:the )?(?:question|options?|choices?|text|words|wording)|typically|usually|generally|commonly|in general"
    r"|most likely because|common knowledge|it is (?:well )?known|stereotypically)\b"
    r"|转录|文字稿|字幕|歌词(?:说|提到|写|里|中)|文本(?:说|提到|显示|中)|(?:他|她|说话人|男人|女人)(?:说|提到)|根据(?:题目|问题|选项|文字|文本)"
    r"|题目(?:说|问|提到|中)|选项(?:说|提到|中)|通常|一般来说|一般而言|常识",
    re.IGNORECASE,
)


def split_steps(trace: str) -> list[str]:
    """The trace's sentences and lines, grouped evenly where there are more than `MOST_STEPS`."""
    pieces = [piece.strip() for piece in _END.split(trace) if piece and piece.strip()]
    if len(pieces) <= MOST_STEPS:
        return pieces
    cuts = [round(i * len(pieces) / MOST_STEPS) for i in range(MOST_STEPS + 1)]
    return [" ".join(pieces[a:b]) for a, b in pairwise(cuts)]


class Cues(NamedTuple):
    """Steps of a trace by what they name."""

    steps: int
    acoustic: int
    surrogate: int

    @property
    def ratio(self) -> float | None:
        """Acoustic of those with a cue; None where no step has one."""
        total = self.acoustic + self.surrogate
        return self.acoustic / total if total else None


def lexicon(trace: str) -> Cues:
    """How many steps name properties of sound, and how many words or knowledge."""
    steps = split_steps(trace)
    acoustic = sum(bool(ACOUSTIC.search(step)) for step in steps)
    surrogate = sum(bool(SURROGATE.search(step)) for step in steps)
    return Cues(len(steps), acoustic, surrogate)
