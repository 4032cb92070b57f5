"""Nothing is lost and nothing is asked twice, whatever kills the process; the result is the uninterrupted run's."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.files.journal import RunLock
from audiobench.serving import planner
from tests.run.conftest import clean_environment, command

FAULTS = "429:0.06,500:0.05,reset:0.04,hang:0.02,truncated:0.03,badjson:0.03,no_choices:0.03"
COUNT = 200


def finished(journal: Path) -> list[str]:
    """Ids with a response, in the journal's order (a torn last line is not one)."""
    if not journal.exists():
        return []
    lines = journal.read_bytes().split(b"\n")[:-1]
    return [record["id"] for record in map(json.loads, lines) if "response" in record]


def killed_when_grown(words: Sequence[str | Path], file: Path, by: int, folder: Path) -> None:
    """Runs `audiobench` with these words in `folder`, and kills it with -9 when `file` has grown by so many bytes."""
    target = size(file) + by
    process = subprocess.Popen(command(*words), env=clean_environment(), cwd=folder)
    while process.poll() is None and size(file) < target:
        time.sleep(0.005)
    process.kill()
    process.wait()


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def arguments(task: Path, url: str, out: Path) -> list[str | Path]:
    return [
        "run", "--model", "openai_chat:mock", "--tasks", task, "--base-url", url, "--out", out,
        "--max-concurrency", "4", "--timeout", "1.5", "--quiet",
    ]  # fmt: skip


