"""What holds the repository together: hosted and local continuous integration, hooks, types in the wheel, decisions."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

COMMAND = re.compile(r"(?:^|\bif )(make \S+|tests/\S+\.sh \S+|\S+/python -m pytest [^;&|>\n]+)", re.MULTILINE)


def commands(text: str) -> set[str]:
    """What a script runs of this repository: make's targets, its own scripts, pytest."""
    return {match.strip() for match in COMMAND.findall(text.replace("\n  ", "\n"))}


def read(file: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_hosted_and_local_continuous_integration_run_the_same_commands(root: Path) -> None:
    jobs = read(root / ".github" / "workflows" / "ci.yml")["jobs"]
    hosted = "\n".join(step["run"] for job in jobs.values() for step in job["steps"] if "run" in step)
    local = commands((root / ".ci" / "run").read_text(encoding="utf-8"))
    assert {"make gate", "make test"} < local and any("pytest" in command for command in local)
    assert commands(hosted) == local


def test_the_hosted_suite_runs_on_every_python_that_is_supported(root: Path) -> None:
    suite = read(root / ".github" / "workflows" / "ci.yml")["jobs"]["suite"]
    first = re.search(r'requires-python = ">=(\d+\.\d+)"', (root / "pyproject.toml").read_text(encoding="utf-8"))
    assert first and suite["strategy"]["matrix"]["python"][0] == first[1]


def test_the_hooks_run_what_lint_and_types_run(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8").replace("$(BIN)", ".venv/bin")
    hooks = [hook["entry"] for repo in read(root / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    for hook in hooks:
        assert f"\t{hook.replace(' --force-exclude', '')}" in makefile, hook
    assert {hook.split()[0].rsplit("/", 1)[1] for hook in hooks} == {"ruff", "pyright"}


def test_the_wheel_says_that_its_packages_are_typed_and_brings_the_tasks(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = pytest.importorskip("hatchling.build", reason="hatchling is not installed (the extra dev)")
    monkeypatch.chdir(root)
    with zipfile.ZipFile(tmp_path / build.build_wheel(str(tmp_path))) as wheel:
        names = set(wheel.namelist())
    assert {"audiobench/py.typed", "model_adapters/py.typed", "audiobench/_tasks/reasoning/mmau.yaml"} <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]


def test_every_decision_is_listed_and_says_why_what_and_what_then(root: Path) -> None:
    folder = root / "docs" / "decisions"
    listed = re.findall(r"\]\((\d\d-[^)]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(file.name for file in folder.glob("[0-9]*.md"))
    for name in listed:
        text = (folder / name).read_text(encoding="utf-8")
        marks = [text.find(f"**{part}.**") for part in ("Context", "Decision", "Consequences")]
        assert -1 not in marks and marks == sorted(marks), name
        assert len(text.splitlines()) <= 25, f"{name}: longer than half a screen"


def test_the_places_that_contributors_are_sent_to_exist(root: Path) -> None:
    for file in [root / "CONTRIBUTING.md", *(root / "docs" / "decisions").glob("*.md")]:
        text = file.read_text(encoding="utf-8")
        places = re.findall(
            r"`((?:audiobench|model_adapters|benchmarks|examples|tests|tasks|\.ci|\.github)/[\w./]*)`", text
        )
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
        gone = [place for place in places if not (root / place).exists()]
        gone += [link for link in links if not (file.parent / link).exists()]
        assert not gone, f"{file.name}: {gone}"
