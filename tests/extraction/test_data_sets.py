"""Every option of every MMAU and MMAR item, said in sixteen ways: never another option, almost never unparsed."""

from __future__ import annotations

import json

import pytest

from audiobench.extraction import extract
from audiobench.types import LETTERS

FRAMES = (
    "{t}", "{l}", "({l})", "{l}. {t}", "({l}) {t}", "{l}: {t}", "The answer is {t}.", "The answer is ({l}) {t}.",
    "The correct answer is: {l}. {t}", "The answer is {l}.", "**{l}. {t}**", "\\boxed{{{l}}}", "答案是{l}。", "Answer: {t}",
    "I would choose {t} because of what I hear.", "{t}\n\nExplanation: the audio shows it.",
)  # fmt: skip


@pytest.mark.parametrize("path", ["data/mmau/mmau-test-mini.json", "data/mmar/MMAR-meta.jsonl"])
def test_no_option_is_taken_for_another(shared, path):
    text = (shared / path).read_text("utf-8")
    rows = json.loads(text) if path.endswith(".json") else [json.loads(s) for s in text.splitlines() if s.strip()]
    wrong, unparsed, asked = [], 0, 0
    for n, row in enumerate(rows):
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
