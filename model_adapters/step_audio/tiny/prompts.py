"""The ways in which the tiny model is asked, and the texts it learns to answer with."""

from __future__ import annotations

from collections.abc import Sequence

from audiobench.core.types import LETTERS
from audiobench.data.listening.draw import Draw

R1_OPTIONS = (
    "Please choose the answer from the following options, do not provide any additional explanations or content: "
)
"""Sentence of the published Step-Audio-R1 prompt (github.com/stepfun-ai/Step-Audio-R1 @43e2a215)."""

STYLES = ("lettered", "lettered_newline", "step_audio_r1", "parentheses", "tail", "inline", "open")
STYLE_WEIGHTS = (42, 10, 16, 12, 8, 8, 4)
"""Per cent of the training questions; `lettered` is what the `listening` task asks."""


def user_text(question: str, choices: Sequence[str], style: str = "lettered") -> str:
    """The text of the user's turn, which follows the audio.

    Raises:
        ValueError: the style is not one of `STYLES`.
    """
    lettered = "\n".join(f"{LETTERS[i]}. {text}" for i, text in enumerate(choices))
    if style == "lettered":
        return f"{question}\n{lettered}"
    if style == "lettered_newline":
        return f"{question}\n{lettered}\n"
    if style == "step_audio_r1":
        return f"{question}\n{R1_OPTIONS}\n{lettered}\n"
    if style == "parentheses":
        return question + "".join(f"\n({LETTERS[i]}) {text}" for i, text in enumerate(choices))
    if style == "tail":
        return f"{question}\n{lettered}\nAnswer with the text of one option."
    if style == "inline":
        return f"{question} Choose one of: {', '.join(choices)}."
    if style == "open":
        return question
    raise ValueError(f"style {style!r} is not one of {', '.join(STYLES)}")


def draw_style(draw: Draw) -> str:
    """A style by its weight."""
    at = draw.integer(1, sum(STYLE_WEIGHTS))
    for style, weight in zip(STYLES, STYLE_WEIGHTS, strict=True):
        at -= weight
        if at <= 0:
            return style
    raise AssertionError("weights do not add up")


def think_answer(trace: str, target: str) -> str:
    """What follows `assistant` and a line break when the model thinks."""
    return f"<think>\n{trace}\n</think>\n{target}"


def direct_answer(target: str) -> str:
    """What follows when thinking is switched off."""
    return f"<think>\n\n</think>\n{target}"
