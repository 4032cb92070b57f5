"""`compare` of spoken answers: who wrote them down, and who judged what was heard."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from msgspec import to_builtins

from audiobench.analysis.arms import Selector, matched
from audiobench.analysis.comparison import compare_arms
from audiobench.core.errors import NotComparableError
from tests.analysis.conftest import line, write_run

SPOKEN = {"condition": {"protocol": "realtime"}, "response": {"raw": {"answer_audio": {"sha256": "w"}}}}


def run(folder: Path, asr: str, judge: str) -> Path:
    """Three spoken answers that `asr` wrote down and `judge` judged as they were heard."""
    lines = [line(f"s{i}", "provider's words", **SPOKEN) for i in range(3)]
    written = write_run(folder, lines, task={"protocol": "realtime", "scorer": "judge"})
    heard = [{"key": x["key"], "id": x["id"], "asr": asr, "audio_sha256": "w", "text": "dog"} for x in lines]
    keys = {x["id"]: hashlib.sha256(f"{x['key']}\ndog".encode()).hexdigest() for x in lines}
    verdicts = [
        {"key": key, "id": name, "judge": judge, "template": "t", "value": 1.0, "ratings": [1]}
        for name, key in keys.items()
    ]
    for name, entries in (("transcripts", heard), ("judgements", verdicts)):
        (written / "toy" / f"{name}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return written


def compared(a: Path, b: Path, **options: object) -> dict:
    (group,) = matched([Selector.parse(str(a)), Selector.parse(str(b))], "toy")
    return to_builtins(compare_arms(group, **options))  # type: ignore[arg-type]


def test_the_same_recogniser_and_judge_compare(tmp_path: Path) -> None:
    assert compared(run(tmp_path / "a", "whisper", "one"), run(tmp_path / "b", "whisper", "one"))["n"] == 3


def test_another_judge_of_spoken_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotComparableError, match=r"judge differs \(one \(t\) against two \(t\)\)"):
        compared(run(tmp_path / "a", "whisper", "one"), run(tmp_path / "b", "whisper", "two"))


def test_another_recogniser_is_refused_unless_allowed(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", "whisper", "one"), run(tmp_path / "b", "parakeet", "one")
    with pytest.raises(NotComparableError, match=r"recogniser differs \(whisper against parakeet\)"):
        compared(a, b)
    assert compared(a, b, allowed=["recogniser"])["n"] == 3
