"""`--protocol relisten` as commands against a server process: resumed turn by turn, under kills and faults, its cost by turn."""

from __future__ import annotations

import collections
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import wav
from tests.run.test_interrupted import FAULTS, finished, killed_when_grown

MODEL = """\
name: listener
adapter: openai_chat
served_model: mock
capabilities: [prefill_audio]
thinking: {default: "on", "on": {prefill: "<think>\\n"}, budget: {method: two_pass}}
prices: [{input: 2.0, output: 10.0}]
"""
TURNS = 3


@pytest.fixture
def listener(tmp_path: Path) -> Path:
    """A model file."""
    file = tmp_path / "listener.yaml"
    file.write_text(MODEL)
    return file


@pytest.fixture
def long_toy(toy: Callable[[int], Path]) -> Callable[[int], Path]:
    """The toy benchmark, with clips of two seconds."""

    def make(count: int) -> Path:
        task = toy(count)
        for place in range(count):
            (task.parent / "audio" / f"{place}.wav").write_bytes(wav(32_000, seed=place))
        return task

    return make


def run(model: Path, task: Path, url: str, out: Path, *more: str) -> tuple[str | Path, ...]:
    return (
        "run", "--model", model, "--tasks", task, "--base-url", url, "--out", out, "--prompt", "plain", "--quiet",
        "--protocol", "relisten", *more,
    )  # fmt: skip


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "toy" / "samples.jsonl").read_text().splitlines()]


def answered(log: Path) -> collections.Counter[str]:
    """How often each turn (`item.turn`) was answered."""
    told = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return collections.Counter(line["item"] for line in told if line["status"] == "ok")


