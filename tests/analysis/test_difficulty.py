"""The filter and the reward of the Step-Audio-R1 report."""

from __future__ import annotations

import json

import pytest

from audiobench.cli import main
from tests.analysis.conftest import line, write_run

PASSES = [0, 2, 3, 6, 7, 8]


@pytest.fixture
def folder(tmp_path):
    thought = {"reasoning": "a bark", "reasoning_closed": True}
    cut = {"reasoning": "a ba", "reasoning_closed": False, "finish_reason": "length"}
    lines = []
    for place, passed in enumerate(PASSES):
        for epoch in range(8):
            text = "dog" if epoch < passed else "cat"
            lines.append(line(f"s{place}", text, epoch=epoch, response=thought if epoch % 2 else {}))
    lines[2 * 8 + 7] = line("s2", "", epoch=7, response=cut)
    return write_run(tmp_path / "run", lines)


def test_samples_passed_three_to_six_times_are_kept(folder, capsys):
    assert main(["difficulty", str(folder), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["tasks"]
    assert found["passed_histogram"] == [1, 0, 1, 1, 0, 0, 1, 1, 1]
    assert (found["kept"], found["too_hard"], found["too_easy"]) == (2, 2, 2)
    assert found["pass_at"]["1"] == pytest.approx(sum(PASSES) / 48)
    assert found["pass_at"]["8"] == pytest.approx(5 / 6)
    manifest = [json.loads(x) for x in (folder / "difficulty.jsonl").read_text().splitlines()]
    assert [(x["id"], x["passed"], x["k"]) for x in manifest] == [("s2", 3, 8), ("s3", 6, 8)]
    assert manifest[0]["pass_at"]["2"] == pytest.approx(1 - (5 * 4) / (8 * 7))
    assert manifest[0]["audio"] == [{"path": "s2.wav", "sha256": "sha-s2"}]


def test_the_composite_reward(folder, tmp_path):
    out = tmp_path / "rewards.jsonl"
    assert main(["difficulty", str(folder), "--rewards", str(out), "--rewards-of", "all"]) == 0
    rows = [json.loads(x) for x in out.read_text().splitlines()]
    assert len(rows) == 48
    by_slot = {(x["id"], x["epoch"]): x for x in rows}
    expected = {
        ("s5", 1): (1.0, 1.0, 1.0),
        ("s5", 0): (1.0, 0.0, 0.8),
        ("s0", 1): (0.0, 1.0, 0.2),
        ("s0", 0): (0.0, 0.0, 0.0),
        ("s2", 7): (0.0, 0.0, 0.0),  # a thought that never closed is no reasoning
    }
    for slot, (accuracy, reasoning, reward) in expected.items():
        row = by_slot[slot]
        assert (row["accuracy"], row["reasoning_present"], row["reward"]) == (accuracy, reasoning, reward), slot
    assert rows[0]["prompt"][0]["role"] == "user" and rows[0]["target"] == "dog"


def test_too_few_epochs_print_the_command_to_run(tmp_path, capsys):
    run = write_run(tmp_path / "run", [line("s0"), line("s0", epoch=1)])
    assert main(["difficulty", str(run)]) == 2
    error = capsys.readouterr().err
    assert "has 2 epochs, but --k is 8" in error and "audiobench run --model m --epochs 8" in error
    assert main(["difficulty", str(run), "--k", "2", "--keep", "1..1"]) == 0
    assert main(["difficulty", str(run), "--k", "2", "--keep", "3..6"]) == 2


def test_samples_without_enough_answers_are_counted(folder, capsys):
    journal = folder / "toy" / "samples.jsonl"
    journal.write_text("".join(x + "\n" for x in journal.read_text().splitlines()[:-1]))
    assert main(["difficulty", str(folder), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["tasks"][0]["incomplete"] == 1


def test_one_of_a_thing_has_no_plural(tmp_path, capsys):
    folder = write_run(tmp_path / "run", [line("s0")])
    assert main(["difficulty", str(folder)]) == 2
    assert "has 1 epoch, but --k is 8" in capsys.readouterr().err
    assert main(["ablate", str(folder)]) == 0
    assert "toy: 1 sample, 1 condition x 1 option order x 1 epoch" in " ".join(capsys.readouterr().out.split())
    assert main(["gate", "--run", str(folder), "--baseline", str(tmp_path / "b.json"), "--update-baseline"]) == 0
    assert ": 1 arm, 1 outcome, " in capsys.readouterr().out


def test_answers_that_are_all_alike_are_remarked_upon(tmp_path, capsys):
    lines = [line(f"s{i}", "dog" if i else "cat", epoch=epoch) for i in range(3) for epoch in range(4)]
    assert main(["difficulty", str(write_run(tmp_path / "run", lines)), "--k", "4", "--keep", "1..3"]) == 0
    assert "each sample is passed always or never" in capsys.readouterr().out
