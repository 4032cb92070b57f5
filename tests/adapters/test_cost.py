"""What runs cost: from stored usage, before a run, during it, and where it stops."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audiobench.files.records import Failure, Record
from audiobench.model.registry import find_model
from audiobench.model.spec import ModelSpec, Price
from audiobench.results import cost
from tests.run.conftest import cli, server, toy  # noqa: F401  fixtures

PRICE = Price(input=1.0, audio_input=4.0, cached_input=0.5, output=10.0, audio_output=20.0)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({"prompt": 1_000_000}, 1.0),
        ({"prompt": 1_000_000, "audio": 400_000}, 0.6 + 1.6),
        ({"prompt": 1_000_000, "cached": 400_000}, 0.6 + 0.2),
        ({"prompt": 1_000_000, "audio": 800_000, "cached": 700_000, "cached_audio": 700_000}, 0.2 + 0.4 + 0.35),
        ({"prompt": 1_000_000, "audio": 800_000, "cached": 700_000, "cached_audio": 500_000}, 1.2 + 0.35),
        ({"prompt": 1_000_000, "audio": 800_000, "cached": 700_000}, 1.2 + 0.35),
        ({"prompt": 1_000_000, "audio": 1_000_000, "cached": 1_000_000}, 0.5),
        ({"completion": 1_000_000, "reasoning": 900_000}, 10.0),
        ({"completion": 1_000_000, "audio_output": 500_000}, 5.0 + 10.0),
        ({}, 0.0),
    ],
)
def test_of_usage(usage: dict[str, int], dollars: float) -> None:
    """Audio and cached tokens are parts of the prompt, thinking is a part of the completion: nothing counts twice."""
    assert cost.of_usage(usage, PRICE) == pytest.approx(dollars)


def test_without_a_price_of_its_own_audio_is_text_and_time_is_counted_in_seconds() -> None:
    plain = Price(input=2.0, output=0)
    assert cost.of_usage({"prompt": 1_000_000, "audio": 900_000}, plain) == pytest.approx(2.0)
    by_time = find_model("gpt-transcribe").price_on(date(2026, 11, 23))
    assert by_time is not None
    assert cost.of_usage({"audio_seconds": 3600}, by_time) == pytest.approx(0.27)


def record(day: date, **fields: Any) -> Record:
    noon = time.mktime(day.timetuple()) + 12 * 3600
    response = {"text": "", "usage": {"prompt": 1_000_000, "completion": 1_000_000}}
    return msgspec.convert({"id": "1", "time": noon, "response": response, **fields}, Record)


def test_a_record_costs_what_its_day_cost() -> None:
    argon = find_model("gemini-4-argon")
    assert cost.of_record(record(date(2026, 11, 30)), argon) == pytest.approx(2 + 10)
    assert cost.of_record(record(date(2026, 12, 1)), argon) == pytest.approx(4 + 20)
    assert cost.of_record(record(date(2026, 12, 1), batch={"api": "gemini", "job": "b"}), argon) == pytest.approx(12)


def test_where_no_price_is_declared_the_servers_own_word_counts() -> None:
    openrouter = find_model("openrouter-gemini-2.5-flash-lite")
    said = {"text": "", "usage": {"prompt": 9}, "raw": {"cost": 0.25}}
    assert cost.of_record(record(date(2026, 12, 1), response=said), openrouter) == 0.25
    assert cost.of_record(record(date(2026, 12, 1)), find_model("step-audio-r1")) is None
    assert cost.of_record(Record("1", error=Failure("error", "503")), openrouter) is None


# -- the command line

NEVER = "http://127.0.0.1:9/v1"


@pytest.fixture
def priced(tmp_path: Path) -> Path:
    """A model at 1,000 dollars a million tokens in and nothing out: 100 tokens are 10 cents."""
    file = tmp_path / "priced.yaml"
    spec = {"name": "priced", "adapter": "openai_chat", "served_model": "m", "prices": [{"input": 1000, "output": 0}]}
    file.write_text(json.dumps(spec))
    return file


def test_the_estimate_before_a_run(toy: Any, cli: Any, tmp_path: Path) -> None:  # noqa: F811
    spec = find_model("gemini-3.8-flash")
    run = ("run", "--model", "gemini-3.8-flash", "--tasks", toy(10), "--think", "on,off", "--allow-approx", "--epochs", "3", "--dry-run")  # fmt: skip
    done = cli(*run, "--json", GOOGLE_API_KEY="FAKE")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["estimate"]
    requests, seconds = 10 * 2 * 3, 0.1 * 10 * 2 * 3
    assert found["requests"] == requests
    assert found["audio_hours"] == pytest.approx(seconds / 3600)
    assert found["audio_tokens"] == round(seconds * 32)
    assert found["completion_from"] == "assumption" and found["completion_tokens"] == requests * (30 + 1500 / 2)
    price = spec.price_on(date.today())
    assert price is not None
    expected = (found["text_tokens"] + found["audio_tokens"]) * price.input + found["completion_tokens"] * price.output
    assert found["dollars"] == pytest.approx(expected / 1e6, rel=0.01)
    shown = cli(*run, GOOGLE_API_KEY="FAKE")
    assert f"{requests} requests" in shown.stdout and f"about ${found['dollars']:.2f}" in shown.stdout
    assert not (tmp_path / "results").exists()


def test_spoken_answers_are_estimated_as_audio(toy: Any, cli: Any) -> None:  # noqa: F811
    run = ("run", "--model", "gpt-realtime-1.5", "--tasks", toy(10), "--dry-run", "--json")
    (found,) = json.loads(cli(*run, OPENAI_API_KEY="FAKE").stdout)["estimate"]
    assert found["completion_tokens"] == 10 * (30 + 200)
    expected = found["text_tokens"] * 4 + found["audio_tokens"] * 32 + 10 * (30 * 16 + 200 * 64)
    assert found["dollars"] == pytest.approx(expected / 1e6, rel=0.01)


def test_an_estimate_without_a_price_says_so(toy: Any, cli: Any) -> None:  # noqa: F811
    run = ("run", "--model", "step-audio-r1", "--tasks", toy(2), "--base-url", NEVER, "--dry-run")
    assert "no price known" in cli(*run).stdout


def test_spending_stops_at_max_cost_and_goes_on_with_more(toy: Any, cli: Any, server: Any, priced: Path) -> None:  # noqa: F811
    """100 prompt tokens an answer: ten answers are one dollar. What waits for its turn is not sent any more."""
    run = ("run", "--model", priced, "--tasks", toy(40), "--base-url", server(latency=0.05), "--max-concurrency", "2")
    stopped = cli(*run, "--max-cost", "1", "--json")
    assert stopped.returncode == 4
    assert "--max-cost 1: reached" in stopped.stderr
    (found,) = json.loads(stopped.stdout)["results"]
    assert 10 <= found["counts"]["scored"] <= 12, "what was on the wire, and what took the freed place, is kept"
    assert f"${found['counts']['scored'] / 10:.2f} spent" in stopped.stderr
    again = cli(*run, "--max-cost", "1")
    assert again.returncode == 2 and "earlier starts of this run have spent $1." in again.stderr
    more = cli(*run, "--max-cost", "2")
    assert more.returncode == 4 and "raise it to continue" in more.stderr and ", $2." in more.stderr
    done = cli(*run)
    assert done.returncode == 0 and "40/40" in done.stderr, done.stderr
    report = cli("report", json.loads(stopped.stdout)["run"], "--json")
    (shown,) = json.loads(report.stdout)
    assert shown["dollars"] == pytest.approx(4.0) and shown["results"][0]["counts"]["scored"] == 40
    assert "cost: model $4.00 (at the prices" in cli("report", shown["run"]).stdout


def test_a_limit_that_cannot_be_counted_is_refused(toy: Any, cli: Any) -> None:  # noqa: F811
    for model in ("step-audio-r1", "openai_chat:m"):
        refused = cli("run", "--model", model, "--tasks", toy(1) if model == "step-audio-r1" else "toy/toy.yaml", "--base-url", NEVER, "--max-cost", "1")  # fmt: skip
        assert refused.returncode == 2 and "no price of model" in refused.stderr and "is known" in refused.stderr
    refused = cli("run", "--model", "step-audio-r1", "--tasks", "toy/toy.yaml", "--base-url", NEVER, "--max-cost", "0")
    assert refused.returncode == 2 and "--max-cost 0: must be a positive number" in refused.stderr


@pytest.mark.parametrize(("days", "code", "says"), [(30, 0, "note: model m retires on"), (0, 2, "was retired on")])
def test_retirement_warns_and_then_refuses(days: int, code: int, says: str, toy: Any, cli: Any, tmp_path: Path) -> None:  # noqa: F811
    spec = ModelSpec(name="m", adapter="oracle", served_model="m", retires_on=date.today() + timedelta(days=days))
    (tmp_path / "m.yaml").write_text(spec.model_dump_json(exclude_defaults=True))
    done = cli("run", "--model", "m.yaml", "--tasks", toy(2))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert cli("run", "--model", "m.yaml", "--tasks", "toy/toy.yaml", "--allow-other-model").returncode == 0
