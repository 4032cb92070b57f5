"""A quantised model's results name the quantisation, and are not compared with unquantised ones in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main

MODEL = "name: {name}\nadapter: openai_chat\nserved_model: m\nweights: {{repo: some/weights{words}}}\n"


@pytest.fixture
def runs(toy: Callable[[int], Path], server: Callable[..., str], tmp_path: Path) -> tuple[Path, Path]:
    """(of the published weights, of the same weights in fp8): runs of one benchmark."""
    task, url, folders = toy(40), server(), []
    for name, words in (("plain", ""), ("small", ", quantisation: 'fp8, by vLLM'")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(MODEL.format(name=name, words=words))
        folders.append(tmp_path / "runs" / name)
        asked = ["--tasks", str(task), "--base-url", url, "--out", str(folders[-1]), "--quiet"]
        assert main(["run", "--model", str(file), *asked]) == 0
    return folders[0], folders[1]


def test_it_is_part_of_the_fingerprint(runs: tuple[Path, Path]) -> None:
    plain, small = (json.loads((run / "toy" / "plan.json").read_text())["fingerprint"] for run in runs)
    assert small.pop("quantisation") == "fp8, by vLLM"
    assert plain == small


def test_compare_asks_for_leave_and_then_says_so(runs: tuple[Path, Path], capsys: Any) -> None:
    plain, small = map(str, runs)
    assert main(["compare", plain, small]) == 3
    assert "quantisation differs (none against fp8, by vLLM)" in capsys.readouterr().err
    assert main(["compare", plain, small, "--allow-different", "quantisation"]) == 0
    assert "quantisation differs, which was allowed" in " ".join(capsys.readouterr().out.split())


def test_the_gate_calls_it_not_comparable(runs: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    baseline = str(tmp_path / "baseline.json")
    assert main(["gate", "--baseline", baseline, "--run", str(runs[0]), "--update-baseline"]) == 0
    assert main(["gate", "--baseline", baseline, "--run", str(runs[1])]) == 3
    said = " ".join("".join(capsys.readouterr()).split())
    assert "quantisation differs: none in the baseline, fp8, by vLLM in the run" in said


def test_the_leaderboard_marks_the_cell_and_names_it(runs: tuple[Path, Path], capsys: Any) -> None:
    assert main(["leaderboard", str(runs[0].parent)]) == 0
    said = capsys.readouterr().out
    assert "different quantisation (quantisation none" in said and "fp8, by vLLM" in said


def test_an_argument_that_quantises_counts_where_the_file_does_not_say_it() -> None:
    from audiobench.model.spec import ModelSpec

    parts = {"name": "m", "adapter": "openai_chat", "served_model": "m", "weights": {"repo": "some/weights"}}
    plain = ModelSpec.model_validate({**parts, "serve": {"args": {}}})
    small = ModelSpec.model_validate({**parts, "serve": {"args": {"quantization": "fp8_per_channel"}}})
    assert (plain.quantisation, small.quantisation) == (None, "fp8_per_channel, by vLLM")
