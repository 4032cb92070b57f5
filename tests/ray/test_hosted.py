"""What replicas host: vLLM servers of their own on GPUs, a real model in the process, and nothing once the driver is gone."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from audiobench.cli import main
from audiobench.doctor.cluster import of_cluster
from tests.ray.conftest import Nodes, _below, beside, lines, wait_for
from tests.run.conftest import clean_environment, command
from tests.run.test_own_servers import H100, SERVER

pytestmark = pytest.mark.ray


@pytest.fixture
def cards(nodes: Nodes, tmp_path: Path) -> Iterator[Path]:
    """A node with four GPUs on which vLLM is installed; the file that says which servers were started."""
    tools, package = tmp_path / "bin", tmp_path / "lib" / "vllm" / "entrypoints" / "openai"
    tools.mkdir()
    said = "\n".join(H100.format(i=i) for i in range(4))
    (tools / "nvidia-smi").write_text(f"#!{sys.executable}\nprint({said!r})\n")
    (tools / "nvidia-smi").chmod(stat.S_IRWXU)
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "api_server.py").write_text(SERVER)
    started = tmp_path / "started.jsonl"
    environment = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path / "lib"),
        "STARTED": str(started),
    }
    nodes.want(0)
    with nodes.one(num_cpus=2, num_gpus=4, env_vars=environment):
        yield started


def test_each_replica_has_a_server_of_its_own_on_the_gpus_that_its_model_needs(cards, toy, run, tmp_path):
    def kill() -> None:
        wait_for(lambda: cards.exists() and len(lines(cards)) == 2)
        os.kill(lines(cards)[0]["pid"], signal.SIGKILL)

    with beside(kill):
        assert run(Path("step-audio-r1"), toy(30), "there", "--replicas", "2:2", "--max-concurrency", "2") == 0
    started = lines(cards)
    assert {server["gpus"] for server in started} == {"0,1", "2,3"}  # tensor parallel as the model file says
    assert all("--tensor-parallel-size 2" in " ".join(server["argv"]) for server in started)
    journal = lines(tmp_path / "there" / "toy" / "samples.jsonl")
    assert len(journal) == 30 and all("response" in line for line in journal)
    wait_for(lambda: not [server for server in started if Path(f"/proc/{server['pid']}").exists()])


def test_servers_on_replicas_and_what_doctor_says_of_their_nodes(cards, nodes):
    room = "room for 2 of step-audio-r1: each takes 1 CPU and 2 GPUs of one node"

    def said_of_the_nodes() -> bool:  # a node that an earlier test has lost may still be thought alive
        checks = {check.name: check for check in of_cluster(nodes.address, "step-audio-r1")}
        return checks["replicas"].status == "ok" and room in checks["replicas"].found

    wait_for(said_of_the_nodes)
    serve = command("serve", "step-audio-r1", "--engine", "ray", "--ray-address", nodes.address, "--replicas", "2:2")
    driver = subprocess.Popen(serve, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    said = [driver.stdout.readline() for _ in range(3)]
    assert len({re.sub(r".*(http://\S+/v1).*\n", r"\1", line) for line in said[:2]}) == 2
    assert said[2].count("--base-url http://") == 2 and "127.0.0.1" not in said[2]  # others reach them
    assert all("--host 0.0.0.0" in " ".join(server["argv"]) for server in lines(cards))
    driver.send_signal(signal.SIGINT)
    assert driver.wait(60) == 0
    wait_for(lambda: not [server for server in lines(cards) if Path(f"/proc/{server['pid']}").exists()])


def test_a_real_model_in_the_replicas_gives_what_it_gives_here(nodes, tmp_path, capsys):
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra local)")
    nodes.want(2)
    command = ["run", "--model", "tiny-audio-r1", "--tasks", "listening", "--limit", "40", "--json"]
    assert main([*command, "--out", str(tmp_path / "here")]) == 0
    assert main([*command, "--out", str(tmp_path / "there"), "--engine", "ray", "--ray-address", nodes.address,
                 "--replicas", "2:2"]) == 0  # fmt: skip
    said = [
        {line["key"]: line["response"]["text"] for line in lines(tmp_path / out / "listening" / "samples.jsonl")}
        for out in ("here", "there")
    ]
    assert said[0] == said[1] and len(said[0]) == 40


def test_a_stage_has_replicas_of_its_own(nodes, model, toy, tmp_path, capsys):
    nodes.want(1)
    task, out = toy(8), tmp_path / "there"
    reader = model()
    odd = tmp_path / "odd.yaml"
    odd.write_text(
        reader.read_text().replace("name: steady", "name: odd").replace("folder:", "mumbles: true\n  folder:")
    )
    words = ["run", "--model", str(odd), "--reader", str(reader), "--tasks", str(task), "--out", str(out), "--json"]
    assert main([*words, "--engine", "ray", "--ray-address", nodes.address]) == 0
    engines = json.loads((out / "run.json").read_text())["engines"]
    assert [(used["model"], used["replicas"][0]["answers"]) for used in engines] == [("odd", 8), ("steady", 8)]
    assert len(lines(out / "toy" / "readings.jsonl")) == 8


def test_kept_replicas_are_found_and_then_ended(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(2)
    steady = model()
    assert run(steady, toy(6), "one", "--replicas", "2:2", "--keep-replicas") == 0
    kept = nodes.processes()
    assert len(kept) == 2
    assert run(steady, toy(7), "two", "--replicas", "2:2", "--format", "text") == 0
    assert "2 kept replicas of steady found" in capsys.readouterr().err
    asked = (tmp_path / "done" / "asked").read_text().splitlines()
    assert {int(line.split()[1]) for line in asked} == {*kept}
    wait_for(lambda: not nodes.processes())


def test_nothing_is_left_of_a_driver_that_is_told_to_end(model, toy, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (the extra ray)")
    steady, task, out = model(seconds=0.2), toy(60), tmp_path / "there"
    words = command(
        "run", "--model", steady, "--tasks", task, "--out", out, "--engine", "ray", "--max-concurrency", "2"
    )
    environment = {name: value for name, value in clean_environment().items() if name != "RAY_ADDRESS"}
    driver = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (tmp_path / "done" / "asked").exists(), 60)
    started = _below(driver.pid)
    assert len(started) > 2
    driver.send_signal(signal.SIGTERM)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 143 and "interrupted by SIGTERM" in said
    wait_for(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()])
    answered = lines(out / "toy" / "samples.jsonl")
    assert 0 < len(answered) < 60 and all("response" in line for line in answered)
    asked = tmp_path / "done" / "asked"
    before = len(asked.read_text().splitlines())
    (tmp_path / "done" / "hurry").touch()
    assert main(["run", "--model", str(steady), "--tasks", str(task), "--out", str(out), "--json"]) == 0
    assert len(asked.read_text().splitlines()) - before == 60 - len(answered)


def test_a_driver_that_is_killed_takes_its_replicas_with_it_and_is_resumed(nodes, model, toy, run, tmp_path):
    nodes.want(1)
    steady, task, asked = model(seconds=0.2), toy(40), tmp_path / "done" / "asked"
    words = command("run", "--model", steady, "--tasks", task, "--out", tmp_path / "there", "--max-concurrency", "2")
    driver = subprocess.Popen([*words, "--engine", "ray", "--ray-address", nodes.address], env=clean_environment())
    wait_for(lambda: asked.exists() and len(asked.read_text().splitlines()) > 4, 60)
    driver.kill()
    driver.wait()
    wait_for(lambda: not nodes.processes())
    held, before = len(lines(tmp_path / "there" / "toy" / "samples.jsonl")), len(asked.read_text().splitlines())
    assert held > 2
    (tmp_path / "done" / "hurry").touch()
    assert run(steady, task, "there") == 0
    assert len(asked.read_text().splitlines()) - before == 40 - held
