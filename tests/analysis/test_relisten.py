"""What a response heard again, read off its record; and whether listening again helps, as `ablate` has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.cli import main
from audiobench.core.types import Condition, Response
from audiobench.files.records import ClipFacts, Exchanged, MediaRef, Record, Turn
from audiobench.results.relistened import trace

PROTOCOL = "relisten:form=inline:hear={hear}:turns=8"
MODEL = """\
name: listens
adapter: scripted
served_model: listens
capabilities: [prefill_audio]
thinking: {{default: "on", "on": {{prefill: "<think>\\n"}}}}
options: {{reasoning_words: 6, relistens: 3, accuracy: 0.5, accuracy_relistened: {again}}}
"""


def record(texts: list[str], spans: list[tuple[float, float] | None], *, hear: str = "span", **raw: Any) -> Record:
    """A record of these turns; `spans[k]` is what was heard after turn k. The clip lasts ten seconds."""
    audio, turns = [ClipFacts("ab", seconds=10.0)], []
    refs: list[str | MediaRef] = []
    for number, text in enumerate(texts):
        sent = [Turn("assistant", ["thought", *refs])] if number else []
        turns.append(Exchanged(Response(text, usage={"prompt": 100, "completion": 10}), sent))
        if number < len(spans) and (span := spans[number]) is not None:
            audio.append(ClipFacts("ab", seconds=10.0, span=span))
            refs.append(MediaRef(audio=len(audio) - 1))
    prompt = [Turn("user", [MediaRef(audio=0), "Which?"])]
    condition = Condition(protocol=PROTOCOL.format(hear=hear))
    response = Response("dog", raw=raw)
    return Record("s", key="k", condition=condition, audio=audio, prompt=prompt, turns=turns, response=response)


def test_spans_as_named_and_as_heard() -> None:
    texts = ["a <seg>1,3", "low <seg>2,6", "<seg>8,7", "end <seg>9.95,12", "So</think>dog"]
    found = trace(record(texts, [(1.0, 3.0), (2.0, 6.0), None, None]))
    assert found is not None and found.heard == [(1.0, 3.0), (2.0, 6.0)] == found.listened
    assert [(again.named, again.valid) for again in found.spans] == [
        ((1.0, 3.0), True), ((2.0, 6.0), True), ((8.0, 7.0), False), ((9.95, 12.0), False),
    ]  # fmt: skip
    assert (found.coverage, found.overlap) == (pytest.approx(0.5), pytest.approx(1 / 6))
    # behind the second stands `<`, which Echo's pattern takes for the start of the next one
    assert found.dangling == (2, 3) and found.later_tokens == 440
    assert found.written == "a <seg>1,3</seg>low <seg>2,6</seg><seg>8,7</seg>end <seg>9.95,12</seg>So</think>dog"


def test_without_sound_what_was_named_counts_as_listened_to() -> None:
    found = trace(record(["<seg>1,3", "<seg>5,99", "</think>dog"], [None, None], hear="text_only"))
    assert found is not None and found.heard == [] and found.listened == [(1.0, 3.0), (5.0, 10.0)]


def test_the_last_span_of_a_thought_that_was_cut_off_was_not_heard() -> None:
    found = trace(record(["<seg>1,3", "<seg>4,5"], [(1.0, 3.0)], turn_limit=2))
    assert found is not None and [again.heard for again in found.spans] == [(1.0, 3.0), None]


def test_spans_of_a_thought_that_nothing_stopped_are_named_and_not_heard() -> None:
    alone = record([], [], hear="off")
    alone.turns, alone.response = [], Response("dog", reasoning="a <seg>1,3</seg> b <seg>3,1</seg>")
    found = trace(alone)
    assert found is not None and [again.valid for again in found.spans] == [True, False] and not found.heard
    assert trace(Record("s", key="k", response=Response("dog"))) is None


@pytest.fixture
def ablated(tmp_path: Path, capsys: Any) -> Callable[[float], tuple[Path, dict[str, Any]]]:
    def run(again: float) -> tuple[Path, dict[str, Any]]:
        model, out = tmp_path / "model.yaml", tmp_path / f"run{again}"
        model.write_text(MODEL.format(again=again))
        protocols = "relisten,relisten:hear=text_only,relisten:hear=random_segment,relisten:hear=off"
        arguments = ["--model", str(model), "--tasks", "listening", "--limit", "120", "--out", str(out), "--quiet"]
        assert main(["run", *arguments, "--protocol", protocols]) == 0
        capsys.readouterr()
        assert main(["ablate", str(out), "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["tasks"]
        (entry,) = found["relisten"]
        return out, entry

    return run


def test_the_controls_tell_whether_it_is_what_was_heard_that_helps(ablated: Any, capsys: Any) -> None:
    out, entry = ablated(0.9)
    assert [(c["hear"], c["verdict"]) for c in entry["controls"]] == [
        ("off", "helps"), ("text_only", "helps"), ("random_segment", "helps"),
    ]  # fmt: skip
    by_hearing = {arm["hear"]: arm for arm in entry["arms"]}
    lines = [json.loads(line) for line in (out / "listening" / "samples.jsonl").read_text().splitlines()]
    heard = [
        sum("span" in clip for clip in line["audio"])
        for line in lines
        if line["condition"]["protocol"] == PROTOCOL.format(hear="span")
    ]
    span = by_hearing["span"]
    assert span["relisten_rate"]["value"] == sum(map(bool, heard)) / 120 and span["heard"] == sum(heard)
    assert {row["times"]: row["accuracy"]["n"] for row in span["by_relistens"]} == {
        n: heard.count(n) for n in (0, 1, 2, 3)
    }
    once, *_, never = sorted(span["by_relistens"], key=lambda row: -row["times"])
    assert never["times"] == 0 and once["accuracy"]["value"] > never["accuracy"]["value"]
    assert by_hearing["text_only"]["relisten_rate"]["value"] == 0 == by_hearing["off"]["added_tokens"]["value"]
    assert by_hearing["random_segment"]["added_seconds"]["value"] == pytest.approx(
        span["added_seconds"]["value"], rel=1e-6
    )
    capsys.readouterr()
    assert main(["ablate", str(out)]) == 0
    told = capsys.readouterr().out
    assert "does it help to listen again? inline" in told and "accuracy by number of re-listens" in told


def test_a_model_that_hearing_again_does_not_help_is_not_said_to_be_helped(ablated: Any) -> None:
    _, entry = ablated(0.5)
    assert {c["verdict"] for c in entry["controls"]} == {"no difference"}
    assert all(c["difference"] == 0 and c["p_adjusted"] == 1 for c in entry["controls"])


def test_inline_and_turn_based_are_two_experiments(tmp_path: Path, capsys: Any) -> None:
    model, out = tmp_path / "model.yaml", tmp_path / "run"
    model.write_text(MODEL.format(again=0.9))
    arguments = ["--model", str(model), "--tasks", "listening", "--limit", "40", "--out", str(out), "--quiet"]
    both = "relisten,relisten:hear=off,relisten:form=turn_based,relisten:form=turn_based:hear=text_only"
    assert main(["run", *arguments, "--protocol", both]) == 0
    capsys.readouterr()
    assert main(["ablate", str(out), "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    found = {entry["form"]: [control["hear"] for control in entry["controls"]] for entry in task["relisten"]}
    assert found == {"inline": ["off"], "turn_based": ["text_only"]}
    entries = json.loads((out / "listening" / "summary.json").read_text(encoding="utf-8"))
    assert len({entry["condition"]["protocol"] for entry in entries}) == len(entries) == 4
    assert len({entry["fingerprint"]["protocol"] for entry in entries}) == 4
