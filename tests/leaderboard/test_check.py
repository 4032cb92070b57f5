"""The check of submitted results."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.leaderboard.check import check

MODEL = "random"


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A true submission: the control `random` on a shipped task."""
    folder = tmp_path_factory.mktemp("submission")
    run = folder / "run"
    command = ["run", "--model", MODEL, "--tasks", "listening_count", "--out", str(run), "--quiet"]
    assert main(command) == 0
    assert main(["leaderboard", "--submit", str(run), "--out", str(folder / "pub")]) == 0
    return folder / "pub"


@pytest.fixture
def published(submitted: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(submitted, tmp_path / "pub")
    return tmp_path / "pub"


def summary(published: Path) -> Path:
    return published / MODEL / "run" / "listening_count" / "summary.json"


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_a_submission_made_by_the_command_is_sound(submitted: Path) -> None:
    found = check(submitted)
    assert (found.problems, found.warnings, found.runs, found.entries) == ([], [], 1, 1)
    assert not list(submitted.rglob("*.jsonl")) and not list(submitted.rglob("plan.json"))
    assert main(["leaderboard", "--check", str(submitted)]) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d[0]["counts"].update(scored=1), "counts: add up to"),
        (lambda d: d[0].update(coverage=0.5), "coverage: 0.5; the counts say 1"),
        (lambda d: d[0]["counts"].update(error=d[0]["counts"]["scored"], scored=0), "without a response"),
        (lambda d: d[0]["metrics"]["acc"].update(value=1.7), "must lie in [0, 1]"),
        (lambda d: d[0]["metrics"]["acc"].update(value=0.99), "does not hold the value"),
        (lambda d: d[0]["metrics"]["acc"].update(value=None), "must be a number"),
        (lambda d: d[0].update(metrics={}), "nothing to publish"),
        (lambda d: d[0]["fingerprint"].update(prompt="0" * 64), "fingerprint.prompt"),
        (lambda d: d[0]["fingerprint"].update(scorer_version="option_match@0"), "fingerprint.scorer_version"),
        (lambda d: d[0]["fingerprint"].pop("audio"), "fingerprint.audio: missing"),
        (lambda d: d[0].update(task="mmau"), "the folder says 'listening_count'"),
        (lambda d: d[0]["condition"].update(prompt="mine"), "condition.prompt: 'mine'; the task has: default"),
        (lambda d: d[0]["condition"].pop("think"), "condition: think missing"),
        (lambda d: d[0].pop("counts"), "missing or of the wrong kind: counts"),
        (lambda d: d.append(d[0]), "stands there twice"),
        (lambda d: d.clear(), "must be a list of results"),
    ],
)
def test_spoiled_summaries_are_found(published: Path, change: Callable[[Any], Any], told: str) -> None:
    edit(summary(published), change)
    assert any(told in problem for problem in check(published).problems), check(published).problems


def test_spoiled_runs_are_found(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = published / MODEL / "run" / "run.json"
    whole = info.read_text()
    changes: list[tuple[Callable[[Any], Any], str]] = [
        (lambda d: d["model"].update(name="other"), "the folder says 'random'"),
        (lambda d: d["model"].update(sha256="x"), "model.sha256"),
        (lambda d: d.update(schema_version=7), "schema_version: 7"),
        (lambda d: d.update(tasks=["mmau"]), "but there are summaries of ['listening_count']"),
        (lambda d: d.pop("run_id"), "run_id"),
        (lambda d: d.update(command=["--key", "sk-" + "a1" * 20]), "looks like an OpenAI-style key"),
        (lambda d: d.update(base_urls=["https://me:secret@host/v1"]), "looks like a password in a URL"),
        (lambda d: d["model"].update(options={"api_key": "abc"}), "looks like a key"),
    ]
    for change, told in changes:
        edit(info, change)
        assert any(told in problem for problem in check(published).problems), told
        info.write_text(whole)
    info.write_text("{")
    assert any("not JSON" in problem for problem in check(published).problems)
    assert main(["leaderboard", "--check", str(published)]) == 2
    assert "not JSON" in capsys.readouterr().err


def test_only_what_belongs_there_may_be_there(published: Path) -> None:
    run = published / MODEL / "run"
    (run / "listening_count" / "samples.jsonl").write_text("{}\n")
    (run / "notes.txt").write_text("x")
    (published / "loose.json").write_text("{}")
    (published / "README.md").write_text("fine")
    (run / "listening_count" / "plan.json").symlink_to("/etc/passwd")
    problems = "\n".join(check(published).problems)
    for name in ("samples.jsonl: journals stay with you", "notes.txt", "loose.json", "plan.json"):
        assert name in problems
    assert "README.md" not in problems
    summary(published).write_text(" " * 1_000_001)
    assert any("1000001 bytes; at most" in problem for problem in check(published).problems)


def test_the_same_run_twice_is_found(published: Path) -> None:
    shutil.copytree(published / MODEL / "run", published / MODEL / "again")
    assert any("the same run as" in problem for problem in check(published).problems)


def test_a_part_of_a_task_is_a_warning(published: Path) -> None:
    def halve(document: Any) -> None:
        entry = document[0]
        entry.update(n=10, coverage=1.0, counts={key: 0 for key in entry["counts"]} | {"scored": 10})
        entry["metrics"]["acc"]["n"] = 10

    edit(summary(published), halve)
    found = check(published)
    assert not found.problems and "10 of" in found.warnings[0]


def test_nothing_published_is_removed(submitted: Path, published: Path) -> None:
    assert check(published, str(submitted)).problems == []
    shutil.rmtree(published / MODEL / "run" / "listening_count")
    assert any("is gone" in problem for problem in check(published, str(submitted)).problems)


def test_nothing_published_is_removed_by_git(published: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(published), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)  # fmt: skip

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    shutil.rmtree(published / ".git" / "hooks", ignore_errors=True)
    gone = summary(published)
    gone.unlink()
    assert any(str(gone) in problem and "is gone" in problem for problem in check(published, "HEAD").problems)
    assert main(["leaderboard", "--check", str(published), "--base", "no-such-revision"]) == 2
    assert main(["leaderboard", "--check", str(published / "nowhere")]) == 2
