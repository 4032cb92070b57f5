"""What the gate refuses, what its files say, and its exit codes through the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import orjson
import pytest

from audiobench.cli import main
from audiobench.core.types import Outcome
from audiobench.files.records import Record
from audiobench.gate import baseline
from audiobench.gate.arms import row_of
from audiobench.gate.markdown import cut, escape
from audiobench.results.runs import Scored
from audiobench.scorers.metrics import ACC
from tests.gate.runs import answers, condition, record, write_run

Gate = Callable[..., tuple[int, dict[str, Any]]]
HOSTILE = "\x00\x1b[31m<script>alert(1)</script> | `x` @octocat #1 \u202e [a](http://x.example) $y$ \ud800"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A complete run of one task in two think modes: 150 of 200 right with thinking, 100 without."""
    lines = answers([i < 150 for i in range(200)], think="on") + answers([i < 100 for i in range(200)], think="off")
    return write_run(tmp_path / "good", {"t": lines})


@pytest.fixture
def gate(good: Path, tmp_path: Path) -> Gate:
    """Judge a run against `good`; returns the exit code and the verdict."""
    file = tmp_path / "b.json"
    assert main(["gate", "--baseline", str(file), "--run", str(good), "--update-baseline"]) == 0

    def call(run: Path, *more: str) -> tuple[int, dict[str, Any]]:
        out = tmp_path / "verdict.json"
        out.unlink(missing_ok=True)
        code = main(["gate", "--baseline", str(file), "--run", str(run), "--json", str(out), *more])
        verdict = json.loads(out.read_bytes())
        assert verdict["exit_code"] == code
        return code, verdict

    return call


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (run / "t" / "samples.jsonl").read_bytes().splitlines()]


def reasons(verdict: dict[str, Any], level: str) -> str:
    return "\n".join(c["message"] for item in verdict["items"] for c in item["checks"] if c["level"] == level)


