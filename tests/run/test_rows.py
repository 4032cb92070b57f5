"""Tasks and rows that do not fit: told before anything is sent, or that sample's error alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.run.conftest import make_task

Cli = Callable[..., Any]


def rewrite(task: Path, number: int, **columns: Any) -> None:
    """Change columns of one row."""
    file = task.parent / "items.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[number] |= columns
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_two_files_of_one_name_are_refused_and_one_file_twice_is_one(cli: Cli, tmp_path: Path) -> None:
    one, two = make_task(tmp_path / "d", 2), make_task(tmp_path / "d2", 3)
    run = ("run", "--model", "first_choice", "--out", tmp_path / "out", "--tasks")
    result = cli(*run, f"{one},{two}")
    assert result.returncode == 2, result.stderr
    assert f"{one} and {two} both declare task: toy" in result.stderr
    assert not (tmp_path / "out").exists()
    result = cli(*run, f"{one},d/toy.yaml,{tmp_path / 'd2' / '..' / 'd' / 'toy.yaml'}")
    assert result.returncode == 0 and "2 requests to send" in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"question": "x" * 1_200_000}, "gives more than 1000000 characters"), ({"extra": 1}, "no attribute 'hint'")],
)
def test_a_row_that_makes_no_prompt_is_that_samples_error(
    columns: dict[str, Any], says: str, server: Any, cli: Cli, tmp_path: Path
) -> None:
    task = make_task(tmp_path / "t", 40)
    if "extra" in columns:
        task.write_text(task.read_text().replace('text: "{{question}}', 'text: "{{doc.hint}} {{question}}'))
        for number in range(40):
            rewrite(task, number, **({} if number == 17 else {"hint": "listen"}))
    else:
        rewrite(task, 17, **columns)
    run = ("run", "--model", "openai_chat:m", "--base-url", server(), "--tasks", task, "--out", tmp_path / "out")
    dry = cli(*run, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    for sent in (40, 1):
        result = cli(*run)
        assert result.returncode == 4 and f"{sent} requests to send" in result.stderr.replace(
            "1 request to", "1 requests to"
        ), result.stderr
        counts = json.loads((tmp_path / "out" / "toy" / "summary.json").read_text())[0]["counts"]
        assert (counts["error"], counts["missing"]) == (1, 0)
        assert "sample s17: " in result.stderr and says in result.stderr


def test_a_prompt_that_the_first_row_cannot_make_is_refused_before_anything_is_sent(cli: Cli, tmp_path: Path) -> None:
    task = make_task(tmp_path / "t", 4)
    task.write_text(task.read_text().replace('text: "{{question}}', 'text: "{{doc.hint}} {{question}}'))
    result = cli("run", "--model", "first_choice", "--tasks", task, "--out", tmp_path / "out")
    assert result.returncode == 2 and "sample s0: " in result.stderr and "'hint'" in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def test_many_rows_that_make_no_prompt_do_not_look_like_a_dead_server(cli: Cli, tmp_path: Path) -> None:
    task = make_task(tmp_path / "t", 30)
    task.write_text(task.read_text().replace('text: "{{question}}', 'text: "{{doc.hint}} {{question}}'))
    for number in (0, 29):
        rewrite(task, number, hint="listen")
    result = cli("run", "--model", "first_choice", "--tasks", task, "--out", tmp_path / "out")
    assert result.returncode == 4, result.stderr
    counts = json.loads((tmp_path / "out" / "toy" / "summary.json").read_text())[0]["counts"]
    assert (counts["scored"], counts["error"], counts["missing"]) == (2, 28, 0)


def test_answers_to_a_prompt_that_cannot_be_made_any_more_are_asked_anew(cli: Cli, tmp_path: Path) -> None:
    task = make_task(tmp_path / "t", 4)
    run = ("run", "--model", "first_choice", "--tasks", task, "--out", tmp_path / "out")
    assert cli(*run).returncode == 0
    rewrite(task, 2, question="x" * 1_200_000)
    result = cli(*run)
    assert result.returncode == 4 and "sample s2: " in result.stderr, result.stderr


def test_more_options_than_letters(cli: Cli, tmp_path: Path) -> None:
    task = make_task(tmp_path / "t", 3)
    choices = [f"sound {number}" for number in range(30)]
    rewrite(task, 1, choices=choices, answer=choices[29])
    result = cli("run", "--model", "first_choice", "--tasks", task, "--out", tmp_path / "out")
    assert result.returncode == 2, result.stderr
    assert "items.jsonl: row 2 (id s1): 30 options, at most 26" in result.stderr
