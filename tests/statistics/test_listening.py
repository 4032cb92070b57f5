"""Does the model listen? Models whose ears are known must get the verdict that they deserve."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from audiobench.statistics.listening import (
    audio_dependent,
    audio_gain,
    option_order,
    position_bias,
    retention_interval,
    self_consistency,
)


def test_a_deaf_model_is_flagged():
    rng = np.random.default_rng(0)
    skill = rng.random(1000) < 0.4
    same = audio_gain(skill, skill, chance=0.25)
    assert (same.gain, same.retention, same.corrected_gain, same.verdict) == (0.0, 1.0, 0.0, "deaf")
    guessing = [audio_gain(*(rng.random((2, 1000)) < 0.25).astype(float), chance=0.25).verdict for _ in range(40)]
    assert guessing.count("listens") <= 4


def test_an_oracle_gains_everything():
    rng = np.random.default_rng(0)
    control = (rng.random(400) < 0.25).astype(float)
    result = audio_gain([1.0] * 400, control, chance=0.25)
    assert result.verdict == "listens"
    assert result.corrected_gain == pytest.approx(1.0, abs=0.1)
    assert result.corrected_retention == pytest.approx(0.0, abs=0.1)
    assert result.comparison.gained == 400 - control.sum() and result.comparison.lost == 0


def test_definitions():
    result = audio_gain([1] * 8 + [0] * 2, [1] * 5 + [0] * 5, chance=0.25)
    assert result.retention == pytest.approx(0.5 / 0.8)
    assert result.corrected_retention == pytest.approx(0.25 / 0.55)
    assert result.corrected_gain == pytest.approx(0.3 / 0.75)
    assert result.verdict == "inconclusive-at-this-n"
    nothing = audio_gain([0, 0], [0, 0], chance=0.25)
    assert nothing.retention is None and nothing.corrected_retention is None
    assert audio_gain([], []).corrected_gain is None
    with pytest.raises(ValueError, match="chance"):
        audio_gain([1], [1], chance=1.0)


def test_retention_interval():
    rng = np.random.default_rng(1)
    full, control = (rng.random(2000) < 0.8).astype(float), (rng.random(2000) < 0.4).astype(float)
    interval = retention_interval(full, control)
    assert 0.5 in interval and interval.half_width < 0.05
    assert retention_interval(full[:10] * 0, control[:10]).method == "none"
    assert retention_interval(full[:10], full[:10]).method == "none", "a deaf model's 100 % is no certainty"
    clustered = retention_interval(np.repeat(full[:500], 4), np.repeat(control[:500], 4), np.repeat(np.arange(500), 4))
    assert clustered.half_width == pytest.approx(retention_interval(full[:500], control[:500]).half_width, rel=0.02)


def test_a_control_that_leaves_nothing_is_no_certainty():
    """0 of 40 right under the control says: at most a few per cent, not exactly none."""
    full = [1.0] * 30 + [0.0] * 10
    interval = retention_interval(full, [0.0] * 40)
    assert interval.low == 0.0 and 0.08 < interval.high < 0.2
    clips = [i // 4 for i in range(40)]
    assert retention_interval(full, [0.0] * 40, clips).high > interval.high
    below = retention_interval([1.0] * 40, [0.0] * 40, chance=0.25)
    assert below.low == pytest.approx(-1 / 3, abs=0.08) and -1 / 3 < below.high < 0
    assert retention_interval(full, [0.0] * 40, chance=0.75).method == "none"


def test_retention_of_repeated_answers_narrows_with_epochs():
    rng = np.random.default_rng(2)
    full, control = rng.binomial(8, 0.8, 100) / 8, rng.binomial(8, 0.2, 100) / 8
    once, repeated = retention_interval(full, control), retention_interval(full, control, epochs=8)
    assert repeated.half_width < once.half_width / 2


def test_audio_dependent_subset():
    subset = audio_dependent([1, 1, 0, 1], [[1, 0, 0, 0], [0, 0, 0, 1]])
    assert (subset.n, subset.of, subset.accuracy) == (2, 4, 0.5)
    assert audio_dependent([1, 1], [[1, 1]]).accuracy is None
    with pytest.raises(ValueError, match="one value per sample"):
        audio_dependent([1, 1], [[1]])


def test_option_order():
    values = [[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]
    answers = [["dog"] * 4, ["cat", "dog", "cat", "cat"], ["cow"] * 4, [None] * 4]
    result = option_order(values, answers)
    assert result.accuracy == (0.75, 0.5, 0.75, 0.75)
    assert (result.circular, result.consistency, result.spread) == (0.5, 0.5, 0.25)
    assert result.sd == pytest.approx(0.125)
    with pytest.raises(ValueError, match="option order"):
        option_order([[1, 0], []])


def test_two_options_have_two_orders():
    """Order 2 of them is their order 0 again."""
    result = option_order([[1, 0], [1, 1, 0]], [["dog", "cat"], ["dog", "dog", "cat"]])
    assert (result.orders, result.accuracy) == (3, (1.0, 0.5, 0.5))
    assert (result.circular, result.consistency) == (0.0, 0.0)


def test_position_bias():
    always_first = position_bias([0] * 100, [4] * 100)
    assert always_first.counts == (100, 0, 0, 0) and always_first.p < 1e-10 and always_first.reliable
    chosen = [0] * 30 + [1] * 22 + [2] * 25 + [3] * 23
    result = position_bias([*chosen, None], [4] * 101)  # unparsed is no choice
    expected = stats.chisquare([30, 22, 25, 23])
    assert (result.chi2, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    mixed = position_bias([0, 1, 2, 0], [2, 2, 4, 4])
    assert mixed.expected == (1.5, 1.5, 0.5, 0.5) and not mixed.reliable
    assert position_bias([], []).p == 1.0
    with pytest.raises(ValueError, match="only 2 options"):
        position_bias([2], [2])


@pytest.mark.parametrize(("orders", "epochs"), [(1, 1), (1, 8), (4, 1), (4, 8), (2, 3)])
def test_position_bias_does_not_take_repeated_answers_for_new_ones(orders, epochs):
    """A model without a preference that says the same in every epoch: at most the nominal share of false alarms."""
    draw = np.random.default_rng(7)
    alarms = 0
    for _ in range(600):
        slots = draw.integers(0, 4, size=(50, orders))
        chosen = [int(c) for row in slots for c in row for _ in range(epochs)]
        ids = [i for i in range(50) for _ in range(orders * epochs)]
        alarms += position_bias(chosen, [4] * len(ids), ids).p < 0.05
    assert alarms / 600 < 0.05 + 2.5 * (0.05 * 0.95 / 600) ** 0.5
    assert alarms / 600 > 0.015, "nor is the test blind"


def test_position_bias_by_sample():
    chosen = [0] * 30 + [1] * 22 + [2] * 25 + [3] * 23
    once = position_bias(chosen, [4] * 100)
    again = position_bias(chosen * 8, [4] * 800, list(range(100)) * 8)
    assert (again.chi2, again.p) == pytest.approx((once.chi2, once.p)), "epochs that repeat add nothing"
    assert again.counts == tuple(8 * c for c in once.counts)
    followed = position_bias([0, 1, 2, 3] * 30, [4] * 120, [i for i in range(30) for _ in range(4)])
    assert (followed.chi2, followed.p, followed.reliable) == (0.0, 1.0, True), (
        "the text was followed through all orders"
    )
    stuck = position_bias([0] * 120, [4] * 120, [i for i in range(30) for _ in range(4)])
    assert stuck.p < 1e-10 and stuck.reliable
    few = position_bias([0] * 32, [4] * 32, [0] * 16 + [1] * 16)
    assert not few.reliable, "two samples are two samples"
    with pytest.raises(ValueError, match="offered 4 options, then 3"):
        position_bias([0, 0], [4, 3], ["a", "a"])


def test_self_consistency():
    result = self_consistency([["A", "A", "B"], ["C", "C", "C"], [None, None, "D"]], ["A", "B", "D"])
    assert result.agreement == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert result.unanimous == pytest.approx(1 / 3)
    assert result.majority_accuracy == pytest.approx(2 / 3)
    assert self_consistency([["A", "B"]]).entropy == pytest.approx(1.0)
    with pytest.raises(ValueError, match="two or more"):
        self_consistency([["A"]])
