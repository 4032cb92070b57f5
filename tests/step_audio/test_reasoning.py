"""Reasoning and answer are told apart by text."""

from __future__ import annotations

import pytest

from model_adapters.step_audio.reasoning import held_back, split_reasoning, thinking_is_open
from model_adapters.step_audio.tokenizer import THINK_OFF, THINK_ON


@pytest.mark.parametrize(
    ("text", "open_at_start", "reasoning", "answer"),
    [
        ("Two beeps.\n</think>\n\nB", True, "Two beeps.", "B"),
        ("Two beeps.</think>B", True, "Two beeps.", "B"),
        ("Two beeps, then", True, "Two beeps, then", None),
        ("B", False, None, "B"),
        ("<think>\nHm.\n</think>\nB", False, "Hm.", "B"),
        ("<think>\nHm.\n</think>\nB", True, "Hm.", "B"),
        ("</think>\nB", True, "", "B"),
        ("a</think>b</think>c", True, "a", "b</think>c"),
    ],
)
def test_split(text, open_at_start, reasoning, answer):
    split = split_reasoning(text, open_at_start=open_at_start)
    assert (split.reasoning, split.answer) == (reasoning, answer)
    assert split.closed == (answer is not None)


def test_where_a_prompt_leaves_the_model():
    assert thinking_is_open("assistant\n" + THINK_ON)
    assert not thinking_is_open("assistant\n" + THINK_OFF)
    assert not thinking_is_open("assistant\n")
    assert not thinking_is_open(THINK_ON + "some thought\n</think>\n")


@pytest.mark.parametrize(("text", "held"), [("abc", 0), ("abc<", 1), ("abc</thi", 5), ("</think>", 0), ("", 0)])
def test_a_possible_marker_is_held_back(text, held):
    assert held_back(text) == held
