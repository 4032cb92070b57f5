"""Models whose truth is known, through the real runner: the instruments must say what is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audiobench.analysis.ablate import Ablation, ablate_task
from audiobench.analysis.ablate_sheets import ablation_sheets
from audiobench.cli import main
from audiobench.core.sheet import markdown
from audiobench.results.runs import Run
from tests.analysis.conftest import line, scripted, write_run

SOUNDS = ["full", "none", "silence", "noise", "swap"]
BUDGETS = ["off", "budget:64", "budget:256", "budget:1024"]


def ablated(folder: Path) -> Ablation:
    run = Run.open(folder)
    return ablate_task(run, run.tasks["listening"])


def test_a_deaf_model_has_no_audio_gain_and_is_flagged(controlled, capsys):
    folder = controlled("deaf", "deaf", audio=SOUNDS)
    (heard,) = ablated(folder).listening
    assert heard.verdict == "deaf"
    for control in heard.controls.values():
        assert control.gain == 0 and control.answers_changed == 0 and control.verdict == "deaf"
        assert control.retention == 1.0
        assert all(row.gain == 0 for labels in control.breakdown.values() for row in labels.values())
    assert main(["ablate", str(folder)]) == 0
    assert "DEAF: the sound changes nothing" in capsys.readouterr().out


def test_an_oracle_gains_all_there_is(controlled):
    (heard,) = ablated(controlled("oracle", "oracle", audio=[*SOUNDS, "reverse"], limit=150)).listening
    assert heard.verdict == "listens"
    for name, control in heard.controls.items():
        assert control.full == 1.0 and control.verdict == "listens", name
        assert control.gain == pytest.approx(1 - control.control)
        assert control.control == pytest.approx(control.chance, abs=0.12), "without the sound it guesses"
        assert control.corrected_gain == pytest.approx(1.0, abs=0.18)
    assert heard.dependent.accuracy == 1.0 and heard.dependent.n > 75


@pytest.mark.parametrize(
    ("right_under", "said"),
    [
        ({"full", "noise", "swap"}, "reacts to whether there is sound, NOT to what it holds"),
        ({"full", "swap"}, "reacts to whether there is sound, NOT to what it holds"),
        ({"full"}, "listens"),
        ({"full", "noise"}, "listens"),
    ],
)
@pytest.mark.parametrize("controls", [SOUNDS, ["full", "silence", "none"]])
def test_who_only_notices_that_sound_is_missing_does_not_listen(tmp_path, capsys, right_under, said, controls):
    lines = [
        line(f"q{i:02}", "dog" if audio in right_under and i % 8 else "cat", condition={"audio": audio})
        for i in range(60)
        for audio in controls
    ]
    assert main(["ablate", str(write_run(tmp_path / "run", lines))]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    if "swap" not in controls:
        said = "whether it listens takes a run with --audio full,swap (or noise)"
    assert f"think=off: {said}" in shown or f"reacts to missing sound; {said}" in shown
    assert said == "listens" or "listens (" not in shown


def test_one_row_of_many_is_judged_by_its_adjusted_p(tmp_path):
    """Seven gains of seven, p=0.016, are evidence alone, and none among ten rows."""
    lines = []
    for kind, count in [("x", 7), *((f"y{i}", 2) for i in range(9))]:
        for i in range(count):
            for audio, text in (("full", "dog" if kind == "x" else "cat"), ("none", "cat")):
                kept = {"sample": {"metadata": {"kind": kind}}, "condition": {"audio": audio}}
                lines.append(line(f"{kind}-{i}", text, **kept))
    run = Run.open(write_run(tmp_path / "run", lines))
    (heard,) = ablate_task(run, run.tasks["toy"]).listening
    row = heard.controls["none"].breakdown["kind"]["x"]
    assert row.ci[0] > 0 and row.p == pytest.approx(2 / 128) and row.p_adjusted == pytest.approx(20 / 128)
    assert row.verdict == "inconclusive-at-this-n"


@pytest.mark.parametrize(
    ("name", "curve", "verdict"),
    [
        ("rises", {"64": 0.55, "256": 0.70, "1024": 0.85}, "scales"),
        ("falls", {"64": 0.50, "256": 0.35, "1024": 0.20}, "inverted"),
        ("stays", {"64": 0.50, "256": 0.50, "1024": 0.50}, "flat"),
    ],
)
def test_a_scripted_budget_curve_is_called_by_its_name(controlled, name, curve, verdict):
    script = scripted(name, accuracy={"off": 0.5, "budget": curve}, reasoning_words=20)
    found = ablated(controlled(name, script, think=BUDGETS))
    (result,) = found.scaling
    assert result.verdict == verdict, result.reason
    assert result.budgets == (0, 64, 256, 1024) and result.n == 200
    asked = [0.5, *curve.values()]
    assert result.accuracy == pytest.approx(asked, abs=0.1)
    (thinking,) = found.thinking
    assert [arm.label for arm in thinking.arms] == [f"think={mode}" for mode in BUDGETS]
    assert thinking.pairs[-1].difference == pytest.approx(result.accuracy[-1] - result.accuracy[0])


@pytest.fixture(scope="module")
def everything(controlled) -> Path:
    """One run with every kind of condition."""
    script = scripted(
        "everything", accuracy={"off": 0.5, "on": 0.8, "budget": {"64": 0.6}}, accuracy_without_audio=0.4,
        reasoning_words=30, independent=True, unparsed=0.15,
    )  # fmt: skip
    return controlled(
        "everything", script, limit=40, think=["off", "budget:64", "on"], audio=["full", "none", "transcript"],
        option_order=3, epochs=2,
    )  # fmt: skip


def test_one_run_holds_every_comparison(everything):
    found = ablated(everything)
    assert (found.conditions, found.option_orders, found.epochs) == (9, 3, 2)
    assert {entry.audio for entry in found.thinking} == {"full", "none", "transcript"}
    assert {entry.think for entry in found.audio} == {"off", "budget:64", "on"}
    assert all(len(entry.accuracy) == 3 for entry in found.option_order) and len(found.option_order) == 9
    assert all(set(entry.maj_at) == {1, 2} for entry in found.consistency)
    assert all(entry.transcript.n == 40 for entry in found.listening)
    (full,) = [entry for entry in found.thinking if entry.audio == "full"]
    counts = full.arms[0].counts
    fewer = Run.open(everything).tasks["listening"].plan.fewer_orders.values()
    assert fewer and counts.responses == 2 * (40 * 3 - sum(3 - orders for orders in fewer))
    assert counts.unparsed > 0
    on = next(entry for entry in found.option_order if entry.think == "on" and entry.audio == "full")
    assert sum(on.position.counts) == counts.scored


def test_the_same_run_as_text_markdown_and_json(everything, tmp_path, capsys):
    assert main(["ablate", str(everything), "--plot", str(tmp_path / "curve")]) == 0
    text = capsys.readouterr().out
    for title in ("does thinking help? audio=full", "accuracy over thinking budget", "does it listen?", "option order",
                  "asked 2 times", "sound against words", "does it say that it cannot hear?"):  # fmt: skip
        assert title in text
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "curve.svg").read_text()
    assert "everything, listening (n = 40" in drawn and "no limit" not in drawn.split("<defs>")[0]
    assert main(["ablate", str(everything), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "everything" and found["tasks"][0]["task"] == "listening"
    assert main(["ablate", str(everything), "--markdown"]) == 0
    assert "| paired difference | acc (pp) |" in capsys.readouterr().out
    assert main(["ablate", str(everything), "--breakdown", "kind"]) == 0
    assert "what the sound adds by kind" in capsys.readouterr().out
    assert main(["ablate", str(everything), "--breakdown", "nothing"]) == 2
    assert "they are: domain, family, kind, skill" in capsys.readouterr().err
    sheets = ablation_sheets(ablated(everything))
    assert all(len(row) == len(sheet.header) for sheet in sheets for row in sheet.rows)
    assert markdown(sheets).count("###") == len(sheets)


def test_compare_picks_conditions_of_one_run(everything, capsys):
    assert main(["compare", f"{everything}:off,full", f"{everything}:on,full", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert [arm["label"] for arm in found["arms"]] == ["think=off", "think=on"]
    assert found["n"] == 40 and found["pairs"][0]["test"].startswith("sign-flip")
    assert main(["compare", f"{everything}:off", f"{everything}:on", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["comparisons"]) == 3, "one for each audio condition"
    assert main(["compare", f"{everything}:off", f"{everything}:budget:128"]) == 2
    assert "no such condition; it has:" in capsys.readouterr().err


def test_a_run_without_budgets_cannot_be_drawn(controlled, tmp_path, capsys):
    folder = controlled("deaf", "deaf", audio=SOUNDS)
    assert main(["ablate", str(folder), "--plot", str(tmp_path / "x.png")]) == 2
    assert "no budget curve" in capsys.readouterr().err
    assert main(["ablate", str(folder), "--plot", str(tmp_path / "x.gif")]) == 2
    assert ".gif is unknown" in capsys.readouterr().err
