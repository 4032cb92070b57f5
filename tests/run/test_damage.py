"""What becomes of a run directory that was changed behind audiobench's back: told by file and line, and repaired."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench import cli
from tests.run.conftest import clean_environment, command, make_task

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, standard output and standard error of a command, in this process."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    """A finished run of 6 items."""
    task = make_task(tmp_path / "toy", 6)
    assert run("run", "--model", "random", "--tasks", task, "--out", tmp_path / "out", "--quiet")[0] == 0
    return tmp_path / "out"


def test_no_flipped_bit_changes_a_number_unseen(folder: Path, run: Run) -> None:
    journal = folder / "toy" / "samples.jsonl"
    whole = journal.read_bytes()
    expected = run("report", folder, "--json")
    draw = random.Random(20261130)
    for place in draw.sample(range(8 * (len(whole) - 1)), 150):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        journal.write_bytes(damaged)
        code, out, _ = run("report", folder, "--json")
        number = 1 + whole[: place // 8].count(b"\n")
        assert (code, out) == expected[:2] or (code == 4 and f"samples.jsonl:{number}: " in out), place
    journal.write_bytes(whole)
    assert run("report", folder, "--json") == expected


def test_lines_without_a_checksum_are_read_and_counted(folder: Path, run: Run) -> None:
    before = run("report", folder, "--json")
    journal = folder / "toy" / "samples.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "crc"}) + "\n" for line in lines))
    assert run("report", folder, "--json") == before
    assert run("verify", folder) == (0, f"{folder}: 6 lines, 6 of them without a checksum: no problems\n", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "neither a response nor an error"),
        ({"epoch": -1}, "$.epoch"),
        ({"epoch": 2**64 - 1}, "$.epoch"),
        ({"attempts": -3}, "$.attempts"),
        (
            {"response": {"text": "A", "usage": {"completion": 2**64 - 1}}, "key": "k"},
            "completion: 18446744073709551615",
        ),
        ({"response": {"text": "A", "usage": {"prompt": -1}}, "key": "k"}, "prompt: -1 is no count"),
        ({"response": {"text": "A"}}, "key: missing"),
        ({"response": {"text": 5}, "key": "k"}, "$.response.text"),
        ({"condition": {"option_order": -1}}, "$.condition.option_order"),
        ({"time": -5.0, "stale": True}, "$.time"),
    ],
)
@pytest.mark.parametrize("words", ["report", "gate --baseline base.json --run", "run"])
def test_a_poison_line_is_told_by_file_and_line(
    words: str, change: dict[str, Any], says: str, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    journal = folder / "toy" / "samples.jsonl"
    if words.startswith("gate"):
        assert run("gate", "--run", folder, "--baseline", "base.json", "--update-baseline")[0] == 0
    again = ["run", "--model", "random", "--tasks", "toy/toy.yaml", "--quiet", "--out"]
    line = (journal.read_text().count("\n")) + 1
    with journal.open("a") as file:
        file.write(json.dumps({"id": "s1", **change}) + "\n")
    code, _, said = run(*(again if words == "run" else words.split()), folder)
    assert code == 4 and said.startswith("audiobench: ") and said.count("\n") == 1, said
    assert f"{journal.name}:{line}: " in said and says in said


@pytest.mark.parametrize("name", ["run.json", "toy/plan.json"])
def test_no_flipped_bit_of_a_declaration_passes_unseen(name: str, folder: Path, run: Run) -> None:
    file = folder / name
    whole = file.read_bytes()
    declared, expected = json.loads(whole), run("report", folder, "--json")
    draw = random.Random(20261130)
    for place in draw.sample(range(8 * len(whole)), 60):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        code, out, _ = run("report", folder, "--json")
        if code == 0:  # the name of the checksum itself
            found = json.loads(damaged)
            assert out == expected[1] and all(found[key] == declared[key] for key in declared if key != "crc"), place
        else:
            assert code == 4 and f"{name}: " in out, place
    file.write_bytes(whole)
    assert run("report", folder, "--json") == expected


def test_a_changed_fingerprint_in_a_plan_is_named(folder: Path, run: Run) -> None:
    plan = folder / "toy" / "plan.json"
    whole = plan.read_text()
    prompt = json.loads(whole)["fingerprint"]["prompt"]
    plan.write_text(whole.replace(prompt, ("1" if prompt[0] == "0" else "0") + prompt[1:]))
    for word in ("report", "leaderboard", "verify"):
        code, out, said = run(word, folder)
        assert code == 4 and f"{plan}: was changed after it was written" in out + said
    plan.write_text(json.dumps({k: v for k, v in json.loads(whole).items() if k != "crc"}))
    assert run("report", folder)[0] == 0
    assert run("verify", folder)[:2] == (0, f"{folder}: 6 lines; without a checksum: toy/plan.json: no problems\n")


def test_a_leaderboard_refuses_a_damaged_model(folder: Path, run: Run) -> None:
    file = folder / "run.json"
    info = json.loads(file.read_text())
    file.write_text(json.dumps({**info, "model": {**info["model"], "adapter": 5}}))
    code, _, said = run("leaderboard", folder)
    assert code == 4 and "run.json: model.adapter: " in said


def test_verify_names_each_damage_and_its_repair_loses_nothing_else(folder: Path, run: Run) -> None:
    journal = folder / "toy" / "samples.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    flipped = whole[1].replace(b"sound", b"soumd", 1)
    journal.write_bytes(b"".join([whole[0], flipped, *whole[2:], b'{"id": "x"}\n', b'{"id": "torn']))
    (folder / "toy" / ".plan.json.1.tmp").write_bytes(b"{")
    code, out, _ = run("verify", folder, "--json")
    found = json.loads(out)["runs"][0]["problems"]
    assert code == 4 and [problem["line"] for problem in found] == [2, 7, 8, None]
    assert ["checksum" in found[0]["problem"], "neither" in found[1]["problem"], "torn" in found[2]["problem"]] == [
        True
    ] * 3

    run("verify", folder, "--repair")
    assert journal.read_bytes() == b"".join([whole[0], *whole[2:]])
    aside = journal.with_name("samples.jsonl.set_aside").read_bytes()
    assert aside == flipped + b'{"id": "x"}\n' + b'{"id": "torn\n'
    assert not list(folder.rglob("*.tmp"))
    assert (
        run("run", "--model", "random", "--tasks", folder.parent / "toy/toy.yaml", "--out", folder, "--quiet")[0] == 0
    )
    assert len(journal.read_bytes().splitlines()) == 6
    assert run("verify", folder)[:2] == (0, f"{folder}: 6 lines: no problems\n")


def test_verify_sees_a_summary_that_the_journal_does_not_give(folder: Path, run: Run) -> None:
    summary = folder / "toy" / "summary.json"
    entries = json.loads(summary.read_text())
    entries[0]["metrics"]["acc"]["value"] = 0.99
    summary.write_text(json.dumps(entries))
    code, out, _ = run("verify", folder)
    assert code == 4 and "acc is 0.99, the journal gives" in out


@pytest.mark.parametrize(
    ("file", "path", "value"),
    [
        ("run.json", ["model", "name"], ""),
        ("run.json", ["model", "name"], "../../x"),
        ("run.json", ["created"], -1),
        ("run.json", ["served_models"], {"x": -1}),
        ("run.json", ["tasks"], None),
        ("toy/plan.json", ["epochs"], 0),
        ("toy/plan.json", ["epochs"], 2**63),
        ("toy/plan.json", ["conditions"], [[]]),
        ("toy/plan.json", ["task"], {}),
    ],
)
def test_a_hostile_file_of_a_run_is_told(file: str, path: list[str], value: Any, folder: Path, run: Run) -> None:
    held = json.loads((folder / file).read_text())
    part = held
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (folder / file).write_text(json.dumps(held))
    page, rows = ["view", "--out", str(folder / "page")], ["export", "--format", "csv", "--out", str(folder / "rows")]
    for words in (["report"], ["verify"], ["leaderboard"], ["ablate"], page, rows):
        code, out, said = run(*words, folder)
        assert code == 4 and f"{folder / file}" in out + said, (words, said)


def test_verify_sees_a_model_that_report_cannot_read(folder: Path, run: Run) -> None:
    file = folder / "run.json"
    info = json.loads(file.read_text())
    info["model"]["audio"]["max_clipr"] = info["model"]["audio"].pop("max_clips")
    file.write_text(json.dumps(info))  # in another form than audiobench's, so without a checksum
    for words in (["report"], ["verify"]):
        code, out, said = run(*words, folder)
        assert code == 4 and f"{file}: model.audio.max_clipr: " in out + said


def test_a_hostile_model_name_commands_no_terminal(folder: Path, run: Run) -> None:
    file = folder / "run.json"
    file.write_text(file.read_text().replace('"name": "random"', '"name": "\\u001b[31mred\\n../x"', 1))
    for words in (["report"], ["verify"], ["leaderboard"], ["ablate"]):
        code, out, said = run(*words, folder)
        assert code in (0, 4) and "\x1b" not in out + said, (words, said)


def test_a_run_whose_directory_is_deleted_under_it_stops_at_once(
    toy: Callable[[int], Path], server: Callable[..., str], tmp_path: Path
) -> None:
    task, log, out = toy(60), tmp_path / "log.jsonl", tmp_path / "out"
    options = ["--model", "openai_chat:mock", "--base-url", server(latency=0.05, log=log), "--max-concurrency", "2"]
    words = command("run", *options, "--tasks", task, "--out", out, "--quiet")
    process = subprocess.Popen(words, env=clean_environment(), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    journal = out / "toy" / "samples.jsonl"
    while not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    shutil.rmtree(out)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 4 and "samples.jsonl: was deleted" in said
    assert len(log.read_text().splitlines()) < 20 and not out.exists()
