"""`audiobench serve` and `audiobench doctor` through the command line."""

from __future__ import annotations

import json

import pytest

from audiobench.cli import main
from audiobench.serving import planner


def test_serve_without_vllm_or_gpu_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(planner.importlib.util, "find_spec", lambda name: None)
    assert main(["serve", "step-audio-r1"]) == 2
    said = capsys.readouterr().err
    assert "67 GB" in said and "--base-url" in said and "tiny-audio-r1" in said and said.count("\n") == 1
    for model, says in (
        ("gpt-audio", "audiobench run --model gpt-audio --base-url URL"),
        (
            "oracle",
            "runs in-process (adapter oracle), so there is no server to start; use audiobench run --model oracle\n",
        ),
        ("tiny-audio-r1", "or serve tiny-audio-r1-vllm"),
    ):
        assert main(["serve", model]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [["models", "show"], ["doctor"], ["serve"]])
def test_an_unknown_model_is_told_by_its_name(words, capsys):
    assert main([*words, "step-audio-r9"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("audiobench: step-audio-r9: no such model; did you mean `step-audio-r1")


def test_serve_dry_run_prints_the_command(capsys, monkeypatch):
    plan = planner.Plan([planner.Launch(["python", "-m", "server", "--limit", '{"audio": 1}'], {"X": "1"})])
    monkeypatch.setattr(planner, "plan_server", lambda spec, **kwargs: plan)
    assert main(["serve", "step-audio-r1", "--dry-run"]) == 0
    assert capsys.readouterr().out == "X=1 python -m server --limit '{\"audio\": 1}'\n"


@pytest.mark.parametrize("options", [["--dry-run", "step-audio-r1"], ["step-audio-r1", "--port", "9", "--dry-run"]])
def test_serve_hands_on_what_stands_after_two_dashes(capsys, monkeypatch, options):
    monkeypatch.setattr(
        planner, "plan_server", lambda spec, **kwargs: planner.Plan([planner.Launch(kwargs["extra_args"])])
    )
    assert main(["serve", *options, "--", "--max-num-seqs", "4"]) == 0
    assert capsys.readouterr().out == "--max-num-seqs 4\n"


def test_doctor_as_json(capsys, monkeypatch):
    from audiobench.doctor import machine as doctor

    monkeypatch.setattr(doctor, "doctor", lambda model: [doctor.Check("torch", "problem", "does not load", "do this")])
    assert main(["doctor", "--json"]) == 4
    out = json.loads(capsys.readouterr().out)
    assert out["exit_code"] == 4 and out["checks"][0]["fix"] == "do this"
    assert main(["doctor"]) == 4
    assert "1 problem" in capsys.readouterr().out
