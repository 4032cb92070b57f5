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
from audiobench.statistics.intervals import binomial

MODEL = "random"


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A true submission: the control `random` on a shipped task."""
    return submission(tmp_path_factory.mktemp("submission"))


@pytest.fixture
def published(submitted: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(submitted, tmp_path / "pub")
    return tmp_path / "pub"


def submission(folder: Path, *options: str) -> Path:
    """A submission of a run of its own."""
    run = folder / "run"
    assert main(["run", "--model", MODEL, "--tasks", "listening_count", "--out", str(run), "--quiet", *options]) == 0
    assert main(["leaderboard", "--submit", str(run), "--out", str(folder / "pub")]) == 0
    return folder / "pub"


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
        (lambda d: d[0]["condition"].update(think="mega"), "condition.think: mega: not a think mode"),
        (lambda d: d[0]["condition"].update(audio="loud"), "condition.audio: 'loud'; allowed: full, none"),
        (lambda d: d[0].update(official={"scorer": "x", "value": 1.0, "n": 1}), "option_match has no official figure"),
        (lambda d: d[0].update(reasoning={"responses": 3, "reasoned": 5}), "reasoning: 5 of 3; the counts have"),
        (lambda d: d[0].pop("counts"), "missing or of the wrong kind: counts"),
        (lambda d: d.append(d[0]), "given twice"),
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


def test_a_part_of_a_task_is_a_warning(tmp_path: Path) -> None:
    found = check(submission(tmp_path, "--limit", "10"))
    assert not found.problems and "10 of" in found.warnings[0]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a number."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    here = [path] if isinstance(value, (int, float)) and not isinstance(value, bool) else []
    return here + [found for key, item in inner for found in leaves(item, (*path, key))]


@pytest.mark.parametrize("options", [(), ("--limit", "40"), ("--limit", "20", "--epochs", "3")])
def test_no_figure_of_a_submission_can_be_changed_alone(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Value, interval, counts, coverage, bounds and every breakdown hold each other."""
    published = submission(tmp_path, *options)
    file = summary(published)
    (entry,) = whole = json.loads(file.read_text())
    assert not check(published).problems
    kept = {key: entry[key] for key in ("n", "counts", "coverage", "metrics", "bounds", "breakdown")}
    places = leaves(kept)
    if "--epochs" in options:  # of clustered and averaged answers only the narrowest interval can be made again
        places = [place for place in places if "ci" not in place]
    assert len(places) > 20
    for place in places:
        at = entry
        for key in place[:-1]:
            at = at[key]
        was = at[place[-1]]
        at[place[-1]] = was + 1 if isinstance(was, int) else was + 0.03 if was < 0.5 else was - 0.03
        file.write_text(json.dumps(whole))
        assert check(published).problems, place
        at[place[-1]] = was


def test_a_better_score_with_a_matching_interval_is_found(published: Path) -> None:
    """Whoever also makes a plausible interval is contradicted by bounds, breakdowns and counts."""
    file = summary(published)
    (entry,) = whole = json.loads(file.read_text())
    n = entry["metrics"]["acc"]["n"]
    found = binomial(n - 2, n)
    entry["metrics"]["acc"].update(value=(n - 2) / n, ci=[found.low, found.high], interval=found.method)
    file.write_text(json.dumps(whole))
    problems = "\n".join(check(published).problems)
    for part in ("bounds.errors_excluded", "bounds.errors_wrong", "breakdown.kind: its labels make"):
        assert part in problems
    entry["bounds"] = {"errors_wrong": (n - 2) / n, "errors_excluded": (n - 2) / n}
    entry["breakdown"] = {}
    file.write_text(json.dumps(whole))
    assert any("breakdown: none; the task has" in problem for problem in check(published).problems)


def test_an_official_figure_is_one_that_the_scorer_makes(published: Path) -> None:
    file = summary(published)
    (published / MODEL / "run" / "mmau").mkdir()
    moved = published / MODEL / "run" / "mmau" / "summary.json"
    moved.write_text(file.read_text())
    edit(
        moved,
        lambda d: d[0].update(task="mmau", official={"scorer": "mmau@0", "value": 7.5, "on_extracted": -0.5, "n": 1}),
    )
    problems = "\n".join(check(published).problems)
    for told in ("official.scorer: 'mmau@0'", "official.value: 7.5; must lie in", "official.on_extracted: -0.5"):
        assert told in problems


def test_a_local_copy_is_submitted_with_its_content_hash(tmp_path: Path, published: Path) -> None:
    file = summary(published)
    edit(file, lambda document: document[0]["fingerprint"].update(revision=f"sha256:{'a' * 64}"))
    found = check(published)
    assert not found.problems and "a local copy, known by its content" in found.warnings[0]


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
