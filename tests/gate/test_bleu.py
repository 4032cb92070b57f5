"""BLEU in the gate is that of the whole set, never a mean of sentence BLEUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from audiobench.cli import main
from audiobench.gate.arms import arms_of_run
from audiobench.gate.baseline import digest, read
from audiobench.results.runs import Run
from audiobench.results.summary import summaries
from audiobench.scorers import SCORERS
from audiobench.scorers.text import Bleu
from tests.gate.runs import record, write_run

SHORT, LONG = "one two three four", " ".join(f"word{i}" for i in range(40))
BAD = " ".join(f"word{i}" for i in range(12)) + " and so on"


def said(sample: str, target: str, text: str, think: str = "default") -> dict[str, Any]:
    line = record(sample, text, think=think)
    line["sample"].update(choices=[], target=target)
    return line


def run_of(
    folder: Path, short: str, long: str, think: str = "default", *, scorer: str = "bleu", more: Any = ()
) -> Path:
    """30 short and 10 long sentences, and what was answered to either."""
    lines = [said(f"s{i:02}", SHORT, short, think) for i in range(30)]
    lines += [said(f"t{i:02}", LONG, long, think) for i in range(10)]
    spec = {"extraction": ["full_text"], "scorer": scorer, "metric_list": [{"metric": "bleu"}], "chance": "none"}
    return write_run(folder, {"t": [*lines, *more]}, spec=spec)


def gate(baseline: Path, run: Path, *more: str) -> int:
    return main(["gate", "--baseline", str(baseline), "--run", str(run), *more])


@pytest.mark.parametrize(
    "scorer", [name for name, scorer in SCORERS.items() if isinstance(scorer.metric, Bleu) and not scorer.extra]
)
@pytest.mark.parametrize("long", [BAD, "word1 word2 none", "word1", "none of it", "a"])
def test_the_score_of_an_arm_is_that_of_the_summary(tmp_path: Path, scorer: str, long: str) -> None:
    run = Run.open(run_of(tmp_path / "run", "one two five four" if long != "a" else "b", long, scorer=scorer))
    [arm], [summary] = arms_of_run(run), summaries(run)
    assert arm.score == pytest.approx(summary.metrics["bleu"].value)


def test_a_better_set_of_worse_sentences_passes_and_the_reverse_is_a_regression(tmp_path: Path) -> None:
    better = run_of(tmp_path / "better", "one two three five", LONG)
    worse = run_of(tmp_path / "worse", SHORT, BAD)
    first, second, verdict = tmp_path / "w.json", tmp_path / "b.json", tmp_path / "v.json"
    assert gate(first, worse, "--update-baseline") == gate(second, better, "--update-baseline") == 0
    assert gate(first, better, "--json", str(verdict)) == 0
    found = orjson.loads(verdict.read_bytes())["items"][0]["measured"]
    scores = [summaries(Run.open(run))[0].metrics["bleu"].value for run in (worse, better)]
    assert [found["baseline"], found["candidate"]] == pytest.approx(scores) and max(scores) == scores[1]
    assert (found["gained"], found["lost"]) == (10, 30), "most sentences alone are worse"
    assert found["ci"][0] > 0 and found["p_better"] < 0.01
    assert gate(second, worse) == 1
    assert gate(first, worse) == 0


def test_min_score_is_of_the_whole_set(tmp_path: Path) -> None:
    run, policy = run_of(tmp_path / "run", SHORT, BAD), tmp_path / "policy.yaml"
    assert gate(tmp_path / "b.json", run, "--update-baseline") == 0
    score = summaries(Run.open(run))[0].metrics["bleu"].value
    assert score is not None and score < 60, "the mean of sentence BLEUs is over 75"
    for limit, code in ((score - 1, 0), (score + 1, 1)):
        policy.write_text(f"min_score: {limit} points\n")
        assert gate(tmp_path / "b.json", run, "--policy", str(policy)) == code


def test_a_lost_think_gain_of_bleu_is_seen(tmp_path: Path) -> None:
    off = [said(f"s{i:02}", SHORT, SHORT, "off") for i in range(30)] + [
        said(f"t{i:02}", LONG, BAD, "off") for i in range(10)
    ]
    good = run_of(tmp_path / "good", SHORT, LONG, "on", more=off)
    lost = run_of(tmp_path / "lost", SHORT, BAD, "on", more=off)
    assert gate(tmp_path / "b.json", good, "--update-baseline") == 0
    assert gate(tmp_path / "b.json", good) == 0
    assert gate(tmp_path / "b.json", lost, "--json", str(tmp_path / "v.json")) == 1
    items = {item["kind"]: item for item in orjson.loads((tmp_path / "v.json").read_bytes())["items"]}
    gain = items["think_gain"]["measured"]
    assert (
        gain["candidate"] == pytest.approx(0) and gain["baseline"] > 40 and items["think_gain"]["level"] == "regression"
    )


def test_an_old_baseline_without_counts_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline, run = tmp_path / "b.json", run_of(tmp_path / "run", SHORT, BAD)
    assert gate(baseline, run, "--update-baseline") == 0
    assert "word" not in baseline.read_text(), "nothing of what was said"
    document = orjson.loads(baseline.read_bytes())
    del document["arms"][0]["counts"]
    baseline.write_bytes(orjson.dumps({**document, "sha256": digest(document)}))
    assert read(baseline).tasks == ["t"]
    assert gate(baseline, run) == 3
    assert "the baseline holds the values of single samples only, from which no corpus BLEU" in capsys.readouterr().out


def test_an_answer_that_was_cut_off_counts_as_nothing_said(tmp_path: Path) -> None:
    cut = said("u0", LONG, LONG)
    cut["response"]["finish_reason"] = "length"
    run = Run.open(run_of(tmp_path / "run", SHORT, LONG, more=[cut]))
    [arm], [summary] = arms_of_run(run), summaries(run)
    assert summary.counts["truncated"] == 1
    assert arm.score == pytest.approx(summary.metrics["bleu"].value) and arm.score is not None and 50 < arm.score < 100
