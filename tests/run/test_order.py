"""In which order samples are asked: the longest clips first, all that is asked of one sample in a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.run.conftest import wav

SECONDS = (3, 1, 5, 2, 4)


def test_the_longest_clips_go_first_and_a_samples_conditions_together(
    toy: Callable[[int], Path], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(len(SECONDS)), tmp_path / "out"
    for i, seconds in enumerate(SECONDS):
        (task.parent / "audio" / f"{i}.wav").write_bytes(wav(seconds * 16_000, seed=i))
    asked = ("--audio", "full,silence", "--epochs", "2", "--max-concurrency", "1")
    result = cli("run", "--model", "oracle", "--tasks", task, *asked, "--out", out)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in (out / "toy" / "samples.jsonl").read_text().splitlines()]
    longest_first = sorted(range(len(SECONDS)), key=lambda i: -SECONDS[i])
    assert [line["id"] for line in lines] == [f"s{i}" for i in longest_first for _ in range(4)]
    assert [line["condition"]["audio"] for line in lines[:4]] == ["full", "full", "silence", "silence"]
