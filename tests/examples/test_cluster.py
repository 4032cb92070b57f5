"""The recipes for schedulers: their files read as what they are, and the commands in them as commands of audiobench."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from audiobench.cli import build_parser

RECIPES = ("slurm_array.sh", "kubernetes_job.yaml", "kuberay_job.yaml", "skypilot.yaml")


@pytest.mark.parametrize("name", RECIPES)
def test_the_commands_in_a_recipe_are_commands_of_audiobench(name: str, root: Path) -> None:
    text = (root / "examples" / "cluster" / name).read_text(encoding="utf-8")
    plain = re.sub(r"\\\n\s*|(?<=[a-z0-9-])\n +(?=--)", " ", text)
    found = re.findall(r"audiobench (run) (.+)", plain)
    assert found
    for command, words in found:
        part = re.sub(r"\$\(\(.*?\)\)|\$\{?\w+\}?", "1", words)
        options = build_parser(command).parse_args([command, *shlex.split(part)])
        assert options.model and options.tasks
        assert options.engine == "ray" if "kuberay" in name else options.shard == "1/8" or options.shard == "1/1"


def test_the_recipes_for_kubernetes_say_the_number_of_parts_once(root: Path) -> None:
    folder = root / "examples" / "cluster"
    job = yaml.safe_load((folder / "kubernetes_job.yaml").read_text(encoding="utf-8"))["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert f"/{job['completions']} " in container["args"][0] and job["completionMode"] == "Indexed"
    sky = yaml.safe_load((folder / "skypilot.yaml").read_text(encoding="utf-8"))
    assert "--shard $part/$SKYPILOT_NUM_NODES" in sky["run"].replace("\\\n    ", "")


def test_the_script_for_slurm_is_a_script(root: Path) -> None:
    subprocess.run(["bash", "-n", str(root / "examples" / "cluster" / "slurm_array.sh")], check=True)
