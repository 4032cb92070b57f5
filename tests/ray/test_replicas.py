"""Replicas on a Ray cluster of several nodes: same answers as on one machine, whatever dies on the way."""

from __future__ import annotations

import json
import threading
import wave
from collections import Counter
from pathlib import Path

import pytest

from tests.ray.conftest import beside, lines, wait_for

pytestmark = pytest.mark.ray


def same(tmp_path: Path, first: str, second: str) -> None:
    """Two runs have the same summary, byte for byte, and one line for each request, of the same key."""
    one, other = tmp_path / first / "toy", tmp_path / second / "toy"
    assert (one / "summary.json").read_bytes() == (other / "summary.json").read_bytes()
    keys = [[line["key"] for line in lines(folder / "samples.jsonl")] for folder in (one, other)]
    assert sorted(keys[0]) == sorted(keys[1])
    assert max(Counter(keys[0]).values()) == 1


def engines(tmp_path: Path, out: str):
    return json.loads((tmp_path / out / "run.json").read_text())["engines"]


def test_two_replicas_give_what_one_machine_gives(nodes, model, toy, run, tmp_path):
    nodes.want(2)
    steady, task = model(seconds=0.02), toy(60)
    assert run(steady, task, "here", local=True) == 0
    for file in (tmp_path / "done").iterdir():
        file.unlink()
    assert run(steady, task, "there", "--replicas", "2:2") == 0
    same(tmp_path, "here", "there")
    asked = [line.split() for line in (tmp_path / "done" / "asked").read_text().splitlines()]
    assert len(asked) == 60 and len({pid for _, pid, _ in asked}) == 2
    assert {int(size) for _, _, size in asked} == {3244}  # each clip whole
    (used,) = engines(tmp_path, "there")
    assert used["name"] == "ray" and used["wanted"] == [2, 2] and sum(r["answers"] for r in used["replicas"]) == 60


