"""Routing, recovery, harm and the other ways of answering, on responses whose figures are counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from tests.analysis.conftest import line, write_run

PROTOCOL = {"protocol": "self_reflect:nbest=1"}
TOKENS = {"internal", "external", "rewrite"}


def reflected(name: str, action: str | None, final: str, internal: str, *external: str, **more: Any) -> dict[str, Any]:
    told = {
        "action": action, "internal": internal, "external": list(external), "internal_finish": "stop", "internal_closed": True,
    }  # fmt: skip
    return line(name, final, condition=PROTOCOL, response={"raw": {"self_reflect": told}}, **more)


def ablated(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["ablate", str(folder), "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    (entry,) = task["self_reflect"]
    return entry


# the right answer is dog: (action, final, internal, external), and which action would have been right
ITEMS = {
    "a": ("internal", "dog", "dog", "cat"),  # internal, kept
    "b": ("internal", "dog", "dog", "dog"),  # internal, kept
    "c": ("external", "cat", "dog", "cat"),  # internal; harmed
    "d": ("external", "dog", "cat", "dog"),  # external; recovered
    "e": ("internal", "cat", "cat", "dog"),  # external; not recovered
    "f": ("rewrite", "dog", "cat", "cow"),  # rewrite; recovered
    "g": ("rewrite", "hen", "cat", "cow"),  # rewrite; not recovered
    "h": ("internal", "cat", "dog", "cat"),  # internal: the token is right and the answer is not
    "i": (None, "dog", "dog", "cat"),  # internal, no token
    "j": ("external", "hen", "cat", "dog"),  # external: the token is right and the answer is not
}


def test_every_figure_counted_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", [reflected(name, *item) for name, item in ITEMS.items()])
    entry = ablated(run, capsys)
    assert (entry["n"], entry["left_out"]) == (10, 0)
    assert entry["confusion"] == {
        "internal": {"internal": 3, "external": 1, "rewrite": 0, "(none)": 1},
        "external": {"internal": 1, "external": 2, "rewrite": 0, "(none)": 0},
        "rewrite": {"internal": 0, "external": 0, "rewrite": 2, "(none)": 0},
    }
    assert entry["accuracy"]["value"] == 0.7
    by_action = {one["action"]: one for one in entry["actions"]}
    rates = {name: [one[part]["value"] for part in ("precision", "recall", "f1")] for name, one in by_action.items()}
    f1 = {"internal": 6 / 9, "external": 4 / 6, "rewrite": 1.0}
    assert rates == {
        "internal": [3 / 4, 3 / 5, pytest.approx(f1["internal"])],
        "external": [2 / 3, 2 / 3, pytest.approx(f1["external"])],
        "rewrite": [1.0, 1.0, f1["rewrite"]],
    }
    assert entry["macro_f1"]["value"] == pytest.approx(sum(f1.values()) / 3)
    assert (entry["recovery"]["value"], entry["recovery"]["n"]) == (2 / 5, 5)
    assert (entry["harm"]["value"], entry["harm"]["n"]) == (2 / 5, 5)
    ways = {way["path"]: way["value"] for way in entry["ways"]}
    # as the tokens say: a b d f h i and j, whose written answer was another
    assert ways == {"final": 0.5, "routed": 0.7, "internal": 0.5, "external": 0.4, "oracle": 0.8}
    # the token alone is credited for h and j; c and e are wrong either way; i has no token and the right words
    assert entry["official"]["value"] == 0.7
    oracle = next(way for way in entry["ways"] if way["path"] == "oracle")["against_final"]
    assert (
        oracle["difference"] == pytest.approx(0.3)
        and oracle["test"] == "mcnemar-exact"
        and oracle["ci"][0] < 0.3 < oracle["ci"][1]
    )
    assert main(["ablate", str(run)]) == 0
    told = capsys.readouterr().out
    assert "oracle router" in told and "credits the token alone: 70.0 %" in told


def test_transcripts_are_scored_by_pooled_errors_over_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"choices": [], "target": "one two three four"}
    items = {
        "a": ("no_ref", "one two three four", "one two three four", "one two"),  # 0, 0, 2 errors
        "b": ("need_ref", "one two three four", "one two", "one two three", "one two three four"),  # 0, 2, 1 and 0
        "c": ("need_ref", "one six six six six six", "one two three", "two"),  # 5, 1, 3
        "d": ("no_ref", "", "two", "one two three four"),  # 4, 3, 0
    }
    lines = [reflected(name, *item, sample=words) for name, item in items.items()]
    task = {"scorer": "wer_raw", "extraction": ["full_text"], "chance": "none", "doc_to_choice": None}
    entry = ablated(write_run(tmp_path / "run", lines, task=task), capsys)
    ways = {way["path"]: way["value"] for way in entry["ways"]}
    assert ways == {
        "final": 9 / 16,
        "routed": pytest.approx(8 / 16),
        "internal": 6 / 16,
        "external": 6 / 16,
        "oracle": 1 / 16,
    }
    assert entry["confusion"] == {
        "no_ref": {"no_ref": 1, "need_ref": 1, "(none)": 0}, "need_ref": {"no_ref": 1, "need_ref": 1, "(none)": 0},
    }  # fmt: skip
    assert (entry["recovery"]["value"], entry["recovery"]["n"]) == (1 / 3, 3)
    assert (entry["harm"]["value"], entry["harm"]["n"], entry["official"]) == (1 / 2, 4, None)
