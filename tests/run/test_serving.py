"""`report --serving` and `--sweep-concurrency`: how a server did, from the journals alone."""

from __future__ import annotations

import json

import pytest

from audiobench.cli import main
from audiobench.core.types import Response
from audiobench.files.records import ClipFacts, Record
from audiobench.results.serving import serving


def answer(began: float, seconds: float, **more: float) -> Record:
    """An answer that took so long; `first`, `tokens` and `sound` where they are known."""
    latency = {"total": seconds, **({"first_token": more["first"]} if "first" in more else {})}
    return Record(
        "s",
        time=began + seconds,
        audio=[ClipFacts("", seconds=more["sound"])] if "sound" in more else [],
        response=Response("A", latency=latency, usage={"completion": more["tokens"]} if "tokens" in more else {}),
        attempts=2,
    )


def test_rates_count_only_time_in_which_something_was_in_flight():
    # two at once for 2 s, then an hour of nothing, then one of 4 s
    records = [
        answer(1000, 2, first=0.5, tokens=31, sound=4),
        answer(1000, 2, first=1.0, tokens=11, sound=8),
        answer(4600, 4, tokens=18, sound=2),
    ]
    found = serving(records)
    assert found is not None
    assert (found.answers, found.seconds, found.most_in_flight, found.again) == (3, 6.0, 2, 3)
    assert found.in_flight == pytest.approx(8 / 6)
    assert found.requests_per_second == 0.5
    assert found.tokens_per_second == 10.0
    assert found.audio_per_second == pytest.approx(14 / 6)
    assert (found.latency.p50, found.latency.n) == (2.0, 3)
    assert found.first_token is not None and (found.first_token.n, found.first_token.p50) == (2, 0.75)
    assert found.between_tokens is not None and found.between_tokens.p50 == pytest.approx((0.05 + 0.1) / 2)
    assert found.real_time is not None and found.real_time.p50 == 0.5
    assert [(group.most, group.latency.n) for group in found.by_concurrency] == [(1, 2), (2, 1)]
    assert serving([Record("s")]) is None


def test_a_sweep_runs_once_for_each_number_and_shows_accuracy_and_speed_together(toy, server, tmp_path, capsys):
    file = tmp_path / "mock.yaml"
    file.write_text(
        "{name: mock, adapter: openai_chat, served_model: mock-audio, dialect: vllm, audio: {formats: [wav], source: x}}"
    )
    run = ["run", "--model", str(file), "--tasks", str(toy(24)), "--base-url", server(latency=0.02), "--json"]
    assert main([*run, "--sweep-concurrency", "1,8", "--out", str(tmp_path / "sweep")]) == 0
    told = json.loads(capsys.readouterr().out)
    one, eight = told["serving"]
    assert (one["at_once"], eight["at_once"]) == (1, 8)
    assert one["value"] == eight["value"] and one["serving"]["most_in_flight"] == 1
    assert eight["serving"]["requests_per_second"] > 2 * one["serving"]["requests_per_second"]
    assert main(["report", str(tmp_path / "sweep" / "concurrency-8"), "--serving"]) == 0
    said = capsys.readouterr().out
    assert "mock: serving" in said and "mock: by calls in flight" in said
    assert main([*run, "--sweep-concurrency", "1,8", "--max-concurrency", "3"]) == 2
    with pytest.raises(SystemExit):
        main([*run, "--sweep-concurrency", "1,0"])
    assert "expected different numbers of at least 1" in capsys.readouterr().err
