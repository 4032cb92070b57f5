"""Margins from repeated runs."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import pytest
from scipy.stats import t

from audiobench import cli
from audiobench.gate.policy import read_policy
from tests.gate.runs import answers, write_run


def repeats(folder: Path, rights: list[int], n: int = 100) -> list[str]:
    """Runs with so many right answers each."""
    return [
        str(write_run(folder / f"r{i}", {"t": answers([j < right for j in range(n)])}))
        for i, right in enumerate(rights)
    ]


def test_the_margin_is_as_wide_as_unchanged_runs_lie_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = repeats(tmp_path, [70, 72, 71, 69, 73])
    assert cli.main(["gate", "--calibrate", *runs, "--out", str(tmp_path / "gate.yaml")]) == 0
    wanted = t.ppf(0.975, 4) * sqrt(2) * 0.0158113883  # standard deviation of .70 .72 .71 .69 .73
    policy = read_policy(tmp_path / "gate.yaml", {})
    margin = policy.tasks["t"].margin
    assert margin is not None and wanted <= margin.number / 100 < wanted + 0.001 and margin.unit == "pp"
    said = capsys.readouterr().out
    assert "71.0" in said and "policy: " in said
    assert cli.main(["gate", "--calibrate", *runs, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["margins"] == {"t": str(margin)}


def test_equal_runs_have_no_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gate", "--calibrate", *repeats(tmp_path, [50, 50, 50])]) == 0
    said = capsys.readouterr().out
    assert "t: {margin: 0pp}" in said and "3 runs say little" in said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--calibrate", "r0", "r1"], 2, "2 runs; at least 3 are needed"),
        (["--calibrate", "r0", "r1", "r2", "--baseline", "b.json"], 2, "--baseline: of a verdict"),
        (
            ["--calibrate", "r0", "r1", "other"],
            3,
            "other: task t, think=default audio=full: differs from r0 in: audio, samples",
        ),
        (
            ["--calibrate", "r0", "r1", "broken"],
            2,
            "broken: task t, think=default audio=full: has requests without a response",
        ),
        ([], 2, "--baseline and --run: missing"),
    ],
)
def test_what_cannot_be_calibrated_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    repeats(Path(), [50, 51])
    repeats(Path("more"), [50], n=99)
    write_run(Path("r2"), {"t": answers([True] * 100)})
    Path("more/r0").rename("other")
    lines = answers([True] * 100)
    lines[0].pop("response")
    lines[0]["error"] = {"kind": "error", "message": "503"}
    write_run(Path("broken"), {"t": lines})
    assert cli.main(["gate", *words]) == code and says in capsys.readouterr().err
