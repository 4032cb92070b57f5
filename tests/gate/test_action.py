"""action.yml: the steps that a job runs, run here as GitHub runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.run.conftest import make_task

Step = dict[str, Any]


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    """The action as declared."""
    return yaml.safe_load((Path(__file__).parents[2] / "action.yml").read_text(encoding="utf-8"))


def job(action: dict[str, Any], folder: Path, given: dict[str, str]) -> tuple[int, dict[str, str], str]:
    """Run the action's own scripts with these inputs: exit code, outputs, step summary."""
    inputs = {name: declared.get("default") for name, declared in action["inputs"].items()} | given
    assert None not in inputs.values(), "a required input is missing"
    out, summary = folder / "output", folder / "summary.md"
    out.write_text("")
    code = 0
    for step in action["runs"]["steps"]:
        if "run" not in step or step["name"] == "Install audiobench":
            continue
        env = {
            name: inputs[value.removeprefix("${{ inputs.").removesuffix(" }}")] for name, value in step["env"].items()
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        known = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(out), "GITHUB_STEP_SUMMARY": str(summary), "PATH": path}
        # `shell: bash` of a composite step
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        code = subprocess.run(command, cwd=folder, env={**os.environ, **env, **known}, check=False).returncode
        if code:
            break
    outputs = dict(line.split("=", 1) for line in out.read_text(encoding="utf-8").splitlines())
    return code, outputs, summary.read_text(encoding="utf-8") if summary.is_file() else ""


def test_a_job_makes_its_baseline_then_passes_then_fails_a_worse_model(action: dict[str, Any], tmp_path: Path) -> None:
    make_task(tmp_path / "toy", 40)
    given = {"model": "oracle", "tasks": "toy/toy.yaml", "baseline": "base.json", "run-args": "--quiet --seed 3"}
    code, outputs, _ = job(action, tmp_path, given)
    assert code == 4 and outputs == {"verdict": "no baseline yet", "exit-code": "4"}
    (tmp_path / "audiobench-baseline.json").rename(tmp_path / "base.json")

    code, outputs, summary = job(action, tmp_path, given)
    assert code == 0 and outputs["exit-code"] == "0" and "pass" in outputs["verdict"] and "audiobench gate" in summary

    (tmp_path / "audiobench-run").rename(tmp_path / "good")
    code, outputs, summary = job(action, tmp_path, given | {"model": "first_choice", "gate-args": "--margin 2pp"})
    assert code == 1 and outputs["exit-code"] == "1" and "REGRESSION" in outputs["verdict"]
    assert "**REGRESSION**" in summary and (tmp_path / "audiobench-gate.xml").is_file()


def test_inputs_are_handed_over_by_the_environment_and_never_written_into_a_script(action: dict[str, Any]) -> None:
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert scripts and not any("${{" in script for script in scripts)
