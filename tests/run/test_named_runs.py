"""Runs of one model with different names (two checkpoints) stay apart wherever results of several stand together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.results.runs import Run, find_runs
from tests.run.conftest import make_task


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two runs of one model in default directories, step-1 and step-2."""
    monkeypatch.chdir(tmp_path)
    task = make_task(tmp_path / "toy", 12)
    run = ["run", "--model", "random", "--tasks", str(task), "--quiet"]
    assert main([*run, "--tag", "step-1"]) == main([*run, "--name", "step-2"]) == 0
    return sorted(run.folder for run in find_runs([Path("results")]))


def test_a_name_is_recorded_and_ends_the_directorys(named: list[Path]) -> None:
    assert [folder.name.rpartition("_")[2] for folder in named] == ["step-1", "step-2"]
    assert [Run.open(folder).title for folder in named] == ["random (step-1)", "random (step-2)"]


@pytest.mark.parametrize("form", ["text", "md", "csv", "latex", "json", "html"])
def test_each_name_is_a_row_of_a_leaderboard(form: str, named: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["leaderboard", "results", "--format", form]) == 0
    shown = capsys.readouterr().out
    if form == "json":
        rows = json.loads(shown)["rows"]
        assert sorted((row["model"], row["name"]) for row in rows) == [("random", "step-1"), ("random", "step-2")]
    elif form == "csv":
        assert shown.count("\nrandom,step-1,") == shown.count("\nrandom,step-2,") == 1
    else:
        assert "random (step-1)" in shown and "random (step-2)" in shown
    assert "is shown, not" not in shown


def test_runs_without_a_name_share_a_row_and_are_told_how_not_to(
    named: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--model", "random", "--tasks", "toy/toy.yaml", "--quiet"]
    assert main(run) == main([*run, "--fresh"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "results"]) == 0
    shown = capsys.readouterr().out
    assert "is shown, not" in shown and "under different names (audiobench run --name) have rows of their own" in shown
    (earlier,) = Path("results").rglob("*.earlier-1")
    assert main(["run", "--from", str(earlier), "--name", "before", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "results"]) == 0
    shown = capsys.readouterr().out
    assert "random (before)" in shown and "is shown, not" not in shown


def test_tables_comparisons_and_the_gate_say_which_run(named: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two = map(str, named)
    base = "base.json"
    capsys.readouterr()
    for words, says in (
        (["report", one, "--format", "md"], ["random (step-1)"]),
        (["ablate", two], ["random (step-2): "]),
        (["compare", one, two], ["random (step-1)", "random (step-2)"]),
        (["gate", "--baseline", base, "--run", one, "--update-baseline"], []),
        (["gate", "--baseline", base, "--run", two, "--one-line"], ["random (step-2) against random (step-1)"]),
        (["gate", "--baseline", base, "--run", two, "--format", "md"], ["random (step-2)", "random (step-1)"]),
        (["gate", "--baseline", base, "--run", two, "--junit", "junit.xml"], []),
        (["export", one, two, "--format", "csv", "--out", "samples.csv"], []),
        (["leaderboard", "--submit", two, "--out", "published"], []),
    ):
        assert main(words) in (0, 1), words
        shown = capsys.readouterr().out
        assert all(text in shown for text in says), words
    assert 'testsuite name="random (step-2) ' in Path("junit.xml").read_text(encoding="utf-8")
    assert "\nrandom,step-1," in Path("samples.csv").read_text(encoding="utf-8")
    (submitted,) = find_runs([Path("published")])
    assert submitted.title == "random (step-2)"
