"""Accuracy over thinking budget: scripted curves must be called by their name, at the stated rates."""

from __future__ import annotations

import numpy as np
import pytest

from audiobench.statistics.scaling import length_strata, scaling

BUDGETS = (0, 256, 1024, 4096)


def answers(rng: np.random.Generator, curve: tuple[float, ...], n: int, clip: int = 1) -> np.ndarray:
    """Right/wrong of n samples at each budget; samples keep some of their luck over budgets, and within a clip."""
    own, luck = rng.random((n, len(curve))), np.repeat(rng.random((n // clip, 1)), clip, axis=0)
    return (np.where(rng.random((n, len(curve))) < 0.5, luck, own) < np.array(curve)).astype(float)


@pytest.mark.parametrize(
    ("curve", "verdict"),
    [
        ((0.50, 0.57, 0.61, 0.65), "scales"),
        ((0.65, 0.61, 0.57, 0.50), "inverted"),
        ((0.60, 0.60, 0.60, 0.60), "flat"),
        ((0.45, 0.65, 0.65, 0.45), "non-monotone"),
        ((0.90, 0.60, 0.75, 0.75), "non-monotone"),  # downhill, but not because of the budget
    ],
)
def test_curves_are_called_by_their_name(curve, verdict):
    budgets = (64, 256, 1024, 4096)  # evenly spaced, so that the symmetric curve has next to no slope
    result = scaling(answers(np.random.default_rng(0), curve, 2000), budgets)
    assert result.verdict == verdict, result.reason
    assert result.gain in result.gain_interval and result.slope in result.slope_interval


def test_too_few_samples_are_inconclusive():
    result = scaling(answers(np.random.default_rng(0), (0.6,) * 4, 40), BUDGETS)
    assert result.verdict == "inconclusive-at-this-n"
    assert result.mde_gain > 0.05 and "n=40 shows gains of" in result.reason


def test_power_at_the_stated_slope():
    """A gain of the MDE from 0 to 4096 tokens is called `scales` about 80 % of the time."""
    rng = np.random.default_rng(1)
    n = 400
    gain = scaling(answers(rng, (0.6,) * 4, n), BUDGETS).mde_gain
    x = np.log2(np.array(BUDGETS) + 1)
    curve = tuple(0.6 + gain * (x - x[0]) / (x[-1] - x[0]))
    verdicts = [scaling(answers(rng, curve, n), BUDGETS).verdict for _ in range(250)]
    assert 0.70 <= verdicts.count("scales") / 250 <= 0.90
    assert verdicts.count("inverted") == 0


@pytest.mark.parametrize("clip", [1, 4])
def test_false_alarms_of_500_null_experiments(clip):
    """Where the budget does nothing, `scales` + `inverted`, and `non-monotone`, are each called at most alpha often."""
    rng = np.random.default_rng(2)
    clips = [i // clip for i in range(200)] if clip > 1 else None
    results = [scaling(answers(rng, (0.7,) * 4, 200, clip), BUDGETS, clips) for _ in range(500)]
    sloped = sum(r.verdict in ("scales", "inverted") for r in results)
    bent = sum(r.verdict == "non-monotone" or r.curvature_p < 0.05 for r in results)
    most = 500 * 0.05 + 2.58 * np.sqrt(500 * 0.05 * 0.95)  # 99 % binomial bound
    assert 3 <= sloped <= most and 3 <= bent <= most


def test_a_few_changes_are_not_overrated():
    """4 of 1000 samples improve and none gets worse: the plain t-test says p=0.046, the sign test 0.125."""
    values = [[0, 1]] * 4 + [[1, 1]] * 996
    assert scaling(values, (0, 1024)).p == pytest.approx(0.125, abs=0.03)


def test_summary_numbers():
    values = [[0, 1, 1]] * 60 + [[1, 1, 1]] * 30 + [[0, 0, 0]] * 10
    result = scaling(values, (0, 1, 3))  # log2(budget + 1) = 0, 1, 2
    assert result.accuracy == (0.3, 0.9, 0.9)
    assert result.area == pytest.approx((0.6 + 0.9) / 2)
    assert result.slope == pytest.approx(0.3) and result.gain == pytest.approx(0.6)
    assert (result.sweet_spot, result.best) == (1, 1)
    same = scaling([[1, 1, 1], [0, 0, 0]], (0, 1, 3))
    assert (same.p, same.sweet_spot, same.verdict) == (1.0, 0, "inconclusive-at-this-n")


def test_sweet_spot_prefers_the_cheaper_of_equals():
    rng = np.random.default_rng(3)
    spots = [scaling(answers(rng, (0.4, 0.7, 0.7, 0.7), 400), BUDGETS).sweet_spot for _ in range(60)]
    assert spots.count(256) >= 0.85 * 60 and spots.count(0) == 0


def test_refusals():
    with pytest.raises(ValueError, match="ascending"):
        scaling([[1, 0]], (256, 0))
    with pytest.raises(ValueError, match="each with 2 values"):
        scaling([[1, 0, 1]], (0, 256))
    with pytest.raises(ValueError, match="one row a sample"):
        scaling([], (0, 256))


def test_length_strata():
    lengths = [10, 20, 30, 40, 50, 60, 70, 80]
    strata = length_strata(lengths, [1, 1, 1, 1, 0, 1, 0, 0])
    assert [(s.shortest, s.longest, s.n, s.accuracy) for s in strata] == [
        (10, 20, 2, 1.0),
        (30, 40, 2, 1.0),
        (50, 60, 2, 0.5),
        (70, 80, 2, 0.0),
    ]
    assert len(length_strata([5] * 10, [1] * 10)) == 1  # equal lengths stay together
    assert length_strata([], []) == []