def comparable(out: Path) -> Any:
    """The summary without what measures time."""
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    return {key: value for key, value in entry.items() if key != "latency"}


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_ask_nothing_twice(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, log, out = toy(COUNT), tmp_path / "log.jsonl", tmp_path / "killed"
    journal = out / "toy" / "samples.jsonl"
    url = server(faults=FAULTS, latency=0.04, log=log)
    draw = random.Random(20261123)
    kills = 0
    while kills < 20:
        before = finished(journal)
        asked_before = len(log.read_text().splitlines()) if log.exists() else 0
        process = subprocess.Popen(command(*arguments(task, url, out)), env=clean_environment(), cwd=tmp_path)
        target = len(before) + draw.randint(1, 9)
        while process.poll() is None and len(finished(journal)) < target:
            time.sleep(0.005)
        assert process.poll() is None, "the run ended before it could be killed: make it slower"
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        asked = [json.loads(line)["item"] for line in log.read_text().splitlines()[asked_before:]]
        again = {f"s{item}" for item in asked} & set(before)
        assert not again, f"asked again although the journal held an answer: {again}"
    last = cli(*arguments(task, url, out))
    assert last.returncode == 0, last.stderr
    ids = finished(journal)
    assert sorted(ids) == sorted(f"s{i}" for i in range(COUNT))

    whole = tmp_path / "whole"
    assert cli(*arguments(task, server(latency=0.0), whole)).returncode == 0
    assert comparable(out) == comparable(whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_with_its_code_and_the_command_that_goes_on(
    number: signal.Signals, code: int, toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(60), tmp_path / "out"
    url = server(latency=0.1)
    process = subprocess.Popen(
        command(*arguments(task, url, out)), env=clean_environment(), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not finished(out / "toy" / "samples.jsonl"):
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    said, _, rest = errors.partition("\n")
    assert "waiting up to 10 s for" in said and "on the wire; once more stops at once" in said and rest
    assert "interrupted by SIG" in errors and "audiobench run --model openai_chat:mock" in errors
    done = len(finished(out / "toy" / "samples.jsonl"))
    assert 0 < done < 60
    assert cli(*arguments(task, url, out)).returncode == 0
    assert len(finished(out / "toy" / "samples.jsonl")) == 60
    for _ in range(2):  # a start that asks nothing knows it from the journal too
        assert json.loads((out / "run.json").read_text())["served_models"] == {"mock": 60}
        assert cli(*arguments(task, url, out)).returncode == 0


def test_a_finished_run_repeats_without_a_request(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, log, out = toy(20), tmp_path / "log.jsonl", tmp_path / "out"
    url = server(log=log)
    assert cli(*arguments(task, url, out)).returncode == 0
    first, asked = comparable(out), len(log.read_text().splitlines())
    assert cli(*arguments(task, url, out)).returncode == 0
    assert (comparable(out), len(log.read_text().splitlines())) == (first, asked)


def test_a_changed_clip_is_asked_again(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, log, out = toy(5), tmp_path / "log.jsonl", tmp_path / "out"
    url = server(log=log)
    assert cli(*arguments(task, url, out)).returncode == 0
    clip = task.parent / "audio" / "3.wav"
    clip.write_bytes(clip.read_bytes()[:-2] + b"\x01\x02")
    assert cli(*arguments(task, url, out)).returncode == 0
    assert [json.loads(line)["item"] for line in log.read_text().splitlines()[5:]] == ["3"]


def test_a_second_writer_is_refused(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(8), tmp_path / "out"
    url = server()
    assert cli(*arguments(task, url, out), "--ids", "s0,s1").returncode == 0
    written = (out / "toy" / "samples.jsonl").read_bytes()
    lock = RunLock(out)  # this process is the first writer
    second = cli(*arguments(task, url, out))
    assert second.returncode == 2
    assert f"process {os.getpid()}" in second.stderr
    assert (out / "toy" / "samples.jsonl").read_bytes() == written
    lock.release()
    assert cli(*arguments(task, url, out)).returncode == 0
    assert len(finished(out / "toy" / "samples.jsonl")) == 8


def test_a_torn_last_line_is_repaired(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(6), tmp_path / "out"
    url = server()
    assert cli(*arguments(task, url, out)).returncode == 0
    journal = out / "toy" / "samples.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert len(finished(journal)) == 5
    assert cli(*arguments(task, url, out)).returncode == 0
    assert sorted(finished(journal)) == [f"s{i}" for i in range(6)]


def test_answers_to_an_old_prompt_never_count_for_the_new_one(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(8), tmp_path / "out"
    assert cli(*arguments(task, server(), out)).returncode == 0
    task.write_text(task.read_text().replace("{{question}}", "Listen. {{question}}"))
    gone = cli(*arguments(task, "http://127.0.0.1:9/v1", out), "--attempts", "1")
    assert gone.returncode == 4
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert (entry["counts"]["scored"], entry["counts"]["error"], entry["metrics"]["acc"]["value"]) == (0, 8, None)
    assert cli(*arguments(task, server(), out)).returncode == 0
    assert len(comparable(out)["fingerprint"]) > 3 and comparable(out)["counts"]["scored"] == 8


def test_another_model_in_the_same_directory_is_refused(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, out = toy(3), tmp_path / "out"
    url = server()
    assert cli(*arguments(task, url, out)).returncode == 0
    other = cli("run", "--model", "openai_chat:other", "--tasks", task, "--base-url", url, "--out", out)
    assert other.returncode == 2 and "another --out" in other.stderr


def test_a_user_adapter_that_raises_loses_only_that_sample(
    toy: Callable[[int], Path], cli: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from audiobench.core.types import Response\n"
        "class Own:\n"
        "    def __init__(self, spec, *, base_url, timeout): ...\n"
        "    async def generate(self, request):\n"
        "        if request.sample_id == 's2': raise ValueError('boom')\n"
        "        return Response('A')\n"
        "    async def close(self): ...\n"
    )
    result = cli("run", "--model", f"{own}:Own", "--tasks", toy(4), "--out", tmp_path / "out")
    assert result.returncode == 4 and "Traceback" not in result.stderr
    assert "1 x ValueError: boom" in result.stderr
    assert comparable(tmp_path / "out")["counts"]["scored"] == 3


def test_a_budget_in_two_passes_resumes_like_everything_else(
    toy: Callable[[int], Path], cli: Any, tmp_path: Path
) -> None:
    model, out = tmp_path / "thinker.yaml", tmp_path / "out"
    model.write_text(
        "name: thinker\nadapter: scripted\nserved_model: thinker\noptions: {reasoning_words: 30}\n"
        'thinking: {default: on, on: {prefill: "<think>\\n"}, off: {prefill: "<think>\\n\\n</think>\\n"}, budget: {method: two_pass}}\n'
    )
    run = ("run", "--model", model, "--tasks", toy(6), "--think", "on,off,budget:8", "--out", out)
    first = cli(*run)
    assert first.returncode == 0, first.stderr
    again = cli(*run)
    assert "18 already done" in again.stderr and "0 requests to send" in again.stderr
    lines = (out / "toy" / "samples.jsonl").read_text().splitlines()
    assert len(lines) == 18 and not any("stale" in line for line in lines)
    budget = [line for line in map(json.loads, lines) if line["condition"]["think"] == "budget:8"]
    for line in budget:
        first, second = line["turns"]
        assert first["generation"]["max_gen_toks"] == 8 and first["generation"]["until"] == ["</think>"]
        assert second["sent"] == [
            {"role": "assistant", "parts": [f"<think>\n{line['response']['reasoning']}\n</think>\n"]}
        ]
        total = sum(turn["response"]["usage"]["completion"] for turn in line["turns"])
        assert line["response"]["usage"]["completion"] == total
    assert len(budget) == 6 and all("turns" not in line for line in map(json.loads, lines) if line not in budget)


def test_a_thought_that_closes_at_once_is_no_empty_answer(toy: Callable[[int], Path], cli: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from audiobench.core.types import Response\n"
        "class Own:\n"
        "    def __init__(self, spec, *, base_url, timeout): ...\n"
        "    async def generate(self, request):\n"
        "        return Response('' if request.prefill_text == '<think>\\n' else 'A')\n"
        "    async def close(self): ...\n"
    )
    model, out = tmp_path / "model.yaml", tmp_path / "out"
    model.write_text(
        'name: own\nserved_model: own\nadapter: own.py:Own\nthinking: {on: {prefill: "<think>\\n"}, budget: {method: two_pass}}\n'
    )
    result = cli("run", "--model", model, "--tasks", toy(3), "--think", "budget:8", "--out", out)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in (out / "toy" / "samples.jsonl").read_text().splitlines()]
    assert [(line["attempts"], line["response"]["text"]) for line in lines] == [(1, "A")] * 3


def test_empty_answers_that_are_asked_for_again_are_billed(
    toy: Callable[[int], Path], cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(
        "from audiobench.core.types import Response\n"
        "class Own:\n"
        "    def __init__(self, spec, *, base_url, timeout): self.calls = 0\n"
        "    async def generate(self, request):\n"
        "        self.calls += 1\n"
        "        return Response('' if self.calls < 3 else 'A', usage={'prompt': 1_000_000})\n"
        "    async def close(self): ...\n"
    )
    (tmp_path / "model.yaml").write_text(
        "name: own\nserved_model: own\nadapter: own.py:Own\nprices: [{input: 2.0, output: 0}]\n"
    )
    out = tmp_path / "out"
    result = cli("run", "--model", tmp_path / "model.yaml", "--tasks", toy(1), "--out", out)
    assert result.returncode == 0, result.stderr
    (line,) = [json.loads(line) for line in (out / "toy" / "samples.jsonl").read_text().splitlines()]
    assert (line["attempts"], line["discarded"]) == (3, [{"prompt": 1_000_000}] * 2)
    assert "$6.00" in result.stderr + cli("report", out).stdout


@pytest.mark.parametrize(
    ("model", "says"), [("gpt-audio", "no API key"), ("openai_chat:m", "--base-url"), ("step-audio-r1", "67 GB")]
)
def test_a_model_that_cannot_be_had_leaves_nothing_behind(
    model: str, says: str, toy: Callable[[int], Path], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(planner, "visible_gpus", list)
    monkeypatch.setattr(planner, "_is_cpu_build", lambda: False)
    assert main(["run", "--model", model, "--tasks", str(toy(3))]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
