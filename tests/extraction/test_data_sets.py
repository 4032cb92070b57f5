"""Every option of every MMAU and MMAR item, said in sixteen ways: never another option, almost never unparsed; and
denied or left open in twelve ways: nothing is taken.
"""

from __future__ import annotations

import json

import pytest

from audiobench.core.types import LETTERS
from audiobench.extraction import extract

FRAMES = (
    "{t}", "{l}", "({l})", "{l}. {t}", "({l}) {t}", "{l}: {t}", "The answer is {t}.", "The answer is ({l}) {t}.",
    "The correct answer is: {l}. {t}", "The answer is {l}.", "**{l}. {t}**", "\\boxed{{{l}}}", "答案是{l}。", "Answer: {t}",
    "I would choose {t} because of what I hear.", "{t}\n\nExplanation: the audio shows it.",
)  # fmt: skip

OPEN = (
    "The answer is not {t}.", "Neither {t} nor {u}.", "It is unclear whether the answer is {t}.", "It is not ({l}).",
    "I can't hear the audio, so I can't choose between {t} and {u}.", "{l} or {m}", "The answer is {l} or {m}.", "不选{l}",
    "I'd rule out {l}.", "Either {l} or {m}", "{options}", "{options}\n\nI am sorry, I cannot listen to audio.",
)  # fmt: skip
PATHS = ["data/mmau/mmau-test-mini.json", "data/mmar/MMAR-meta.jsonl"]


def read(path):
    text = path.read_text("utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(s) for s in text.splitlines() if s.strip()]


@pytest.mark.parametrize("path", PATHS)
def test_no_option_is_taken_for_another(shared, path):
    wrong, unparsed, asked = [], 0, 0
    for n, row in enumerate(read(shared / path)):
        for i, choice in enumerate(row["choices"]):
            twins = row["choices"].count(choice) > 1
            frame = FRAMES[(n + i) % len(FRAMES)]
            if not choice or (twins and "{l}" not in frame):
                continue
            said = frame.format(l=LETTERS[i], t=choice.strip())
            answer = extract(said, ["multiple_choice"], slots=row["choices"])
            asked += 1
            unparsed += answer.value is None
            if answer.index not in (i, None):
                wrong.append((said, row["choices"], answer))
    assert wrong == []
    assert asked > 3500 and unparsed / asked < 0.005


@pytest.mark.parametrize("path", PATHS)
def test_what_is_denied_or_left_open_is_not_taken(shared, path):
    taken, asked = [], 0
    for n, row in enumerate(read(shared / path)):
        choices = row["choices"]
        if len(set(choices)) < 3 or not all(choices) or any("." in choice for choice in choices):
            continue  # of two options, the other one is left; a full stop ends the denial
        i, k = n % len(choices), (n + 1) % len(choices)
        options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, choices, strict=False))
        said = OPEN[n % len(OPEN)].format(l=LETTERS[i], m=LETTERS[k], t=choices[i], u=choices[k], options=options)
        answer = extract(said, ["multiple_choice"], slots=choices)
        asked += 1
        if answer.value is not None:
            taken.append((said, choices, answer))
    assert asked > 500 and taken == []
