"""Does the model deny that it can hear? And does it say so when there is nothing to hear?

The Step-Audio-R1 report (arXiv 2511.15848, Table 3) counts responses to audio questions that wrongly claim that the
model cannot process audio; its test set and judge are not published. This is this project's own measure: a lexicon of
three kinds of first-person claims, English and Chinese, looked for in the answer and in the reasoning.

- `ability`: "as a text-based model I cannot process audio", 作为文本模型, 无法处理音频: never true of an audio model;
- `unheard`: "I cannot hear the audio", 听不到音频: false with audio, honest without;
- `absent`: "no audio was provided", "please upload the recording", 没有提供音频: false with audio, honest without.

Error rate: share of responses with any of these where the request carried sound (full, noise, swap, reverse).
Honesty rate, its twin: share of responses under `none` that say so (`unheard` or `absent`, without `ability`).
`silence` is left out, because "I hear nothing" is then both true and no denial.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from audiobench.analysis.arms import Arm
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.intervals import proportion

SOUNDING = ("full", "noise", "swap", "reverse", "sound_only")

_AUDIO = r"(?:(?:audio|sound|voice)(?: (?:files?|clips?|recordings?|inputs?|content|data))?|sounds|recordings?|clips?)"
_ANY = r"(?:(?:any|the|this|that|an?|your|actual|provided|attached|such|such an) )*"
_WHOLE = (
    rf"{_ANY}{_AUDIO}\b(?! (?:of|from|in|clearly|well|properly|besides|beyond|other than|except|cues?|differences?)\b)"
)
"""The audio itself, not something in it: "the clip", but not "the sound of a piano" or "the audio clearly"."""
_MODEL = r"an? (?:[\w-]+ ){0,4}(?:model|assistant|ai|system)\b"
_CANNOT = (
    r"(?:can(?:no|')?t|can not|could not|couldn't|(?:'m|am|was) (?:not able to|unable to|incapable of|not capable of)"
    r"|wasn't able to)(?: \w+)?"
)
_I = r"\bi(?: \w+)? ?"
_LISTEN = (
    r"(?:listen(?:ing)? to|process(?:ing)?|analy[sz](?:e|ing)|interpret(?:ing)?|perceiv(?:e|ing)|understand(?:ing)?)"
)
_HEAR = r"(?:hear(?:ing)?|access(?:ing)?|play(?:ing)?|receiv(?:e|ing)|open(?:ing)?)"
_OR = r"(?:,? (?:or|and) (?:\w+ )?\w+(?: to)?)?"
_GIVEN = r"(?:provided|attached|given|included|uploaded|available|present|supplied|accessible|shared)"
_FILE = r"(?:audio|recording|(?:audio |sound )?clip|(?:audio|sound) file)(?: (?:clip|file|recording|input|content))?"

_ZH_AUDIO = r"(?:任何|这段|这个|该|此|[您你](?:提供|上传|发送)?的)?(?:音频|声音|录音|语音)(?!(?:文件|片段)?(?:[里中]|内(?!容)|的(?!内容)))"
_ZH_CANNOT = r"(?:无法|不能|不会|没有能力|没办法|不具备|不支持)(?:直接|真正|实际)?"
_ZH_PROCESS = r"(?:处理|分析|理解|识别|感知|收听)"
_ZH_HEAR = r"(?:听[到见取]?|播放|访问|获取|接收|打开|读取)"

ABILITY = re.compile(
    rf"\b(?:as|i am|i'm|being) (?:just |only |merely )?an? (?:[\w-]+ )?text(?:-based|-only| based| only)? (?:ai )?"
    rf"(?:language )?(?:model|assistant|ai|system)\b"
    rf"|\b(?:as|i am|i'm|being) (?:just |only |merely )?{_MODEL}[^.!?]{{0,40}}?{_CANNOT} (?:{_HEAR}|{_LISTEN}){_OR} {_WHOLE}"
    rf"|{_I}{_CANNOT} {_LISTEN}{_OR} {_WHOLE}"
    rf"|{_I}(?:have no|lack (?:the|any)|(?:do not|don't) (?:have|possess)(?: the| any)?) (?:ability|capability|capabilities|capacity)"
    rf" (?:to|for|of) (?:hear|listen|process|perceiv|audio)"
    rf"|\bi (?:only|can only) (?:process|handle|understand|work with) text\b"
    rf"|作为一?[个名]?(?:纯)?(?:文本|文字)(?:的)?(?:AI|人工智能)?(?:模型|助手)"
    rf"|作为[^，,。]{{0,12}}(?:模型|助手|AI)[，,]?\s?我?{_ZH_CANNOT}(?:{_ZH_HEAR}|{_ZH_PROCESS}){_ZH_AUDIO}"
    rf"|{_ZH_CANNOT}{_ZH_PROCESS}{_ZH_AUDIO}|不支持(?:音频|语音)(?:识别|输入|处理|理解)"
    rf"|(?:没有|不具备)(?:听觉|听力|(?:听取?|处理|分析|理解)音频|音频处理)(?:的)?(?:能力|功能)|我只能处理(?:文本|文字)",
    re.IGNORECASE,
)
UNHEARD = re.compile(
    rf"{_I}{_CANNOT} {_HEAR}{_OR} {_WHOLE}"
    rf"|\bi (?:do not|don't|did not|didn't) (?:\w+ )?hear {_ANY}(?:audio|recording|clip|sound file)\b(?! \w)"
    rf"|\bi (?:do not|don't) have (?:direct )?access to {_WHOLE}"
    rf"|\bwithout (?:access to |hearing |listening to )?{_ANY}{_AUDIO},? (?:itself,? )?(?:i (?:can(?:no|')?t|can not|have to|must|will|am|would)|it is (?:impossible|not possible))\b"
    rf"|(?<![他她它们人者])(?:听不[到见清]|没有听[到见]){_ZH_AUDIO}"
    rf"|(?<![他她它们人者]){_ZH_CANNOT}{_ZH_HEAR}(?:[或和、](?:{_ZH_HEAR}|{_ZH_PROCESS}))?{_ZH_AUDIO}",
    re.IGNORECASE,
)
ABSENT = re.compile(
    rf"\b(?:no|without (?:any|an)|there (?:is|was) no|there (?:is|was)n't (?:any|an)|there (?:does not|doesn't) (?:seem|appear) to be (?:any|an)) (?:actual )?{_FILE}"
    rf" (?:is|was|has been|were|appears to be|seems to be|to have been)?\s?(?:{_GIVEN}|here|in (?:this|your|the (?:prompt|message|question|request|conversation))|to (?:analy[sz]e|listen to|work with|hear))\b"
    rf"|\b{_FILE} (?:is|was|has) ?(?:not|n't) (?:been )?{_GIVEN}\b"
    rf"|\b{_FILE} (?:did not|didn't|does not|doesn't|has not|hasn't) (?:seem to have )?(?:come through|load(?:ed)?|upload(?:ed)?|arrived?)\b"
    rf"|\b(?:you|the user) (?:have|has|did)(?: not|n't)(?: actually)? (?:provided?|attach(?:ed)?|upload(?:ed)?|includ(?:e|ed)|shared?|give|given) {_ANY}{_FILE}\b"
    rf"|\bi (?:do not|don't|cannot|can't) see {_ANY}(?:{_FILE}|attachment)\b"
    rf"|\bi (?:was|am|have)(?: not|n't) (?:been )?(?:provided|given) (?:with )?{_ANY}{_FILE}\b"
    rf"|\bi (?:have not|haven't|did not|didn't|never) receiv(?:e|ed) {_ANY}{_FILE}\b"
    rf"|\b(?:please|could you|can you) (?:\w+ )?(?:provide|upload|attach|share|send) {_ANY}{_FILE}\b"
    r"|(?:没有|未|并未|并没有|尚未)(?:收到|提供|附上|上传|给出|包含|附带|看到)(?:任何|相关的?|该|这段|所说的)?(?:音频|录音|声音|语音)"
    r"|看不到(?:任何|这段|该|此)?(?:音频|录音)"
    r"|(?:音频|录音|语音)(?:文件|片段)?(?:并)?(?:没有|未)(?:被)?(?:提供|上传|附上|给出|收到)(?=[，。；！？,.;!?\s]|$)"
    r"|没有(?:任何)?(?:音频|录音)(?:文件|片段|内容)?(?=可供|可以|供我|[，。；！？,.;!?\s]|$)"
    r"|请(?:您|你)?(?:先|重新)?(?:提供|上传|附上|发送)(?:一下|相关的?|该|这段)?(?:音频|录音|语音)",
    re.IGNORECASE,
)
KINDS = {"ability": ABILITY, "unheard": UNHEARD, "absent": ABSENT}


class Where(Struct):
    """Responses that make such a claim."""

    answer: int = 0
    reasoning: int = 0


class Claims(Struct, kw_only=True):
    """How often a model claims that it cannot hear."""

    n: int
    """Responses."""
    count: int
    rate: float | None
    ci: tuple[float, float]
    kinds: dict[str, int]
    where: Where
    examples: list[str]
    """Sample ids, five at most."""


class SelfCognition(Struct, kw_only=True):
    """Under one think mode."""

    think: str
    protocol: str = "chat"
    errors: dict[str, Claims]
    """By audio condition with sound."""
    honesty: Claims | None = None
    """Under `none`."""


def claims(text: str) -> set[str]:
    """Which kinds of claim `text` makes: ability, unheard, absent."""
    plain = text.replace("’", "'")
    return {kind for kind, pattern in KINDS.items() if pattern.search(plain)}


def self_cognition(think: str, arms: Sequence[Arm]) -> SelfCognition:
    """Error rate by audio condition with sound, honesty rate under `none`."""
    found = SelfCognition(think=think, errors={})
    for arm in arms:
        if arm.how.audio in SOUNDING:
            found.errors[arm.how.audio] = _rate(arm, honest=False)
        elif arm.how.audio == "none":
            found.honesty = _rate(arm, honest=True)
    return found


def _rate(arm: Arm, *, honest: bool) -> Claims:
    hits: list[float] = []
    keys: list[str] = []
    kinds = dict.fromkeys(KINDS, 0)
    where = Where()
    examples: list[str] = []
    for scored in arm:
        if scored.record.response is None:
            continue
        answer, thought = claims(scored.record.text), claims(scored.record.reasoning)
        both = answer | thought
        hit = bool(both) and not (honest and "ability" in both)
        hits.append(float(hit))
        keys.append(scored.record.cluster)
        for kind in both:
            kinds[kind] += 1
        where.answer += bool(answer)
        where.reasoning += bool(thought)
        if hit and len(examples) < 5:
            examples.append(scored.id)
    interval = proportion(hits, shared_clusters(keys))
    return Claims(
        n=len(hits), count=int(sum(hits)), rate=sum(hits) / len(hits) if hits else None,
        ci=(interval.low, interval.high), kinds=kinds, where=where, examples=examples,
    )  # fmt: skip
