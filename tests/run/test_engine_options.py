"""What `--engine ray` says without Ray, and what goes with it."""

from __future__ import annotations

import importlib.util
import json

import pytest

from audiobench.ask.replicated import wanted_of
from audiobench.cli import main
from audiobench.core.errors import UsageError
from audiobench.files import suite
from audiobench.files.run_spec import RunSpec


def test_without_ray_the_extra_is_named_and_nothing_is_written(toy, tmp_path, monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else real(name, *more))
    run = ["run", "--model", "deaf", "--tasks", str(toy(2)), "--out", str(tmp_path / "run"), "--engine", "ray"]
    assert main(run) == 2
    assert "--engine ray needs Ray: pip install '.[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--replicas", "4"], "--replicas: goes with --engine ray"),
        (["--keep-replicas"], "--keep-replicas: goes with --engine ray"),
        (["--engine", "slurm"], "--engine 'slurm': must be local or ray"),
        (["--engine", "ray", "--replicas", "4:2"], "--replicas 4:2: at least 1, and no fewer at most than at least"),
        (["--engine", "ray", "--replicas", "few"], "--replicas few: expected N or A:B, such as 8 or 2:16"),
        (
            ["--engine", "ray", "--gpus-per-replica", "-1"],
            "--gpus-per-replica -1: must be a number that is not negative",
        ),
    ],
)
def test_options_that_do_not_go_together(words, said, toy, capsys):
    assert main(["run", "--model", "deaf", "--tasks", str(toy(2)), *words]) == 2
    assert said in capsys.readouterr().err


def test_replicas_are_told_alike_on_the_command_line_in_a_suite_and_in_python(tmp_path):
    for given in ("2:16", (2, 16), [2, 16]):
        wanted = wanted_of(RunSpec(model="m", tasks=["t"], engine="ray", replicas=given, ray_address="auto"))
        assert wanted is not None and (wanted.least, wanted.most, wanted.address) == (2, 16, "auto")
    file = tmp_path / "suite.yaml"
    file.write_text("models: [deaf]\ntasks: [listening_count]\nengine: ray\nreplicas: 2:16\n")
    (spec,) = suite.read(file, {})
    assert (spec.engine, spec.replicas) == ("ray", (2, 16))
    assert RunSpec(model="m", tasks=["t"], replicas=8).replicas == (1, 8)
    assert wanted_of(RunSpec(model="m", tasks=["t"])) is None
    with pytest.raises(UsageError, match="--replicas 1:0"):
        RunSpec(model="m", tasks=["t"], replicas=0)


def test_a_run_of_a_cluster_is_repeated_on_this_machine(toy, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", "--model", "deaf", "--tasks", str(toy(2)), "--out", str(out), "--json"]) == 0
    info = json.loads((out / "run.json").read_bytes())
    info["starts"][0]["spec"] |= {"engine": "ray", "replicas": [2, 4], "ray_address": "10.0.0.1:6379"}
    del info["crc"]
    (out / "run.json").write_text(json.dumps(info))
    assert main(["run", "--from", str(out), "--engine", "local", "--json"]) == 0
    assert "replicas" not in json.loads((out / "run.json").read_bytes())["starts"][0]["spec"]
