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
from typing import Any

from audiobench.ablation.arms import Arm
from audiobench.statistics.intervals import proportion

SOUNDING = ("full", "noise", "swap", "reverse")

_THING = r"(?:audio|sounds?|recordings?|(?:sound |audio |voice )?clips?|audio files?|sound files?|speech|music)"
_NOT = r"(?:can(?:no|')?t|can not|cannot|am (?:not able|unable) to|'m (?:not able|unable) to)"
_ANY = r"(?:(?:any|the|this|that|an?|your|actual|provided|attached|such) )*"

ABILITY = re.compile(
    rf"\b(?:as|i am|i'm|being) (?:just |only |merely )?an? (?:purely |solely )?(?:text|language)(?:[- ](?:based|only))?"
    rf"(?: ai)?(?: language)? (?:model|assistant|ai|system)\b"
    rf"|\bi (?:\w+ )?(?:{_NOT}) (?:\w+ )?(?:listen to|process|analy[sz]e|interpret|perceive|understand) {_ANY}{_THING}\b"
    rf"|\bi (?:do not|don't) (?:have|possess) (?:the )?(?:ability|capability|capabilities|capacity)"
    rf" (?:to|for|of) (?:hear|hearing|listen|listening|process|processing|perceiv\w+|audio)\b"
    rf"|\bi (?:only|can only) (?:process|handle|understand|work with) text\b"
    r"|作为一?[个名]?(?:纯)?(?:文本|语言|文字)(?:的)?(?:AI|人工智能)?(?:模型|助手)"
    r"|(?:我|本模型)?(?:无法|不能|没有能力|没办法|不具备)(?:直接)?(?:处理|分析|理解|识别|感知|收听)(?:任何|这段|该|此)?(?:音频|声音|录音|语音)"
    r"|不具备(?:听觉|听取?音频|音频处理)(?:的)?能力|我只能处理(?:文本|文字)",
    re.IGNORECASE,
)
UNHEARD = re.compile(
    rf"\bi (?:\w+ )?(?:{_NOT}) (?:\w+ )?(?:hear|access|play|receive) {_ANY}{_THING}\b"
    r"|\bi (?:do not|don't|did not|didn't) (?:\w+ )?hear (?:any|the|an?)? ?(?:audio|recording|clip|sound file)\b"
    r"|(?:我)?(?:听不[到见清]|无法听[到见取]?|不能听[到见取]?|没有听[到见])(?:任何|这段|该|此)?(?:音频|声音|录音|语音)",
    re.IGNORECASE,
)
ABSENT = re.compile(
    rf"\b(?:no|without (?:any|an)|there (?:is|was) no|there (?:is|was)n't (?:any|an)) (?:actual )?(?:audio|recording|(?:audio |sound )?clip|(?:audio|sound) file)"
    r"(?: (?:clip|file|recording|input|content))?"
    r" (?:is|was|has been|were|appears to be|seems to be)?\s?(?:provided|attached|given|included|uploaded|available|present|supplied|accessible|here|in (?:this|your|the))\b"
    rf"|\b(?:audio|recording|(?:audio |sound )?clip|(?:audio|sound) file)(?: (?:clip|file|recording|input))? (?:is|was|has) ?(?:not|n't) (?:been )?(?:provided|attached|given|included|uploaded|available|present|supplied)\b"
    rf"|\b(?:you|the user) (?:have|has|did)(?: not|n't)(?: actually)? (?:provided?|attach(?:ed)?|upload(?:ed)?|includ(?:e|ed)|shared?|give|given) {_ANY}(?:audio|recording|clip|sound file)\b"
    rf"|\bi (?:do not|don't|cannot|can't) see {_ANY}(?:audio|recording|clip|sound file|attachment)\b"
    rf"|\b(?:please|could you|can you) (?:\w+ )?(?:provide|upload|attach|share|send) {_ANY}(?:audio|recording|clip|sound file)\b"
    r"|(?:没有|未|并未|并没有|尚未)(?:收到|提供|附上|上传|给出|包含|附带|看到)(?:任何|相关的?|该|这段|所说的)?(?:音频|录音|声音|语音)"
    r"|(?:音频|录音|语音)(?:文件|片段)?(?:并)?(?:没有|未)(?:被)?(?:提供|上传|附上|给出|收到)"
    r"|请(?:您|你)?(?:先|重新)?(?:提供|上传|附上|发送)(?:一下|相关的?|该|这段)?(?:音频|录音|语音)",
    re.IGNORECASE,
)
KINDS = {"ability": ABILITY, "unheard": UNHEARD, "absent": ABSENT}


def claims(text: str) -> set[str]:
    """Which kinds of claim `text` makes: ability, unheard, absent."""
    plain = text.replace("’", "'")
    return {kind for kind, pattern in KINDS.items() if pattern.search(plain)}


def self_cognition(arms: Sequence[Arm]) -> dict[str, Any]:
    """Error rate by audio condition with sound, honesty rate under `none`; each with n, interval and examples."""
    found: dict[str, Any] = {"errors": {}, "honesty": None}
    for arm in arms:
        if arm.how.audio in SOUNDING:
            found["errors"][arm.how.audio] = _rate(arm, honest=False)
        elif arm.how.audio == "none":
            found["honesty"] = _rate(arm, honest=True)
    return found


def _rate(arm: Arm, *, honest: bool) -> dict[str, Any]:
    hits: list[float] = []
    keys: list[str] = []
    kinds = dict.fromkeys(KINDS, 0)
    where = {"answer": 0, "reasoning": 0}
    examples: list[str] = []
    for scored in arm:
        response = scored.record.get("response")
        if not response:
            continue
        answer, thought = claims(response["text"]), claims(response.get("reasoning") or "")
        both = answer | thought
        hit = bool(both) and not (honest and "ability" in both)
        hits.append(float(hit))
        keys.append(scored.record["sample"]["cluster"] or f"id:{scored.id}")
        for kind in both:
            kinds[kind] += 1
        where["answer"] += bool(answer)
        where["reasoning"] += bool(thought)
        if hit and len(examples) < 5:
            examples.append(scored.id)
    interval = proportion(hits, keys if len(set(keys)) < len(keys) else None)
    return {
        "n": len(hits), "count": int(sum(hits)), "rate": sum(hits) / len(hits) if hits else None,
        "ci": [interval.low, interval.high], "kinds": kinds, "where": where, "examples": examples,
    }  # fmt: skip