def test_a_machine_that_is_lost_costs_what_was_on_the_wire(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(2)
    steady, task = model(seconds=0.3), toy(60)

    def lose() -> None:
        wait_for(lambda: (tmp_path / "done" / "asked").exists())
        nodes.lose()

    with beside(lose):
        assert run(steady, task, "there", "--replicas", "2:2", "--max-concurrency", "16") == 0
    journal = lines(tmp_path / "there" / "toy" / "samples.jsonl")
    assert len({line["key"] for line in journal}) == len(journal) == 60
    assert any(line["attempts"] > 1 for line in journal)
    assert all("response" in line for line in journal)
    assert sum(replica.get("losses", 0) for replica in engines(tmp_path, "there")[0]["replicas"]) >= 1


def test_without_a_replica_the_run_ends_and_the_same_command_goes_on(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(2)
    steady, task = model(seconds=0.2), toy(60)

    def lose_both() -> None:
        asked = tmp_path / "done" / "asked"
        wait_for(lambda: asked.exists() and len(asked.read_text().splitlines()) > 16)  # the first ones are answered
        nodes.want(0)

    command = ("there", "--replicas", "2:2", "--max-concurrency", "8", "--replica-wait", "8")
    with beside(lose_both):
        assert run(steady, task, *command) == 4
    reason = json.loads(capsys.readouterr().out)["reason"]
    assert "--engine ray: no replica of steady has been up for 8 s (--replica-wait): each takes 1 CPU" in reason
    answered = {line["key"] for line in lines(tmp_path / "there" / "toy" / "samples.jsonl") if "response" in line}
    assert 0 < len(answered) < 60
    before = len((tmp_path / "done" / "asked").read_text().splitlines())
    nodes.want(1)
    assert run(steady, task, "there", "--replicas", "1", "--replica-wait", "30") == 0
    assert len((tmp_path / "done" / "asked").read_text().splitlines()) - before == 60 - len(answered)
    assert run(steady, task, "here", local=True) == 0
    assert (tmp_path / "here/toy/summary.json").read_bytes() == (tmp_path / "there/toy/summary.json").read_bytes()
    assert len(engines(tmp_path, "there")) == 2


def test_a_process_that_ends_by_itself_is_started_anew(nodes, model, toy, run, tmp_path):
    nodes.want(2)
    steady, task = model(seconds=0.02, dies_at=["s7", "s20"]), toy(30)
    assert run(steady, task, "there", "--replicas", "2", "--max-concurrency", "4") == 0
    journal = {line["id"]: line for line in lines(tmp_path / "there" / "toy" / "samples.jsonl")}
    assert len(journal) == 30 and journal["s7"]["attempts"] >= 2 and journal["s20"]["attempts"] >= 2
    (used,) = engines(tmp_path, "there")
    assert sum(replica.get("losses", 0) for replica in used["replicas"]) == 2


def test_an_adapters_errors_mean_what_they_mean_on_one_machine(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(2)
    steady, task = model(raises={"s1": "sample", "s2": "retryable", "s3": "other"}), toy(6)
    told = []
    for out, local in (("here", True), ("there", False)):
        for file in (tmp_path / "done").iterdir():
            file.unlink()
        assert run(steady, task, out, local=local) == 4
        capsys.readouterr()
        told.append({x["id"]: (x.get("error"), x["attempts"]) for x in lines(tmp_path / out / "toy" / "samples.jsonl")})
    same(tmp_path, "here", "there")
    assert told[0] == told[1]
    assert told[0]["s1"][0]["message"] == "this clip is too long" and told[0]["s2"] == (None, 2)
    assert "LookupError: a bug in somebody's code" in told[0]["s3"][0]["message"]
    assert run(model(raises={"s0": "run"}), toy(1), "wrong") == 2
    assert json.loads(capsys.readouterr().out)["reason"] == "the key is wrong"


def test_a_node_without_memory_kills_its_replica_and_the_others_go_on(nodes, model, toy, run, tmp_path):
    nodes.want(1)
    steady, task, seen = model(seconds=0.3), toy(200), set[int]()
    no_memory = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "250"}

    def ask() -> None:
        assert run(steady, task, "there", "--replicas", "1:2", "--max-concurrency", "4") == 0

    def one_has_died() -> set[int]:
        there = {*nodes.processes()}
        seen.update(there)
        return seen - there

    with nodes.one(num_cpus=1, env_vars=no_memory), beside(ask):
        wait_for(lambda: (tmp_path / "done" / "asked").exists())
        wait_for(one_has_died)
        (tmp_path / "done" / "hurry").touch()
    journal = lines(tmp_path / "there" / "toy" / "samples.jsonl")
    assert len({line["key"] for line in journal}) == len(journal) == 200 and all("response" in line for line in journal)


def test_what_cannot_start_ends_the_run_with_its_cause(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(1)
    assert run(model(broken=True), toy(1), "there", "--replicas", "1") == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error.startswith("replica 1 on ") and error.endswith(": the weights are not there")
    assert not (tmp_path / "there" / "run.json").exists()


def test_replicas_join_as_the_cluster_has_room(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(2)
    steady, task, asked = model(seconds=0.3), toy(300), tmp_path / "done" / "asked"

    def ask() -> None:
        assert run(steady, task, "there", "--replicas", "2:3", "--max-concurrency", "3", "--format", "text") == 0

    with beside(ask):  # a node can be added in the main thread only
        wait_for(asked.exists)
        nodes.want(3)
        wait_for(lambda: len({line.split()[1] for line in asked.read_text().splitlines()}) == 3)
        (tmp_path / "done" / "hurry").touch()
    said = capsys.readouterr().err
    assert "audiobench: 2 of 3 replicas of steady up on 2 nodes; 1 more will join when the cluster has room" in said


def test_clips_are_carried_by_value_and_none_is_left_in_the_store(nodes, model, toy, run, tmp_path, capsys):
    nodes.want(1)
    steady, task = model(seconds=0.05), toy(40)
    for clip in (task.parent / "audio").iterdir():
        with wave.open(str(clip), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(clip.stem.zfill(4).encode() * 1_250_000)
    assert run(steady, task, "there", "--replicas", "1", "--max-concurrency", "8") == 0
    asked = [int(line.split()[2]) for line in (tmp_path / "done" / "asked").read_text().splitlines()]
    assert asked == [5_000_044] * 40  # 200 MB in all, through stores of 80 MB
    assert not [file for file in nodes.spilled() if file.is_file()]


def test_any_replica_may_die_at_any_time(nodes, model, toy, run, tmp_path):
    nodes.want(2)
    task = toy(300)
    assert run(model(seconds=0.15, faults=0.21), task, "here", local=True) == 0
    steady = model(seconds=0.15, faults=0.21)  # with no attempt behind it
    ended = threading.Event()

    def kill() -> None:
        wait_for(lambda: (tmp_path / "done" / "asked").exists())
        number = 0
        while not ended.wait(2.0):
            number += nodes.kill_one(number)

    with beside(kill):
        assert run(steady, task, "there", "--replicas", "2", "--max-concurrency", "8") == 0
        ended.set()
    same(tmp_path, "here", "there")
    used = engines(tmp_path, "there")[0]["replicas"]
    assert sum(replica.get("losses", 0) for replica in used) >= 2
    assert sum(replica.get("answers", 0) for replica in used) == 300