def test_a_baseline_that_is_no_file(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file, code, says in (
        (tmp_path, 2, f"{tmp_path}: is a directory"),
        (tmp_path / "no", 4, f"audiobench gate --baseline {tmp_path / 'no'} --run DIR --update-baseline"),
    ):
        assert main(["gate", "--baseline", str(file), "--run", str(good)]) == code
        assert says in capsys.readouterr().err
    assert main(["gate", "--baseline", str(tmp_path), "--run", str(good), "--update-baseline"]) == 2


def test_the_same_run_passes(gate: Gate, good: Path) -> None:
    code, verdict = gate(good)
    assert code == 0
    assert [(i["kind"], i["condition"]) for i in verdict["items"]] == [
        ("score", "think=on audio=full"), ("score", "think=off audio=full"), ("think_gain", "think=on audio=full"),
    ]  # fmt: skip
    assert [i["measured"]["baseline"] for i in verdict["items"]] == [0.75, 0.5, 0.25]


def test_a_worse_run_fails_and_names_the_samples(gate: Gate, tmp_path: Path) -> None:
    lines = answers([20 <= i < 150 for i in range(200)], think="on") + answers(
        [i < 100 for i in range(200)], think="off"
    )
    code, verdict = gate(write_run(tmp_path / "bad", {"t": lines}))
    assert code == 1
    first = verdict["items"][0]
    assert first["level"] == "regression"
    assert [flip["id"] for flip in first["flips"]] == [f"s{i:04}" for i in range(20)]
    assert first["flips"][0] == {"id": "s0000", "before": 1.0, "after": 0.0, "answer": "B. cat", "target": "dog"}
    assert verdict["items"][1]["level"] != "regression"


@pytest.mark.parametrize("part", ["prompt", "scorer", "scorer_version"])
def test_another_fingerprint_is_refused_naming_the_part_and_both_values(
    gate: Gate, good: Path, tmp_path: Path, part: str
) -> None:
    code, verdict = gate(write_run(tmp_path / "other", {"t": lines_of(good)}, fingerprint={part: "e" * 64}))
    assert code == 3
    assert re.search(
        rf"{part} differs: \S+ in the baseline, e{{12}}\.\.\. in the run", reasons(verdict, "not_comparable")
    )


def test_other_audio_or_another_question_is_refused_even_in_an_incomplete_run(
    gate: Gate, good: Path, tmp_path: Path
) -> None:
    for field, changed in (("clip", {"audio": [{"sha256": "f" * 64}]}), ("question", None)):
        lines = lines_of(good)
        for line in lines[:5]:
            line.update(changed or {"sample": {**line["sample"], "question": "another?"}})
        code, verdict = gate(write_run(tmp_path / field, {"t": lines}))
        assert code == 3 and ("audio differs" if changed else "samples differs") in reasons(verdict, "not_comparable")
        lines[199] = record("s0199", None, think="on")
        code, verdict = gate(write_run(tmp_path / f"{field}-incomplete", {"t": lines}))
        assert code == 3 and "samples changed" in reasons(verdict, "not_comparable")


def test_other_samples_are_refused_unless_a_subset_is_allowed(gate: Gate, good: Path, tmp_path: Path) -> None:
    some = write_run(tmp_path / "some", {"t": [line for line in lines_of(good) if line["id"] < "s0150"]})
    code, verdict = gate(some)
    assert code == 3 and "50 samples of the baseline not in the run" in reasons(verdict, "not_comparable")
    code, verdict = gate(some, "--allow-subset")
    assert code == 0 and "150 common samples" in reasons(verdict, "warn")
    other = write_run(tmp_path / "other", {"t": answers([1] * 9, think="on", clip="x") + answers([1] * 9, think="off")})
    assert gate(other, "--allow-subset")[0] == 3, "the audio of the common samples differs"
    alien = [{**line, "id": f"x{line['id']}"} for line in lines_of(good)]
    code, verdict = gate(write_run(tmp_path / "alien", {"t": alien}), "--allow-subset")
    assert code == 3 and "no sample in common" in reasons(verdict, "not_comparable")


def test_errors_are_the_infrastructure_not_the_model(gate: Gate, good: Path, tmp_path: Path) -> None:
    lines = lines_of(good)
    lines[:2] = [record(f"s{i:04}", None, think="on") for i in range(2)]
    code, verdict = gate(write_run(tmp_path / "one-percent", {"t": lines}))
    assert code == 0 and verdict["items"][0]["measured"]["n"] == 198
    lines[:3] = [record(f"s{i:04}", None, think="on") for i in range(3)]
    code, verdict = gate(write_run(tmp_path / "more", {"t": lines}))
    assert code == 4 and "3 of 200 requests have no response" in reasons(verdict, "incomplete")
    assert gate(tmp_path / "more", "--max-error-rate", "2%")[0] == 0


def test_missing_tasks_conditions_and_samples(gate: Gate, good: Path, tmp_path: Path) -> None:
    assert gate(write_run(tmp_path / "other", {"u": answers([1])}))[0] == 4
    on = [line for line in lines_of(good) if line["condition"]["think"] == "on"]
    code, verdict = gate(write_run(tmp_path / "on", {"t": on}))
    assert code == 3 and "not in the run, which has think=on" in reasons(verdict, "not_comparable")
    assert gate(good, "--tasks", "u")[0] == 2
    more = write_run(tmp_path / "more", {"t": lines_of(good), "u": answers([1])})
    code, verdict = gate(more, "--tasks", "u")
    assert code == 4 and "u: not in the baseline" in reasons(verdict, "incomplete")
    assert gate(write_run(tmp_path / "nothing", {}))[0] == 4
    code, verdict = gate(write_run(tmp_path / "empty", {"t": []}, ids=["s0000"]))
    assert code in (3, 4)


def test_a_run_without_answers_is_incomplete(gate: Gate, good: Path, tmp_path: Path) -> None:
    plan = json.loads((good / "t" / "plan.json").read_bytes())
    run = write_run(tmp_path / "planned", {"t": []})
    (run / "t" / "plan.json").write_bytes(orjson.dumps(plan))
    code, verdict = gate(run)
    assert code == 4 and "200 of 200 requests have no response" in reasons(verdict, "incomplete")


def test_a_score_that_is_not_a_number_is_no_score(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"scorer": "wildspeech_judge", "metric_list": [{"metric": "rating"}]}
    run = write_run(tmp_path / "judged", {"t": answers([1] * 40)}, spec=spec)

    def judged(value: object) -> None:
        lines = [{"id": f"s{i:04}", "key": f"s{i:04}default0", "ratings": [], "value": value} for i in range(40)]
        (run / "t" / "judgements.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    judged(None)
    assert main(["gate", "--baseline", str(tmp_path / "j.json"), "--run", str(run), "--update-baseline"]) == 4
    assert "40 error" in capsys.readouterr().err
    assert not (tmp_path / "j.json").exists()
    judged(60.5)
    assert main(["gate", "--baseline", str(tmp_path / "j.json"), "--run", str(run), "--update-baseline"]) == 0
    assert main(["gate", "--baseline", str(tmp_path / "j.json"), "--run", str(run)]) == 0


def test_infinite_and_missing_values_are_failures(tmp_path: Path) -> None:
    found = Scored(msgspec.convert(record("s", "dog"), Record), Outcome("scored", float("nan")))
    row = row_of([found], 2, ACC)
    assert (row.statuses, row.values, row.value) == ("e-", (None, None), None)


def test_word_error_rates_are_pooled_and_more_is_worse(tmp_path: Path) -> None:
    def run(name: str, wrong: int) -> Path:
        lines = [record(f"s{i:03}", "red green blue" + (" oh no" if i < wrong else "")) for i in range(60)]
        for line in lines:
            line["sample"].update(choices=[], target="red green blue")
        spec = {
            "scorer": "wer",
            "extraction": ["full_text"],
            "metric_list": [{"metric": "wer", "higher_is_better": False}],
        }
        return write_run(tmp_path / name, {"t": lines}, spec=spec)

    file, out = tmp_path / "b.json", tmp_path / "v.json"
    assert main(["gate", "--baseline", str(file), "--run", str(run("old", 6)), "--update-baseline"]) == 0
    assert main(["gate", "--baseline", str(file), "--run", str(run("old", 6))]) == 0
    assert main(["gate", "--baseline", str(file), "--run", str(run("better", 0))]) == 0
    assert main(["gate", "--baseline", str(file), "--run", str(run("worse", 30)), "--json", str(out)]) == 1
    measured = json.loads(out.read_bytes())["items"][0]["measured"]
    assert (measured["baseline"], measured["candidate"]) == (pytest.approx(12 / 180), pytest.approx(60 / 180))


def test_tampered_broken_and_foreign_baselines(gate: Gate, good: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    whole = file.read_bytes()
    document = orjson.loads(whole)
    document["arms"][0]["outcomes"][0][0] = "0" + document["arms"][0]["outcomes"][0][0][1:]
    cases = [
        (orjson.dumps(document), 3, "changed by hand"),
        (whole[:200], 2, "not JSON"),
        (b"[]", 2, "not a baseline"),
        (orjson.dumps({"kind": baseline.KIND, "schema_version": 9}), 2, "schema_version 9"),
        (whole.replace(b'"score": 0.75', b'"score": NaN'), 2, "not JSON"),
    ]
    del document["sample_sets"]
    document["sha256"] = baseline.digest(document)
    cases.append((orjson.dumps(document), 2, "not a whole baseline"))
    for data, expected, message in cases:
        file.write_bytes(data)
        code, verdict = gate(good, "--junit", str(tmp_path / "j.xml"))
        assert (code, message in verdict["error"]) == (expected, True), (verdict["error"], message)
        tree = ElementTree.parse(tmp_path / "j.xml").getroot()
        assert tree.get("errors") == "1" and not list(tree.iter("skipped"))
    file.unlink()
    assert gate(good)[0] == 4


def test_a_baseline_is_small_and_reads_back_what_was_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "big", {"t": answers([i % 3 for i in range(1000)])})
    file = tmp_path / "b.json"
    assert main(["gate", "--baseline", str(file), "--run", str(run), "--update-baseline"]) == 0
    assert file.stat().st_size < 12_000
    (arm,) = baseline.read(file).arms
    assert arm.score == pytest.approx(666 / 1000)
    rows = {baseline.short_id(f"s{i:04}", 4): float(i % 3 > 0) for i in range(1000)}
    assert {key: row.value for key, row in arm.rows.items()} == rows


def test_an_update_removes_no_task_silently_and_keeps_no_incomplete_run(
    gate: Gate, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.json"
    before = file.read_bytes()
    for name, lines, code in (
        ("fewer", {"t": [line for line in lines_of(good) if line["condition"]["think"] == "on"]}, 2),
        ("broken", {"t": [*lines_of(good)[1:], record("s0000", None, think="on")]}, 4),
        ("none", {}, 4),
    ):
        run = write_run(tmp_path / name, lines)
        assert main(["gate", "--baseline", str(file), "--run", str(run), "--update-baseline"]) == code, name
        assert file.read_bytes() == before
    assert "t think=off audio=full: in the baseline but not in" in capsys.readouterr().err


def test_hostile_model_output_stays_text(
    gate: Gate, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"scorer": "exact_match", "extraction": ["full_text"]}
    old = write_run(tmp_path / "old", {"t": answers([1] * 40)}, spec=spec)
    hostile = HOSTILE.replace("\ud800", "\ufffe")
    new = write_run(tmp_path / "new", {"t": [record(f"s{i:04}", hostile) for i in range(40)]}, spec=spec)
    file, junit, summary = tmp_path / "h.json", tmp_path / "h.xml", tmp_path / "h.md"
    assert main(["gate", "--baseline", str(file), "--run", str(old), "--update-baseline"]) == 0
    capsys.readouterr()
    args = ["--baseline", str(file), "--run", str(new), "--junit", str(junit), "--summary", str(summary)]
    assert main(["gate", *args]) == 1
    tree = ElementTree.parse(junit).getroot()
    (failure,) = tree.iter("failure")
    assert "<script>" in (failure.text or ""), "as text"
    assert not list(tree.iter("script"))
    markdown = summary.read_text()
    rows = [line for line in markdown.splitlines() if "s0000" in line]
    assert len(rows) == 1 and len(re.findall(r"(?<!\\)\|", rows[0])) == 8, "the table keeps its columns"
    for bad in ("<script>", "@octocat", "\u202e", "\x1b", " `x`", "[a](", "://x", "$y$"):
        assert bad not in markdown, bad
    assert "\x1b" not in capsys.readouterr().out


def test_escaping_survives_anything() -> None:
    assert escape("a\nb") == "a b"
    assert escape("x" * 500).endswith("...")
    assert "\ud800" not in escape(HOSTILE)
    assert len(cut("line\n" * 100_000).encode()) <= 65_300
    assert cut("line\n" * 100_000).endswith("(cut: the whole verdict is in the JSON)\n")


def test_junit_has_a_suite_a_condition_and_a_case_a_question(gate: Gate, tmp_path: Path, good: Path) -> None:
    junit = tmp_path / "j.xml"
    bad = answers([0] * 200, think="on") + answers([i < 100 for i in range(200)], think="off")
    gate(write_run(tmp_path / "bad", {"t": bad}), "--junit", str(junit))
    tree = ElementTree.parse(junit).getroot()
    cases = {
        suite.get("name"): [(c.get("classname"), c.get("name"), c.find("failure") is not None) for c in suite]
        for suite in tree
    }
    assert cases == {
        "m think=on audio=full": [
            ("t", "score", True), ("t", "unparsed", False), ("t", "coverage", False), ("t", "think_gain", True),
        ],
        "m think=off audio=full": [("t", "score", False), ("t", "unparsed", False), ("t", "coverage", False)],
    }  # fmt: skip
    assert (tree.get("tests"), tree.get("failures"), tree.get("errors")) == ("7", "2", "0")


def test_policy_files(gate: Gate, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "gate.yaml"
    policy.write_text("margin: 2pp\ntasks:\n  t: {min_score: 90%}\n")
    code, verdict = gate(good, "--policy", str(policy))
    assert code == 1 and "below the absolute limit 90.0" in reasons(verdict, "regression")
    capsys.readouterr()
    assert gate(good, "--policy", str(policy), "--one-line")[0] == 1
    assert ", fails: floor)" in capsys.readouterr().out, "a score that did not fall needs its reason"
    policy.write_text("margn: 0.02\n")
    code, verdict = gate(good, "--policy", str(policy))
    assert code == 2 and "gate.yaml:1" in verdict["error"] and "margin" in verdict["error"]
    code, verdict = gate(good, "--alpha", "7")
    assert code == 2 and "--alpha 7" in verdict["error"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("min_score: 75", "min_score: 75: has no unit; write 75%"),
        ("margin: 0.05", "margin: 0.05: has no unit; write 5% for 0.05 of 1, or 0.05%"),
        ("margin: 100pp", "margin: 100pp: must be at least 0 and, in percentage points, below 100pp"),
        ("margin: -2pp", "margin: -2pp: must be at least 0"),
        ("margin: lots", "margin: 'lots': must be a number with its unit"),
        ("margin: true", "margin: 'True': must be a number with its unit"),
        ("margin: .nan", "margin: 'nan': must be a number with its unit"),
        ("margin: 2 points", "margin 2 points: acc is measured in pp; write for example 2pp"),
        ("min_score: 7500%", "min_score 7500%: acc of task t lies between 0.0 and 100.0 %"),
        ("max_error_rate: 5", "max_error_rate: 5: has no unit; write 5%"),
        ("max_error_rate: 500%", "max_error_rate: 500%: must lie between 0% and 100%"),
        ("max_unparsed_increase: 1", "max_unparsed_increase: 1: has no unit"),
        ("alpha: 5", "alpha: 5: must be a probability between 0 and 1"),
        ("tasks: {mmua: {margin: 5pp}}", "tasks.mmua: no such task; did you mean `mmsu` or `mmau`"),
        ("tasks: {t: {margn: 5pp}}", "tasks.t.margn: unknown key; did you mean `margin`?"),
        ("tasks: {t: {min_score: 75}}", "tasks.t.min_score: 75: has no unit"),
    ],
)
def test_what_a_policy_cannot_mean_is_refused_with_what_would_be_right(
    gate: Gate, good: Path, tmp_path: Path, policy: str, told: str
) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text(policy + "\n")
    code, verdict = gate(good, "--policy", str(file))
    assert code == 2 and told in verdict["error"], verdict["error"]


def test_a_margin_without_its_unit_is_refused_and_percent_is_percentage_points(gate: Gate, tmp_path: Path) -> None:
    worse = write_run(tmp_path / "worse", {"t": [line for think in ("on", "off") for line in answers([i < 60 for i in range(200)], think=think)]})  # fmt: skip
    for word in ("5", "0.05", "500%", "5 pounds", "", "-1pp"):
        code, verdict = gate(worse, f"--margin={word}")
        assert code == 2 and "--margin" in verdict["error"], word
    for word, code in (("5pp", 1), ("5%", 1), ("5 pp", 1), ("0", 1), ("99pp", 0)):
        assert gate(worse, f"--margin={word}")[0] == code, word


def test_a_policy_may_name_a_shipped_task_that_this_baseline_lacks(gate: Gate, good: Path, tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("tasks: {mmar: {margin: 2pp}}\n")
    code, verdict = gate(good, "--policy", str(file))
    assert code == 0
    assert "the policy sets something for mmar, which is not in the baseline" in verdict["notes"]


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"higher_is_better": False}, 3, "direction differs: less is better in the baseline, more in the run"),
        ({"unit": "points"}, 3, "unit differs: points in the baseline, share in the run"),
        ({"metric": "wer", "unit": "rate", "higher_is_better": False}, 3, "metric differs"),
        ({"score": 0.1}, 2, "score 0.1, but its outcomes make 0.75"),
    ],
)
def test_a_baseline_signed_again_after_a_change_is_refused_where_the_change_shows(
    gate: Gate, tmp_path: Path, change: dict[str, Any], code: int, told: str
) -> None:
    file = tmp_path / "b.json"
    document = orjson.loads(file.read_bytes())
    document["arms"][0].update(change)
    file.write_bytes(orjson.dumps({**document, "sha256": baseline.digest(document)}))
    worse = answers([0] * 200, think="on") + answers([i < 100 for i in range(200)], think="off")
    found, verdict = gate(write_run(tmp_path / "worse", {"t": worse}))
    assert (found, told in (verdict["error"] or reasons(verdict, "not_comparable"))) == (code, True), verdict


