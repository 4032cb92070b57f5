"""Servers that leave out what a run rests on: token counts under a spending limit, the text of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MODEL = """\
name: priced
adapter: openai_chat
served_model: mock
prices: [{{input: {price}, output: {price}}}]
"""


def asked(out: Path) -> int:
    return len((out / "toy" / "samples.jsonl").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": -5000, "completion_tokens": -(10**6)}], ids=["none", "empty", "negative"]
)
def test_a_spending_limit_holds_where_a_server_counts_nothing_or_nonsense(
    usage: Any, toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "priced.yaml").write_text(MODEL.format(price=1000))
    url = server(answer=json.dumps({"usage": usage}))
    command = [
        "run",
        "--model",
        "priced.yaml",
        "--tasks",
        toy(60),
        "--base-url",
        url,
        "--out",
        "out",
        "--max-concurrency",
        "2",
    ]
    stopped = cli(*command, "--max-cost", "0.2")
    assert stopped.returncode == 4
    assert "--max-cost 0.2: reached" in stopped.stderr and "counted at an estimate" in stopped.stderr
    done = asked(tmp_path / "out")
    assert 1 <= done < 30
    again = cli(*command, "--max-cost", "0.2")
    assert again.returncode == 2 and "earlier starts of this run have spent" in again.stderr
    assert asked(tmp_path / "out") == done
    assert "usd" not in json.loads((tmp_path / "out" / "toy" / "summary.json").read_text())[0]["usage"]


def test_a_spending_limit_stops_where_nothing_says_what_an_answer_costs(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "router.yaml").write_text(
        "name: router\nadapter: openai_chat\nserved_model: mock\ndialect: openrouter\n"
    )
    stopped = cli(
        "run", "--model", "router.yaml", "--tasks", toy(40), "--base-url", server(), "--out", "out", "--max-cost", "1",
        "--max-concurrency", "2", OPENROUTER_API_KEY="x",
    )  # fmt: skip
    assert stopped.returncode == 4 and "the server does not say what an answer cost" in stopped.stderr
    assert asked(tmp_path / "out") < 20


@pytest.mark.parametrize(("count", "told"), [(19, False), (25, True)])
def test_answers_that_are_all_thought_are_told_after_twenty(
    count: int, told: bool, toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    url = server(message=json.dumps({"content": None, "reasoning_content": "It barks, so B."}))
    done = cli(
        "run", "--model", "openai_chat:mock", "--tasks", toy(count), "--base-url", url, "--out", "out", "--quiet"
    )
    assert done.stderr.count("20 answers hold reasoning and no text") == told, done.stderr


def test_letters_that_the_locale_does_not_have_are_told_and_are_no_bug(cli: Any, tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    refused = cli("run", "--model", "oracle", "--tasks", "toy.yaml", "--out", tmp_path / "\u00e9", **ascii_only)
    assert refused.returncode == 2 and "set PYTHONUTF8=1" in refused.stderr, refused.stderr


def test_a_base_url_without_its_version_is_told_what_it_may_lack(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any
) -> None:
    url = server()
    assert url.endswith("/v1")
    done = cli(
        "run", "--model", "openai_chat:mock", "--tasks", toy(2), "--base-url", url.removesuffix("/v1"), "--quiet"
    )
    assert "HTTP 404" in done.stderr and "does the base URL lack /v1 at its end?" in done.stderr, done.stderr
