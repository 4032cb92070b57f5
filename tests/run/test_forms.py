"""One `--format` and one `--out` for every command that prints; `--json` stays as an alias."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import COMMANDS, build_parser, main
from tests.gate.runs import answers, write_run
from tests.run.conftest import make_task


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """A run with reasoning, its baseline, and predictions for a shipped task."""
    run = write_run(tmp_path / "run", {"t": [_thinking(line) for line in answers([1] * 20, think="on")]})
    base, replies = tmp_path / "base.json", tmp_path / "p.jsonl"
    assert main(["gate", "--baseline", str(base), "--run", str(run), "--update-baseline"]) == 0
    replies.write_text('{"id": "a", "output": "dog", "question": "?", "choices": ["dog", "cat"], "answer": "dog"}\n')
    return {"RUN": str(run), "BASE": str(base), "P": str(replies)}


def _thinking(line: dict[str, Any]) -> dict[str, Any]:
    line["response"] |= {"reasoning": "It barks, so it is a dog.", "reasoning_closed": True}
    return line


def _main(command: str, places: dict[str, str]) -> int:
    return main([places.get(word, word) for word in command.split()])


@pytest.mark.parametrize("command", ["verify RUN", "traces RUN", "gate --baseline BASE --run RUN"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_out_holds_what_would_be_printed(
    command: str, form: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    code = _main(f"{command} --format {form}", places)
    printed, out = capsys.readouterr().out, tmp_path / f"x.{'json' if form == 'json' else 'txt'}"
    assert _main(f"{command} --out {out}", places) == code
    assert capsys.readouterr().out == "" and out.read_text() == printed != ""


@pytest.mark.parametrize("command", ["verify RUN", "traces RUN", "score --task mmau --predictions P"])
def test_json_is_the_same_as_format_json(
    command: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for words in ("--json", "--format json"):
        capsys.readouterr()
        code = _main(f"{command} {words}", places)
        found.append(json.loads(capsys.readouterr().out))
        assert found[-1]["exit_code"] == code and "error" not in found[-1]
    assert found[0] == found[1]


@pytest.mark.parametrize("form", ["md", "csv", "latex"])
def test_the_gate_writes_its_table_in_every_format(
    form: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert _main(f"gate --baseline BASE --run RUN --format {form}", places) == 0
    assert {"md": "| t | score |", "csv": ",candidate,,100.0", "latex": "\\toprule"}[form] in capsys.readouterr().out
    assert _main("gate --baseline BASE --run RUN --one-line --format md", places) == 2


def test_a_verdict_that_cannot_be_written_ends_with_the_code_that_is_printed(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    command = f"gate --baseline BASE --run RUN --summary {tmp_path} --format"
    code = _main(f"{command} json", places)
    assert code == json.loads(capsys.readouterr().out)["exit_code"] == 4
    assert _main(f"{command} text", places) == 4
    assert capsys.readouterr().out.endswith(" (exit code 4)\n")


@pytest.mark.parametrize("form", ["md", "csv", "latex", "json"])
def test_runs_scores_and_merges_come_in_every_format(
    form: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, out = make_task(tmp_path / "toy", 4), tmp_path / "out"
    capsys.readouterr()
    run = f"run --model oracle --tasks {task} --out {out} --format {form}"
    score = f"score --task mmau --predictions P --format {form}"
    for command, whole in (
        (f"{run} --dry-run", "4"),
        (run, "100.0"),
        (score, "1.0" if form == "json" else "100.0"),
        (f"merge {out} --out {tmp_path / 'merged'} --format {form}", "100.0"),
    ):
        assert _main(command, places) == 0
        printed = capsys.readouterr().out
        if form == "json":
            assert json.loads(printed)["exit_code"] == 0
        else:
            assert printed.startswith({"md": "", "csv": "table,row,column,unit,value\n", "latex": "% needs"}[form])
            assert whole in printed and "\\toprule" in printed if form == "latex" else whole in printed


def test_findings_of_a_task_file_come_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = make_task(tmp_path / "toy", 4)
    assert main(["tasks", "check", str(task), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": [str(task)], "findings": [], "notes": [], "exit_code": 0}
    task.write_text(task.read_text().replace("doc_to_audio", "doc_to_audoi"))
    assert main(["tasks", "check", str(task), "--format", "json"]) == 2
    assert "did you mean `doc_to_audio`?" in json.loads(capsys.readouterr().out)["findings"][0]


@pytest.mark.parametrize("command", COMMANDS)
def test_format_and_out_mean_the_same_everywhere(command: str) -> None:
    parsers = [_command(build_parser(command), command)]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            if "--out" in action.option_strings:
                assert (action.help or "").startswith("where to write the result (")
            if "--format" in action.option_strings:
                assert (action.help or "").startswith("format of the result")


def _command(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    return next(a.choices[name] for a in parser._actions if isinstance(a, argparse._SubParsersAction))
