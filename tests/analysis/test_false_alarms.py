"""Simulated experiments without any effect: how often the verdicts of `ablate` cry wolf, and how often they miss."""

from __future__ import annotations

import numpy as np
import pytest

from audiobench.analysis.listening import verdict
from audiobench.analysis.thinking import BudgetCurve, budget_curve
from audiobench.statistics.listening import audio_gain
from tests.analysis.conftest import arm

EXPERIMENTS = 500
MOST = EXPERIMENTS * 0.05 + 2.58 * np.sqrt(EXPERIMENTS * 0.05 * 0.95)
"""Upper end of the 99 % binomial interval around a rate of 5 %."""
UNSURE = "inconclusive-at-this-n"
MODES = ("off", "budget:64", "budget:256", "budget:1024")


def answers(rng: np.random.Generator, accuracies: tuple[float, ...], n: int) -> np.ndarray:
    """Right/wrong of n samples under each condition; half of a sample's luck is its own."""
    luck, own = rng.random(n), rng.random((len(accuracies), n))
    return np.where(rng.random((len(accuracies), n)) < 0.5, luck, own) < np.array(accuracies)[:, None]


def curve(rng: np.random.Generator, accuracies: tuple[float, ...], n: int) -> BudgetCurve:
    found = budget_curve([arm(v, think) for v, think in zip(answers(rng, accuracies, n), MODES, strict=True)])
    assert found is not None
    return found


def test_a_budget_that_does_nothing_is_seldom_said_to():
    rng = np.random.default_rng(0)
    verdicts = [curve(rng, (0.7,) * 4, 80).verdict for _ in range(EXPERIMENTS)]
    alarms = verdicts.count("scales") + verdicts.count("inverted")
    assert 3 <= alarms <= MOST
    assert verdicts.count("non-monotone") <= MOST


@pytest.mark.parametrize("direction", [1, -1])
def test_a_gain_of_the_stated_size_is_found_as_often_as_stated(direction):
    """80 % power at the MDE that the curve itself prints."""
    rng = np.random.default_rng(1)
    n = 200
    gain = float(np.median([curve(rng, (0.6,) * 4, n).mde_gain for _ in range(5)]))
    x = np.log2(np.array([0, 64, 256, 1024]) + 1)
    accuracies = tuple(0.6 + direction * gain * ((x - x[0]) / (x[-1] - x[0]) - 0.5))
    verdicts = [curve(rng, accuracies, n).verdict for _ in range(150)]
    assert 0.68 <= verdicts.count("scales" if direction > 0 else "inverted") / 150 <= 0.91
    assert verdicts.count("inverted" if direction > 0 else "scales") == 0


def test_four_controls_do_not_make_a_guesser_listen():
    """Without any effect of the sound, at most 5 % of models with four controls are called `listens`."""
    rng = np.random.default_rng(2)
    verdicts, hurting = [], 0
    for _ in range(EXPERIMENTS):
        full, *controls = answers(rng, (0.4,) * 5, 60).astype(float)
        adjusted = [audio_gain(full, control, chance=0.25, level=1 - 0.05 / 4).verdict for control in controls]
        names = ("none", "silence", "noise", "swap")
        hurting += any(word == "listens" for word in adjusted)
        verdicts.append(
            verdict(dict.fromkeys(names, "inconclusive-at-this-n"), dict(zip(names, adjusted, strict=True)))
        )
    assert verdicts.count("listens") <= hurting <= MOST


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        ({"swap": "listens", "none": "deaf"}, "listens"),
        ({"noise": "listens"}, "listens"),
        ({"noise": "listens", "swap": UNSURE}, UNSURE),
        ({"noise": "listens", "swap": "deaf"}, "reacts-to-sound-only"),
        ({"silence": "listens", "none": "listens", "noise": "deaf", "swap": "deaf"}, "reacts-to-sound-only"),
        ({"silence": "listens", "noise": "deaf"}, "reacts-to-sound-only"),
        ({"silence": "listens", "noise": UNSURE}, UNSURE),
        ({"silence": "listens"}, "needs-swap-or-noise"),
        ({"none": "listens", "silence": "deaf"}, "needs-swap-or-noise"),
        ({"none": "deaf", "silence": "deaf"}, "deaf"),
        ({"none": "deaf", "swap": "deaf", "noise": "deaf", "silence": "deaf"}, "deaf"),
        ({"none": "deaf", "swap": UNSURE}, UNSURE),
        ({"none": UNSURE}, UNSURE),
        ({}, UNSURE),
    ],
)
def test_the_verdict_over_controls(controls, expected):
    """`listens` needs a control that keeps sound and takes the content, and goes by swap where there is one."""
    assert verdict(controls, controls) == expected


def test_a_gain_that_holds_at_the_nominal_level_only_is_no_verdict():
    assert verdict({"swap": "listens", "none": "deaf"}, {"swap": UNSURE, "none": "deaf"}) == UNSURE
