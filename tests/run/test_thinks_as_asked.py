"""`--think off` is refused where nothing would turn thinking off, and replies that contradict their mode are counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

THOUGHT = json.dumps({"reasoning_content": "Let me hear. It barks."})
DECLARED = """\
name: thinker
adapter: openai_chat
served_model: mock
thinking:
  "on": {extra_body: {think: true}}
  "off": {extra_body: {think: false}}
"""


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("openai_chat:mock", "thinking: {off: {extra_body: {chat_template_kwargs: {enable_thinking: false}}}}"),
        ("gemini:mock", "thinking: {off: {extra_body: {generationConfig: {thinkingConfig: {thinkingBudget: 0}}}}}"),
        ("on_only.yaml", "thinking: {off: {extra_body: {reasoning_effort: none}}}"),
    ],
)
def test_off_is_refused_where_nothing_would_turn_thinking_off(
    model: str, missing: str, toy: Callable[[int], Path], cli: Any, tmp_path: Path
) -> None:
    declared = 'name: on_only\nadapter: openai_chat\nserved_model: m\ndialect: openai\nthinking:\n  "on": {prompt_suffix: think}\n'
    (tmp_path / "on_only.yaml").write_text(declared)
    refused = cli(
        "run", "--model", model, "--tasks", toy(2), "--think", "default,off", "--base-url", "http://127.0.0.1:1/v1"
    )
    assert refused.returncode == 2
    assert "declares no way to turn thinking off" in refused.stderr and missing in refused.stderr


def test_thoughts_under_off_and_none_under_on_stand_beside_every_score(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    task, model = toy(6), tmp_path / "thinker.yaml"
    model.write_text(DECLARED)
    thinking, silent = server(message=THOUGHT), server()
    for name, url in (("thinks", thinking), ("silent", silent)):
        done = cli(
            "run", "--model", model, "--tasks", task, "--think", "off,on", "--base-url", url, "--out", name, "--quiet"
        )
        assert done.returncode == 0, done.stderr
    off, on = "6 of 6 responses hold reasoning", "6 of 6 responses hold no reasoning"
    baseline = cli("gate", "--run", "silent", "--baseline", "b.json", "--update-baseline")
    assert baseline.returncode == 0, baseline.stdout + baseline.stderr
    for command in (
        ["report"],
        ["ablate"],
        ["compare", "thinks:off", "silent:off"],
        ["gate", "--run", "thinks", "--baseline", "b.json"],
    ):
        said = cli(*(command if len(command) > 1 else [*command, "thinks"]), COLUMNS="300")
        assert off in " ".join(said.stdout.split()), (command, said.stdout, said.stderr)
        assert on not in said.stdout
    assert on in " ".join(cli("report", "silent", COLUMNS="300").stdout.split())
    assert off not in cli("report", "silent", COLUMNS="300").stdout
    entries = json.loads((tmp_path / "thinks" / "toy" / "summary.json").read_text())
    assert [entry.get("reasoning") for entry in entries] == [{"responses": 6, "reasoned": 6}, None]
    page = cli("view", "thinks", "--out", "page")
    assert page.returncode == 0, page.stderr
    shown = "".join(
        file.read_text(errors="replace")
        for file in (tmp_path / "page").rglob("*.*")
        if file.suffix in (".js", ".json", ".html")
    )
    assert off in shown


def test_counted_reasoning_tokens_are_reasoning_too(
    toy: Callable[[int], Path], server: Callable[..., str], cli: Any, tmp_path: Path
) -> None:
    model = tmp_path / "thinker.yaml"
    model.write_text(DECLARED)
    usage = {
        "usage": {"prompt_tokens": 9, "completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}
    }
    url = server(answer=json.dumps(usage))
    done = cli(
        "run", "--model", model, "--tasks", toy(3), "--think", "off", "--base-url", url, "--out", "out", COLUMNS="300"
    )
    assert "3 of 3 responses hold reasoning" in " ".join(done.stdout.split()), done.stdout + done.stderr
