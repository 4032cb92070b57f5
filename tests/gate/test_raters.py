"""Another judge or another recogniser is no statement about the model: nothing is compared over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from audiobench.cli import main
from audiobench.gate.baseline import digest, read
from tests.gate.raters import heard, judged

REPOSITORY = Path(__file__).parents[2]


def gate(baseline: Path, run: Path, *more: str) -> int:
    return main(["gate", "--baseline", str(baseline), "--run", str(run), *more])


@pytest.mark.parametrize(
    ("make", "part", "worse"), [(judged, "judge", 20.0), (heard, "recogniser", "cat")], ids=["judge", "recogniser"]
)
def test_another_rater_is_not_comparable_and_both_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[..., Path], part: str, worse: object
) -> None:
    baseline = tmp_path / "b.json"
    assert gate(baseline, make(tmp_path / "good", "strict"), "--update-baseline") == 0
    assert gate(baseline, make(tmp_path / "same", "strict")) == 0
    assert gate(baseline, make(tmp_path / "worse", "strict", worse)) == 1
    capsys.readouterr()
    assert gate(baseline, make(tmp_path / "other", "lenient", worse)) == 3
    said = capsys.readouterr().out
    assert f"{part} differs: strict" in said and "in the baseline, lenient" in said
    assert gate(baseline, make(tmp_path / "changed", "strict", sha256="abcdef0123")) == 3, "another setting of one name"
    assert "abcdef01 in the run" in capsys.readouterr().out


def test_a_baseline_that_does_not_say_its_judge_is_read_and_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline, run = tmp_path / "b.json", judged(tmp_path / "run", "strict")
    assert gate(baseline, run, "--update-baseline") == 0
    document = orjson.loads(baseline.read_bytes())
    del document["arms"][0]["fingerprint"]["judge"]
    baseline.write_bytes(orjson.dumps({**document, "sha256": digest(document)}))
    assert gate(baseline, run) == 0
    assert "the baseline does not say which judge it rests on; the run has strict" in capsys.readouterr().out


def test_the_committed_baseline_is_still_read() -> None:
    assert read(REPOSITORY / "results" / "baselines" / "tiny-listening.json").tasks == ["listening"]
