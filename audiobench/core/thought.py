"""Where a response's thought ends and its answer begins: the marks that models put around a thought.

Sources: the chat templates and model cards of the models named below, and vLLM 0.32's reasoning parsers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

Tags = tuple[str, str]
"""What opens and what closes a thought, literally; upper or lower case."""


@dataclass(frozen=True, slots=True)
class Separated:
    """A response in two parts."""

    thought: str | None
    """None where nothing marks a thought."""
    answer: str
    """Empty where the thought never ended."""
    closed: bool = True


# (opens, closes, what writes it). Where the opening may have sat in the prompt, a closing mark alone ends a thought.
_NAME = r"(?:\w{1,20}[:|])?(?:longcat_)?(?:think(?:ing)?|thoughts?)(?:_(?:fast|faster))?(?::\w{1,20})?"
_MARKS = (
    (
        rf"<\|?{_NAME}\|?>",
        rf"<\|?/{_NAME}\|?>",
    ),  # DeepSeek, Qwen, Step, GLM, EXAONE, <seed:think>, <mm:think>, <ifm|think>
    (r"\[think\]", r"\[/think\]"),  # Magistral
    (r"◁think▷", r"◁/think▷"),  # Kimi
    (r"<(?:reasoning|scratchpad)>", r"</(?:reasoning|scratchpad)>"),  # asked for by prompts; LLaVA-CoT, Audio-Reasoner
    (
        r"<\|(?:\w{1,20}:)?(?:begin|start)(?:_of)?_(?:think(?:ing)?|thought)(?::\w{1,20})?\|>",
        r"<\|(?:\w{1,20}:)?end(?:_of)?_(?:think(?:ing)?|thought)(?::\w{1,20})?\|>",
    ),  # Command (START_THINKING), OpenThoughts (begin_of_thought), PLaMo (plamo:begin_think:plamo)
    (
        r"<\|channel\|>\s?(?:analysis|commentary)[^<>]{0,60}<\|message\|>",
        r"<\|channel\|>\s?final[^<>]{0,60}<\|message\|>",
    ),  # gpt-oss (harmony)
    (r"\A\s?(?-i:analysis)(?=(?-i:[A-Z]))", r"(?-i:assistantfinal)"),  # harmony whose special tokens are gone
    (r"<\|channel>\s?thought", r"<channel\|>"),  # Gemma 4
    (r"<unused94>(?:thought)?", r"<unused95>"),  # MedGemma
    (r"<\|open\|>\s?think\s?<\|sep\|>", r"<\|close\|>\s?think\s?<\|sep\|>"),  # Kimi K3
    (r"<\|content_thinking\|>", r"<\|content_text\|>"),  # Inkling
    (r"to=self\s?<\|message\|>", r"to=user\s?<\|message\|>"),  # Muse
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),  # Apertus
    (r"\[unused16\]", r"\[unused17\]"),  # Pangu
)
_WHERE_OPENED = (
    (r"\A\W{0,5}here(?:['’]s| is) my thought process:", r"\bhere(?:['’]s| is) my response:"),  # Granite 3.2
    (r"\Athinking\.\.\.\s?$", r"^\.\.\.done thinking\."),  # Ollama's terminal
    (r'<details[^<>]{0,200}type="reasoning"[^<>]{0,200}>', r"</details>"),  # Open WebUI
)
"""Everyday words: they close only what they have opened."""
_SIGNS = ("to=", "analysis", "assistantfinal", "thought process", "thinking...")
"""One of these, `<` or `[` is in every mark of ASCII."""
_FINAL = r"(?:final_?answer|answer|final|conclusion|response|output|solution)"
_FINAL_OPEN = re.compile(rf"<{_FINAL}>", re.IGNORECASE)
_FINAL_END = re.compile(rf"</{_FINAL}>(?:\s|</?\w{{1,20}}>|<\|[^<>|]{{1,40}}\|>)*\Z", re.IGNORECASE)


@lru_cache(maxsize=32)
def _pattern(tags: tuple[Tags, ...]) -> re.Pattern[str]:
    """One pattern with a group for each mark: the openings are numbered 1, 3, ..., their closings 2, 4, ..."""
    own = tuple((re.escape(opening), re.escape(closing)) for opening, closing in tags)
    marks = "|".join(f"({mark})" for pair in (*own, *_MARKS, *_WHERE_OPENED) for mark in pair)
    return re.compile(marks, re.IGNORECASE | re.MULTILINE)


def _plain(text: str) -> bool:
    """Whether a short look tells that a text holds none of the marks: most answers of a label or a sentence."""
    if not text.isascii() or "<" in text or "[" in text:
        return False
    low = text.lower()
    return not any(sign in low for sign in _SIGNS)


def _marks(text: str, tags: tuple[Tags, ...], opened: bool) -> Iterator[tuple[int, int, bool]]:
    """(start, end, opens) of each mark that begins or ends a thought; marks of other kinds within it are its text."""
    if not tags and _plain(text):
        return
    pattern = _pattern(tags)
    everyday = pattern.groups // 2 - len(_WHERE_OPENED)
    inside: int | None = 0 if opened else None
    for mark in pattern.finditer(text):
        kind, closes = divmod((mark.lastindex or 1) - 1, 2)
        if closes and (inside == kind or (inside is None and kind < everyday)):
            inside = None
        elif not closes and inside is None:
            inside = kind
        else:
            continue
        yield mark.start(), mark.end(), not closes


def separate(text: str, tags: Sequence[Tags] = (), *, opened: bool = False) -> Separated:
    """The thought and the answer of a response.

    The answer is what follows the last thought, else what stands before it ("B <reasoning>...</reasoning>"). A thought
    that never ends has no answer, unless its last words are an explicit one ("<think>... <answer>B</answer>").

    Args:
        text: the response.
        tags: further marks, asked first.
        opened: the prompt has opened a thought with the first of `tags`.
    """
    thoughts: list[tuple[int, int]] = []
    answers: list[tuple[int, int]] = []
    inside, end = opened, 0
    for start, after, opens in _marks(text, tuple(tags), opened):
        (thoughts if inside or not (thoughts or opens) else answers).append((end, start))
        inside, end = opens, after
    if inside:
        answer = _explicit(text[end:])
        begin = thoughts[0][0] if thoughts else end
        return Separated(text[begin : len(text) - len(answer)].strip(), answer, closed=bool(answer))
    if not thoughts:
        return Separated(None, text)
    answers.append((end, len(text)))
    start, stop = next((span for span in reversed(answers) if text[slice(*span)].strip()), (end, end))
    last = max((e for _, e in (*thoughts, *answers) if e < start), default=0)
    thought = text[thoughts[0][0] : last] if last > thoughts[0][0] else text[thoughts[0][0] : thoughts[-1][1]]
    return Separated(thought.strip(), text[start:stop].strip())


def _explicit(thought: str) -> str:
    """The explicit answer that an unclosed thought ends in, its tag included; empty where there is none.

    A tag that nothing closes counts where a line, a sentence or another tag ends in front of it, and a short text follows.
    """
    last = max((tag.start() for tag in _FINAL_OPEN.finditer(thought)), default=len(thought))
    answer, before = thought[last:], thought[:last].rstrip(" ")
    return answer if _FINAL_END.search(answer) or (before[-1:] in "\n.!?>…。" and len(answer) < 200) else ""
