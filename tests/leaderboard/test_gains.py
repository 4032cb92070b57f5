"""What thinking brings, of metrics that are no mean over samples; and which of two runs of one thing is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audiobench.analysis.arms import arms_of, common
from audiobench.analysis.measure import difference
from audiobench.cli import main
from audiobench.leaderboard.board import make_board
from audiobench.leaderboard.page import html
from audiobench.results.runs import Run
from tests.gate.runs import answers, record, write_run

LONG = " ".join(f"word{i}" for i in range(40))


def text_task(scorer: str, metric: str) -> dict[str, Any]:
    return {"extraction": ["full_text"], "scorer": scorer, "metric_list": [{"metric": metric}], "chance": "none"}


def said(sample: str, target: str, text: str, think: str) -> dict[str, Any]:
    line = record(sample, text, think=think)
    line["sample"].update(choices=[], target=target)
    return line


def mostly_short(folder: Path, scorer: str, metric: str) -> Path:
    """8 short samples that are right without thinking only, 8 long ones that are right with thinking only."""
    lines = []
    for i in range(8):
        lines += [
            said(f"s{i:02}", "one two three four", t, k) for k, t in (("off", "one two three four"), ("on", "no"))
        ]
        lines += [said(f"t{i:02}", LONG, text, think) for think, text in (("off", f"{LONG[:60]} x"), ("on", LONG))]
    return write_run(folder, {"t": lines}, spec=text_task(scorer, metric))


@pytest.mark.parametrize(("scorer", "metric", "scale"), [("bleu", "bleu", 1), ("wer", "wer", 100)])
def test_the_gain_of_a_pooled_metric_is_the_difference_of_its_scores(
    tmp_path: Path, scorer: str, metric: str, scale: int
) -> None:
    run = Run.open(mostly_short(tmp_path / "run", scorer, metric))
    rows = {row.condition.think: row for row in make_board([tmp_path]).measured}
    gain = rows["on"].gains["t"]
    assert gain.value == pytest.approx(rows["on"].cells["t"].value - rows["off"].cells["t"].value)
    assert (gain.value > 0) == (metric == "bleu")
    off, on = arms_of(run, run.tasks["t"])
    found = difference(off, on, common([off, on]))
    low, high = scale * found.interval.low, scale * found.interval.high
    assert (gain.low, gain.high) == (pytest.approx((low, high)) if metric == "bleu" else (None, None))
    assert gain.p == found.p


def test_tasks_with_prompts_of_different_names_have_paired_gains(tmp_path: Path) -> None:
    """Together and alone a task has the same gain, with the same interval."""

    def lines(prompt: str, right: int) -> list[dict[str, Any]]:
        both = [line for k in ("off", "on") for line in answers([i < (right if k == "on" else 20) for i in range(60)], think=k)]  # fmt: skip
        return [{**line, "condition": {**line["condition"], "prompt": prompt}} for line in both]

    write_run(tmp_path / "run", {"a": lines("short", 40), "b": lines("official", 50), "c": lines("short", 45)})
    together = {row.condition.think: row for row in make_board([tmp_path]).measured}["on"]
    for task in "abc":
        alone = {row.condition.think: row for row in make_board([tmp_path], tasks=[task]).measured}["on"]
        assert together.gains[task].paired and together.gains[task] == alone.gains[task]
    assert together.average_gain is not None and together.average_gain.paired


def test_conditions_can_be_chosen_and_keep_their_gain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table for a paper has the rows that were named, and no silence; the gain over thinking off stays."""
    silent = [
        {**line, "condition": {**line["condition"], "audio": "silence"}} for line in answers([0] * 30, think="on")
    ]
    lines = [*answers([1] * 30, think="on"), *answers([i < 20 for i in range(30)], think="off"), *silent]
    run = write_run(tmp_path / "a:b" / "run", {"t": lines})
    for command, extra in (("leaderboard", ["--format", "csv"]), ("report", ["--format", "csv"])):
        assert main([command, f"{run}:on,full", *extra]) == 0
        shown = capsys.readouterr().out
        assert "think=off" not in shown and "silence" not in shown and "100.0" in shown
        assert main([command, f"{run}:noise"]) == 2
        assert main([command, f"{run}:loud"]) == 2
        assert "'loud' is not a condition" in capsys.readouterr().err
    (row,) = make_board([(run, {"think": "on", "audio": "full"})]).measured
    assert row.gains["t"].paired and row.gains["t"].value == pytest.approx(100 / 3)


def test_fewer_word_errors_are_shown_as_good(tmp_path: Path) -> None:
    lines = [said(f"s{i:02}", LONG, text, k) for i in range(40) for k, text in (("off", LONG[: 90 + i]), ("on", LONG))]
    write_run(tmp_path / "run", {"t": lines}, spec=text_task("wer", "wer"))
    assert 'thinking <b class="good">-' in html(make_board([tmp_path]))


def test_answers_that_thought_though_they_should_not_are_named(tmp_path: Path) -> None:
    lines = answers([1] * 20, think="off")
    for line in lines[:7]:
        line["response"]["reasoning"] = "Let me listen."
    write_run(tmp_path / "run", {"t": lines})
    board = make_board([tmp_path])
    assert board.notes == ["m, t, think=off audio=full: 7 of 20 responses hold reasoning"]


def test_of_two_runs_of_one_day_the_later_one_is_shown(tmp_path: Path) -> None:
    for name, right, moment in (("a_old", False, 1.7e9), ("b_new", True, 1.7e9 + 600)):
        write_run(tmp_path / name, {"t": answers([right] * 20)}, info={"created": moment, "updated": moment})
    board = make_board([tmp_path])
    assert board.measured[0].cells["t"].value == 100.0
    assert board.notes[:1] == [
        f"m, t, think=default audio=full: {tmp_path / 'b_new'} is shown, not {tmp_path / 'a_old'} (older)"
    ]