@pytest.mark.parametrize("option", ["--junit", "--summary", "--json"])
def test_a_report_that_cannot_be_written_hides_no_verdict(
    gate: Gate, good: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = write_run(tmp_path / "worse", {"t": answers([0] * 200, think="on") + answers([0] * 200, think="off")})
    other = write_run(tmp_path / "other", {"t": lines_of(good)}, fingerprint={"prompt": "e" * 64})
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "x.xml", tmp_path):
        for run, code in ((worse, 1), (other, 3)):
            judged = main(["gate", "--baseline", str(tmp_path / "b.json"), "--run", str(run), option, str(place)])
            assert judged == code
            assert f"not written: {place}" in capsys.readouterr().err
        passed = main(["gate", "--baseline", str(tmp_path / "b.json"), "--run", str(good), option, str(place)])
        assert passed in (2, 4)
        shown = capsys.readouterr()
        assert shown.out.endswith(f"gate: pass (exit code {passed})\n") and f"not written: {place}" in shown.err


def test_an_update_shows_before_and_after_and_lowers_no_bar_unless_told(
    gate: Gate, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.json"
    kept = file.read_bytes()
    worse = write_run(tmp_path / "worse", {"t": answers([0] * 200, think="on") + answers([0] * 200, think="off")})
    update = ["gate", "--baseline", str(file), "--update-baseline", "--run"]
    capsys.readouterr()
    assert main([*update, str(worse)]) == 1
    shown = capsys.readouterr()
    assert "t, think=on audio=full: 75.0 -> 0.0" in shown.out and "REGRESSION" in shown.out
    assert "not written: the run is worse; --accept-regression lowers the bar" in shown.err
    assert file.read_bytes() == kept
    assert main([*update, str(worse), "--accept-regression"]) == 0 and file.read_bytes() != kept
    assert main([*update, str(good)]) == 0, "a better run needs no word"


@pytest.mark.parametrize("form", ["md", "csv", "latex", "json"])
def test_an_update_comes_in_every_format(
    form: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    update = ["gate", "--baseline", str(tmp_path / "b.json"), "--update-baseline", "--run", str(good)]
    assert main([*update, "--format", form]) == 0, "a first baseline has no before"
    worse = write_run(tmp_path / "worse", {"t": answers([0] * 200, think="on") + answers([0] * 200, think="off")})
    capsys.readouterr()
    assert main([*update[:-1], str(worse), "--format", form]) == 1
    shown = capsys.readouterr()
    assert "not written: the run is worse" in shown.err
    if form == "json":
        document = json.loads(shown.out)
        assert document["written"] is False and document["exit_code"] == 1 and document["verdict"]["exit_code"] == 1
        assert [(score["before"], score["after"]) for score in document["scores"]] == [(0.75, 0.0), (0.5, 0.0)]
    else:
        assert {"md": "| 75.0 | 0.0 |", "csv": ",before,,75.0\n", "latex": "75.0 & 0.0"}[form] in shown.out
    assert main([*update, "--junit", str(tmp_path / "j.xml")]) == 2


def test_a_part_of_the_data_set_is_told_beside_every_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the baseline, the messages, JUnit and the summary: 60 of 1,000 rows, and 59 of the 60 with a response."""
    spec = {"expected_rows": 1000}
    good = write_run(tmp_path / "good", {"t": answers([1] * 60)}, spec=spec)
    worse = write_run(tmp_path / "worse", {"t": [*answers([0] * 59), record("s0059", None)]}, spec=spec)
    base, junit, md = (tmp_path / name for name in ("b.json", "j.xml", "s.md"))
    assert main(["gate", "--baseline", str(base), "--run", str(good), "--update-baseline"]) == 0
    (arm,) = json.loads(base.read_bytes())["arms"]
    assert (arm["n"], arm["rows"]) == (60, 1000)
    capsys.readouterr()
    judge = ["gate", "--baseline", str(base), "--max-error-rate", "5%", "--run", str(worse)]
    assert main([*judge, "--junit", str(junit), "--summary", str(md)]) == 1
    part = "59 of 60 of 1,000"
    assert f"failed: t, think=default audio=full (n={part}): 100.0 -> 0.0" in capsys.readouterr().out
    assert part in md.read_text()
    cases = {case.get("name"): case for case in ElementTree.parse(junit).iter("testcase")}
    for name in ("score", "unparsed", "coverage"):
        assert f"(n={part}): " in "".join(cases[name].itertext()), name
    assert main([*judge[:-1], str(good), "--junit", str(junit)]) == 0
    text = "".join(ElementTree.parse(junit).getroot().itertext())
    assert "t, think=default audio=full: 60 of 1,000 samples" in text and "(n=60 of 1,000): 100.0 -> 100.0" in text
    assert main(["gate", "--baseline", str(base), "--run", str(good), "--update-baseline"]) == 0
    assert "(n=60 of 1,000): 100.0 -> 100.0" in capsys.readouterr().out


def test_a_misspelt_task_gets_a_suggestion(gate: Gate, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(good.parent / "named", {"speech": answers([1] * 5)})
    base = good.parent / "named.json"
    assert main(["gate", "--baseline", str(base), "--run", str(run), "--update-baseline"]) == 0
    for words in ((), ("--update-baseline",)):
        assert main(["gate", "--baseline", str(base), "--run", str(run), "--tasks", "speach", *words]) == 2
        assert (
            "neither in the baseline nor in the run, which have: speech; did you mean `speech`?"
            in capsys.readouterr().err
        )


def test_annotations_stay_out_of_what_another_program_reads(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["gate", "--baseline", str(tmp_path / "no.json"), "--run", str(good), "--format", "json"]) == 4
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 4 and "::error title=gate::" in shown.err


def test_the_verdict_for_a_chat_is_one_line_and_names_what_failed(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = answers([0] * 200, think="on") + answers([i < 100 for i in range(200)], think="off")
    worse = write_run(tmp_path / "worse", {"t": bad})
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    capsys.readouterr()
    assert gate(worse, "--one-line")[0] == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("audiobench gate: REGRESSION: m against m: t think=on 75.0 -> 0.0 (-75.0, p=")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert gate(worse, "--one-line")[0] == 1
    commands = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert [line.partition("::t, ")[0] for line in commands] == ["::error title=t"] * 2
    assert main(["gate", "--baseline", str(tmp_path / "none.json"), "--run", str(worse)]) == 4
    assert "::error title=gate::" in capsys.readouterr().out


def test_controls_are_not_gated(gate: Gate, tmp_path: Path) -> None:
    silent = [{**line, "condition": condition(audio="silence")} for line in answers([1] * 30)]
    deaf = [{**line, "condition": condition(audio="silence")} for line in answers([0] * 30)]
    file = tmp_path / "c.json"
    old = write_run(tmp_path / "old", {"t": answers([1] * 30) + silent})
    new = write_run(tmp_path / "new", {"t": answers([1] * 30) + deaf})
    assert main(["gate", "--baseline", str(file), "--run", str(old), "--update-baseline"]) == 0
    assert main(["gate", "--baseline", str(file), "--run", str(new)]) == 0


def cli(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "audiobench", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_exit_codes_of_the_process(good: Path, tmp_path: Path) -> None:
    worse = write_run(tmp_path / "worse", {"t": answers([0] * 200, think="on") + answers([0] * 200, think="off")})
    other = write_run(tmp_path / "other", {"t": lines_of(good)}, fingerprint={"prompt": "e" * 64})
    missing = cli("gate", "--baseline", "b.json", "--run", good, cwd=tmp_path)
    assert (missing.returncode, missing.stderr.count("\n")) == (4, 1)
    assert cli("gate", "--baseline", "b.json", "--run", good, "--update-baseline", cwd=tmp_path).returncode == 0
    for run, code in ((good, 0), (worse, 1), (tmp_path / "nowhere", 2), (other, 3)):
        done = cli("gate", "--baseline", "b.json", "--run", run, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


MODEL = """\
name: release
adapter: scripted
served_model: release
thinking: {{default: "off", "on": {{how: exact}}, "off": {{how: exact}}, budget: {{how: unsupported}}}}
audio: {{formats: [wav]}}
options: {{accuracy: {accuracy}, independent: true}}
"""


def test_confirm_asks_failed_tasks_again_with_fresh_seeds_and_pools(tmp_path: Path) -> None:
    for name, accuracy in (("old", 0.95), ("new", 0.6)):
        (tmp_path / f"{name}.yaml").write_text(MODEL.format(accuracy=accuracy))
        done = cli(
            "run", "--model", f"{name}.yaml", "--tasks", "listening_count,listening_speech", "--limit", "60",
            "--out", name, "--quiet", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert cli("gate", "--baseline", "b.json", "--run", "old", "--update-baseline", cwd=tmp_path).returncode == 0
    again = ("gate", "--baseline", "b.json", "--run", "new", "--confirm", "2", "--json", "v.json", "--summary", "s.md")
    done = cli(*again, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    verdict = json.loads((tmp_path / "v.json").read_bytes())
    assert verdict["confirmed"] == {
        "tasks": ["listening_count", "listening_speech"], "epochs": 2, "folder": "new.confirm",
    }  # fmt: skip
    assert "Asked again (2 more epochs" in (tmp_path / "s.md").read_text()
    journal = tmp_path / "new.confirm" / "listening_speech" / "samples.jsonl"
    lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()]
    assert len(lines) == 180 and {line["epoch"] for line in lines} == {0, 1, 2}
    first = (tmp_path / "new" / "listening_speech" / "samples.jsonl").read_bytes()
    assert journal.read_bytes().startswith(first), "what failed stays in the pool"
    assert len({line["key"] for line in lines}) == 180, "every epoch has its own seed"
    size = journal.stat().st_size
    assert cli(*again, cwd=tmp_path).returncode == 1
    assert journal.stat().st_size == size, "judging again asks nothing again"
    (tmp_path / "elsewhere").mkdir()
    moved = ("gate", "--baseline", "../b.json", "--run", "../new", "--confirm", "2")
    assert cli(*moved, cwd=tmp_path / "elsewhere").returncode == 1, "the model's path is that of the run"
    assert journal.stat().st_size == size
    old = json.loads((tmp_path / "new" / "run.json").read_bytes())
    del old["starts"]
    (tmp_path / "new" / "run.json").write_text(json.dumps(old), encoding="utf-8")
    refused = cli(*again, cwd=tmp_path)
    assert refused.returncode == 2
    assert "--confirm: new/run.json: cannot be repeated: it holds no run specification" in refused.stderr
    assert "`audiobench run --model new.yaml --tasks listening_count,listening_speech" in refused.stderr