def test_an_exchange_that_broke_off_goes_on_at_its_open_turn(
    long_toy: Any, listener: Path, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, out, log, later = long_toy(4), tmp_path / "out", tmp_path / "log", tmp_path / "later"
    broken = cli(*run(listener, task, server(segments=2, broken_turn=2, log=log), out))
    assert broken.returncode == 4 and set(answered(log)) == {f"{n}.{turn}" for n in range(4) for turn in (0, 1)}
    spent = cli(*run(listener, task, "http://127.0.0.1:1/v1", out, "--max-cost", "0.0001"))
    assert spent.returncode == 2 and "earlier starts of this run have spent $0.00" in spent.stderr
    assert cli("verify", out).returncode == 0
    again = cli(*run(listener, task, server(segments=2, log=later), out))
    assert again.returncode == 0, again.stderr
    assert answered(later) == dict.fromkeys((f"{n}.2" for n in range(4)), 1)
    whole = tmp_path / "whole"
    assert cli(*run(listener, task, server(segments=2), whole)).returncode == 0
    resumed, at_once = ({line["id"]: line for line in lines(folder) if "response" in line} for folder in (out, whole))
    for name, line in at_once.items():
        other = resumed[name]
        assert [clip.get("span") for clip in line["audio"]] == [None, [0.0, 1.0], [0.1, 1.1]]
        assert (other["key"], other["audio"], other["attempts"]) == (line["key"], line["audio"], 1)
        assert [t.get("sent") for t in other["turns"]] == [t.get("sent") for t in line["turns"]]
        for field in ("text", "reasoning", "usage"):
            assert other["response"][field] == line["response"][field]
        assert line["response"]["text"].startswith("3 clips: The answer is")
        assert line["response"]["usage"] == {"prompt": 300, "completion": 15}
    (entry,) = json.loads((out / "toy" / "summary.json").read_text())
    assert [(t["turn"], t["n"], t["usage"]["prompt"]) for t in entry["turns"]] == [(n, 4, 400) for n in (1, 2, 3)]
    assert entry["usage"]["prompt"] == 1200
    told = cli("report", out, COLUMNS="120").stdout
    assert "by turn" in told and f"{(1200 * 2 + 60 * 10) / 1e6:.4f}" in told
    finished_run = cli(*run(listener, task, "http://127.0.0.1:1/v1", out))
    assert finished_run.returncode == 0, "nothing is left to ask"


def test_a_changed_clip_is_heard_anew_from_its_first_turn(
    long_toy: Any, listener: Path, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, out, later = long_toy(3), tmp_path / "out", tmp_path / "later"
    assert cli(*run(listener, task, server(segments=2, broken_turn=2), out)).returncode == 4
    (task.parent / "audio" / "1.wav").write_bytes(wav(32_000, seed=9))
    assert cli(*run(listener, task, server(segments=2, log=later), out)).returncode == 0
    assert answered(later) == {"0.2": 1, "1.0": 1, "1.1": 1, "1.2": 1, "2.2": 1}


@pytest.mark.slow
def test_kills_and_faults_cost_no_more_than_the_open_turns(
    long_toy: Any, listener: Path, server: Any, cli: Any, tmp_path: Path
) -> None:
    count, width, kills = 40, 4, 8
    task, log, out = long_toy(count), tmp_path / "log", tmp_path / "killed"
    url = server(segments=TURNS - 1, faults=FAULTS, latency=0.03, log=log)
    more = ("--max-concurrency", str(width), "--timeout", "1.5", "--attempts", "6")
    journal, turns, draw = out / "toy" / "samples.jsonl", out / "toy" / "turns.jsonl", random.Random(7)
    for _ in range(kills):
        killed_when_grown(run(listener, task, url, out, *more), turns, draw.randint(1, 2500), tmp_path)
    assert len(finished(journal)) < count
    done = cli(*run(listener, task, url, out, *more), timeout=120)
    assert done.returncode == 0, done.stderr
    asked = answered(log)
    assert set(asked) == {f"{n}.{turn}" for n in range(count) for turn in range(TURNS)}
    assert asked.total() - count * TURNS <= kills * width, asked.most_common(10)
    whole = tmp_path / "whole"
    assert cli(*run(listener, task, server(segments=TURNS - 1), whole)).returncode == 0
    told = ({line["id"]: line["response"] for line in lines(folder) if "response" in line} for folder in (out, whole))
    killed, at_once = ({k: (r["text"], r["reasoning"], r["usage"]) for k, r in rows.items()} for rows in told)
    assert killed == at_once and len(finished(journal)) == count
    assert cli("verify", out).returncode == 0


REFUSED = {
    "batch": (["--batch"], "only OpenAI (dialect openai) and Gemini have batch jobs here"),
    "budget": (["--think", "budget:64"], "--think budget:64 cuts the thought by tokens"),
    "form": (["--protocol", "relisten:form=odd"], "form=odd: must be one of inline, turn_based"),
    "prompts": (["--protocol", "single,relisten"], "each has a prompt of its own"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    why: str, long_toy: Any, listener: Path, cli: Any, tmp_path: Path
) -> None:
    more, said = REFUSED[why]
    arguments = [
        a
        for a in run(listener, long_toy(2), "http://127.0.0.1:1/v1", tmp_path / "out")
        if a not in ("--prompt", "plain")
    ]
    refused = cli(*arguments, *more)
    assert refused.returncode == 2 and said in refused.stderr and not (tmp_path / "out").exists()


def test_a_model_that_cannot_go_on_behind_sound_is_told_of_the_other_form(
    long_toy: Any, server: Any, cli: Any, tmp_path: Path
) -> None:
    task, url = long_toy(2), server(segments=1)
    refused = cli(*run(Path("openai_chat:mock"), task, url, tmp_path / "out"))
    assert refused.returncode == 2
    assert "does not declare `capabilities: [prefill_audio]`" in refused.stderr
    assert "form=turn_based needs no sound in an assistant's turn" in refused.stderr
    other = tmp_path / "other"
    done = cli(*run(Path("openai_chat:mock"), task, url, other, "--protocol", "relisten:form=turn_based"))
    assert done.returncode == 0, done.stderr
    (condition,) = {line["condition"]["protocol"] for line in lines(other)}
    assert condition == "relisten:form=turn_based:hear=span:turns=8"
    roles = [[turn["role"] for turn in told.get("sent", [])] for told in lines(other)[0]["turns"]]
    assert roles == [[], ["assistant", "user"]]


def test_chunks_count_where_a_request_may_hold_so_many_clips(
    long_toy: Any, listener: Path, cli: Any, tmp_path: Path
) -> None:
    task, out = long_toy(2), tmp_path / "out"
    for limit, said in (
        ("audio: {max_clips: 8, chunk_seconds: 1.5}", "takes 8 clips, and 8 turns send up to 16 (clips over 1.5 s are cut)"),
        (
            "audio: {chunk_seconds: 1.5}\nserve: {args: {limit-mm-per-prompt: {audio: 9}}}",
            "is served with limit-mm-per-prompt: {audio: 9}, and 8 turns send up to 16",
        ),
    ):  # fmt: skip
        listener.write_text(f"{MODEL}{limit}\n", encoding="utf-8")
        refused = cli(*run(listener, task, "http://127.0.0.1:1/v1", out))
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr
        assert "lower turns" in refused.stderr and not out.exists()
        fits = cli(*run(listener, task, "http://127.0.0.1:1/v1", out, "--protocol", "relisten:turns=4", "--dry-run"))
        assert fits.returncode == 0, fits.stderr
