"""What the gate decides, and how often it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiobench.gate.arms import Arm
from audiobench.gate.baseline import Baseline, Model
from audiobench.gate.checks import evaluate
from audiobench.gate.policy import Policy
from audiobench.gate.verdict import Verdict
from audiobench.statistics.paired import mcnemar
from tests.gate.runs import arm


def gate(before: Sequence[Arm], after: Sequence[Arm], **policy: object) -> Verdict:
    return evaluate(Baseline(Model(name="m"), "", list(before), ""), list(after), Policy.model_validate(policy))


def letters(right: np.ndarray) -> list[str]:
    return ["1" if ok else "0" for ok in right]


@st.composite
def runs(draw: st.DrawFn) -> list[Arm]:
    """Runs of any tasks, conditions, epochs, clusters and endings, without failures."""
    arms = []
    for task in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        n, epochs = draw(st.integers(1, 40)), draw(st.integers(1, 3))
        clips = draw(st.none() | st.lists(st.sampled_from(["x", "y", "z"]), min_size=n, max_size=n))
        for think in draw(st.sampled_from([["default"], ["on", "off"], ["off"]])):
            rows = draw(st.lists(st.text("01utr", min_size=epochs, max_size=epochs), min_size=n, max_size=n))
            arms.append(arm(rows, task=task, think=think, clusters=clips))
    return arms


@settings(max_examples=60)
@given(runs(), st.floats(0, 0.2), st.floats(0.001, 0.5))
def test_a_run_never_fails_against_itself(run: list[Arm], margin: float, alpha: float) -> None:
    verdict = gate(run, run, margin=f"{100 * margin}pp", gain_margin=0, max_unparsed_increase=0, alpha=alpha)
    assert int(verdict.exit_code) == 0, verdict.level


@settings(max_examples=40)
@given(runs())
def test_a_run_that_answers_everything_right_is_never_worse(run: list[Arm]) -> None:
    perfect = [arm(["1" * a.epochs] * len(a.rows), task=a.task, think=a.condition.think) for a in run]
    # the gain of thinking may fall, since without thinking it is perfect too
    assert int(gate(run, perfect, think_gain="off").exit_code) == 0


def simulate(replicates: int, n: int, drop: float, *, discordance: float, tasks: int = 1, seed: int = 0) -> float:
    """Share of gates that fail, over `tasks` tasks of n samples that all drop by `drop`."""
    rng = np.random.default_rng(seed)
    failed = 0
    for _ in range(replicates):
        before, after = [], []
        for t in range(tasks):
            old = rng.random(n) < 0.78
            lose, gain = (discordance + drop) / 2 / 0.78, (discordance - drop) / 2 / 0.22
            draw = rng.random(n)
            new = np.where(old, draw >= lose, draw < gain)
            before.append(arm(letters(old), task=f"t{t}"))
            after.append(arm(letters(new), task=f"t{t}"))
        failed += int(gate(before, after).exit_code) == 1
    return failed / replicates


@pytest.mark.parametrize(("n", "tasks"), [(200, 1), (1000, 1), (100, 5)])
def test_false_alarms_are_at_most_alpha(n: int, tasks: int) -> None:
    replicates = 600 if tasks == 1 and n < 1000 else 200
    rate = simulate(replicates, n, 0.0, discordance=0.12, tasks=tasks)
    assert rate <= 0.05 + 2 * (0.05 * 0.95 / replicates) ** 0.5


def test_a_drop_of_five_points_is_found_at_a_thousand_samples() -> None:
    assert simulate(60, 1000, 0.05, discordance=0.12) >= 0.95


def test_the_stated_effect_is_found_as_often_as_stated() -> None:
    """The minimum detectable effect of the report is found in about 80 % of the runs."""
    rng = np.random.default_rng(1)
    old = rng.random(600) < 0.78
    same = np.where(rng.random(600) < 0.1, ~old, old)
    measured = gate([arm(letters(old))], [arm(letters(same))]).items[0].measured
    assert measured is not None
    rate = simulate(200, 600, measured.mde, discordance=0.1)
    assert 0.70 <= rate <= 0.92


def test_false_alarms_when_clips_are_shared() -> None:
    """Ten questions a clip that rise and fall together: unclustered, a third of these gates would fail."""
    rng = np.random.default_rng(2)
    failed = naive = 0
    for _ in range(200):
        clips = np.repeat(np.arange(20), 10)
        old = np.ones(200, bool)
        wrong = rng.random(20)
        old[np.isin(clips, np.flatnonzero(wrong < 0.2))] = False
        new = np.ones(200, bool)
        new[np.isin(clips, np.flatnonzero((wrong > 0.1) & (wrong < 0.3)))] = False
        keys = [str(c) for c in clips]
        before, after = arm(letters(old), clusters=keys), arm(letters(new), clusters=keys)
        failed += int(gate([before], [after]).exit_code) == 1
        naive += mcnemar(int((new & ~old).sum()), int((old & ~new).sum()), "less") < 0.05
    assert failed / 200 <= 0.08
    assert naive / 200 > 0.25


def test_significant_but_within_the_margin_passes() -> None:
    before, after = arm(["1"] * 5000), arm(["0"] * 30 + ["1"] * 4970)
    assert gate([before], [after]).level in ("pass", "warn")
    assert gate([before], [after], margin="0.5pp").level == "regression"


def test_large_but_not_significant_passes_with_a_warning_and_fails_with_require_power() -> None:
    before, after = arm(["1"] * 30), arm(["0", "0"] + ["1"] * 28)
    verdict = gate([before], [after])
    assert verdict.level == "warn"
    assert any("cannot detect a drop below" in text for text in verdict.items[0].messages("warn"))
    assert int(gate([before], [after], require_power=True).exit_code) == 1


def test_an_improvement_passes_and_suggests_a_new_baseline() -> None:
    before, after = arm(["0"] * 30 + ["1"] * 170), arm(["1"] * 200)
    verdict = gate([before], [after])
    assert int(verdict.exit_code) == 0
    assert any("--update-baseline" in check.message for check in verdict.items[0].checks)


def test_more_unparsed_answers_are_a_regression_even_at_the_same_score() -> None:
    before, after = arm(["1"] * 150 + ["0"] * 50), arm(["1"] * 150 + ["u"] * 50)
    verdict = gate([before], [after])
    assert verdict.items[0].level == "regression"
    assert {c.name: c.level for c in verdict.items[0].checks}["score"] == "pass"


def test_the_absolute_floor() -> None:
    same = arm(["1"] * 60 + ["0"] * 40)
    assert gate([same], [same], min_score="70%").level == "regression"
    assert gate([same], [same], tasks={"t": {"min_score": "50%"}}).exit_code == 0


def test_losing_the_benefit_of_thinking_is_a_regression() -> None:
    """No score drops by itself, yet thinking does not help any more: off has caught up."""
    off, on = ["1"] * 140 + ["0"] * 60, ["1"] * 170 + ["0"] * 30
    before = [arm(on, think="on"), arm(off, think="off")]
    after = [arm(on, think="on"), arm(on, think="off")]
    verdict = gate(before, after)
    kinds = {item.kind: item.level for item in verdict.items if item.level == "regression"}
    assert kinds == {"think_gain": "regression"}
    gain = next(item.measured for item in verdict.items if item.kind == "think_gain")
    assert gain is not None
    assert (gain.baseline, gain.candidate) == (pytest.approx(0.15), pytest.approx(0.0))
    assert gain.ci[0] < -0.15 < gain.ci[1] < 0
    assert int(gate(before, after, think_gain="warn").exit_code) == 0
    assert all(item.kind == "score" for item in gate(before, after, think_gain="off").items)


def test_epochs_are_averaged_per_sample() -> None:
    before, after = arm(["11"] * 40), arm(["10"] * 40)
    measured = gate([before], [after]).items[0].measured
    assert measured is not None
    assert (measured.n, measured.difference) == (40, pytest.approx(-0.5))
    assert measured.method.startswith("sign-flip")


def test_tests_that_cannot_fail_do_not_weaken_the_others() -> None:
    """Nine unchanged tasks beside one that dropped: its p is not multiplied by ten."""
    quiet = [arm(["1"] * 50, task=f"q{i}") for i in range(9)]
    before, after = arm(["1"] * 100, task="t"), arm(["0"] * 6 + ["1"] * 94, task="t")
    (found,) = [item for item in gate([*quiet, before], [*quiet, after]).items if item.task == "t"]
    assert found.measured is not None
    assert found.measured.p_adjusted == pytest.approx(2**-6)


def test_holm_counts_every_test_that_could_fail() -> None:
    before = [arm(["1"] * 100, task=name) for name in "abcd"]
    after = [arm(["0"] * 6 + ["1"] * 94, task=name) for name in "abcd"]
    for item in gate(before, after).items:
        assert item.measured is not None and item.measured.p_adjusted == pytest.approx(4 * 2**-6)
