"""Echo's own reading of a response, verdict by verdict: the predicted option, the spans, the reward.

github.com/wdqqdw/Echo @7b2fdc0: inference/inference_multiturn.py (extract_prediction, analyse_response) and
verl/verl/utils/reward_score/avqa.py (extract_time_info, compute_score without training's confidences).

A response that holds no option is read as the first one, and an option that is part of another wins by its place
("12" is read as "2"). Of two spans back to back only the first counts; a reversed one has a negative length. None of
this is used for our own score; it stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from audiobench.core.spans import Span

_THOUGHT = re.compile(r"<think>(.*?)</think>", re.DOTALL)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_SEGMENT = re.compile(r"<seg>([\d.]+,\s*[\d.]+)</seg>(.?)[^<]?")
_SHARED_OUT: dict[str, int] = {"multiturn_rl_11": 2, "multiturn_rl_12": 3}
"""Reward -> spans that earn all of the reward for listening."""
_ADDS: dict[str, tuple[str, ...]] = {
    "multiturn_rl_1": ("consistency",),
    "multiturn_rl_2": ("tool",),
    "multiturn_rl_3": ("tool", "consistency"),
    "multiturn_rl_6": ("tool", "consistency"),
    "multiturn_rl_11": ("tool", "consistency", "non_overlap"),
    "multiturn_rl_12": ("tool", "consistency", "non_overlap"),
}
"""Reward -> what it adds to format and accuracy."""


class TimeInfo(NamedTuple):
    """What `extract_time_info` returns; times in seconds."""

    spans: int
    total: float
    non_overlapping: float
    average: float
    inconsistent: int
    """Spans right before a capital letter or a `<`: the thought did not go on from what was heard."""


def time_info(text: str) -> TimeInfo:
    """The spans of a response.

    Raises:
        ValueError: a span holds something like `1.2.3`.
    """
    found = _SEGMENT.findall(text)
    if not found:
        return TimeInfo(0, 0.0, 0.0, 0.0, 0)
    spans = [Span(*map(float, pair.replace(" ", "").split(","))) for pair, _ in found]
    inconsistent = sum(behind.isupper() or behind == "<" for _, behind in found)
    total = sum(span.seconds for span in spans)
    return TimeInfo(len(spans), total, _non_overlapping(spans), total / len(spans), inconsistent)


def _non_overlapping(spans: Sequence[Span]) -> float:
    first, *others = sorted(spans, key=lambda span: span.start)
    merged = [first]
    for span in others:
        last = merged[-1]
        if span.start <= last.end:
            merged[-1] = Span(last.start, max(last.end, span.end))
        else:
            merged.append(span)
    return sum(span.seconds for span in merged)


def prediction(text: str, choices: Sequence[str]) -> str:
    """The option that the official script takes a response for; the first one where it finds none.

    Raises:
        IndexError: there are no options.
    """
    response = text.rsplit("\nassistant\n", 1)[-1]
    if answer := _ANSWER.search(response):
        response = answer[1].strip()
    return next((choice for choice in choices if choice.lower() in response.lower()), choices[0])


def second_blocks(text: str) -> tuple[str, str]:
    """(`<think>`, `<answer>`) contents of the second such block each, as `analyse_response` has it; empty without one."""
    blocks = [pattern.findall(text) for pattern in (_THOUGHT, _ANSWER)]
    thought, answer = (found[1].strip() if len(found) > 1 else "" for found in blocks)
    return thought, answer


def reward(text: str, truth: str, reward_id: str) -> dict[str, float]:
    """`compute_score` as it validates: an answer counts where it equals the truth to the character.

    Raises:
        ValueError: as `time_info`.
    """
    info = time_info(text)
    thoughts, answers = _THOUGHT.findall(text), _ANSWER.findall(text)
    formatted = len(thoughts) == len(answers) == 1
    right = formatted and answers[0].strip() == truth
    accuracy = 0.5 if right else 0
    parts: dict[str, float] = {
        "tool": _for_listening(info.spans, reward_id) * accuracy if right else 0,
        "consistency": 0 - min(info.inconsistent, 5) / 10,
        "non_overlap": 0.5 * info.non_overlapping / info.total if info.total > 0 else 0,
    }
    score = (0.5 if formatted else 0) + accuracy
    for name in _ADDS.get(reward_id, ()):
        score = score + parts[name]
    return {
        "score": score,
        "acc_score": accuracy,
        "format_score": 0.5 if formatted else 0,
        "seg_count": info.spans,
        "total_duration": info.total,
        "non_overlapping_time": info.non_overlapping,
        "avg_duration": info.average,
        "tool_score": parts["tool"],
        "consistency_score": parts["consistency"],
        "non_overlap_score": parts["non_overlap"],
    }


def _for_listening(count: int, reward_id: str) -> float:
    enough = _SHARED_OUT.get(reward_id)
    return float(count > 0) if enough is None else min(count, enough) / enough
