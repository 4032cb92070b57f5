"""MSU-Bench's classes of answers, as its own code gave them on invented questions and replies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiobench.core.types import Sample
from audiobench.scorers.msu_bench import SCORER, summary

ROWS = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "msu_bench.jsonl").read_text("utf-8").splitlines()
]


def sample(row: dict, turned: int = 0) -> Sample:
    """The question, its options put in another order."""
    texts = [option[2:].strip() for option in row["options"]]
    target = texts["ABCD".index(row["answer"].upper())]
    item = {name: row[name] for name in ("options", "rationale", "answer")}
    return Sample("1", "", choices=(*texts[turned:], *texts[:turned]), target=target, metadata={"item": item})


def test_each_answer_is_of_the_official_class() -> None:
    assert len(ROWS) > 100 and SCORER.official is not None
    assert [row for row in ROWS if SCORER.official(row["text"], sample(row)) != row["official"]] == []


@pytest.mark.parametrize("letter", "ABCD")
def test_a_class_follows_its_option_where_options_are_turned(letter: str) -> None:
    row = ROWS[0]
    assert SCORER.official is not None
    published = "DABC"["ABCD".index(letter)]  # turned by three: the first option shown is the last published
    assert SCORER.official(letter, sample(row, 3)) == SCORER.official(published, sample(row))


def test_shares_are_of_wrong_answers() -> None:
    verdicts = ["correct", "wrong_speaker", "unknown", "other_wrong", "instruction_not_follow"]
    found = summary(verdicts, [])
    assert (found.value, found.n) == (0.2, 5)
    assert found.parts == {
        "share of wrong: wrong_speaker": 0.25,
        "share of wrong: hallucination": 0.0,
        "share of wrong: unknown": 0.5,
        "share of wrong: instruction_not_follow": 0.25,
    }
