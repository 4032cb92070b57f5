"""Figures of sets of sounds, against analytic values and against audioldm_eval's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isnan
from typing import Any

import numpy as np
import pytest

from audiobench.core.types import Outcome
from audiobench.scorers.sound import FIGURES, LOGITS, REFERENCE_VECTOR, VECTOR
from audiobench.statistics import sounds
from audiobench.statistics.sounds import Moments, divergences, frechet, inception_splits

ONE_HOT = 50.0 * np.eye(7)


def gaussian(rng: np.random.Generator, n: int, mean: float, scale: float, width: int = 8) -> np.ndarray:
    return mean + scale * rng.standard_normal((n, width))


def tallies(name: str, made: np.ndarray, reference: np.ndarray | None = None) -> list[Any]:
    key = LOGITS if name == "inception" else VECTOR
    rows = [{key: row} | ({} if reference is None else {REFERENCE_VECTOR: reference[i]}) for i, row in enumerate(made)]
    return [FIGURES[name].tally([Outcome("scored", 0.0, detail=row)]) for row in rows]


def test_a_set_is_at_no_distance_from_itself():
    rows = gaussian(np.random.default_rng(0), 200, 1.0, 2.0)
    assert FIGURES["frechet"].of(tallies("frechet", rows, rows)) == pytest.approx(0.0, abs=1e-9)
    assert divergences(rows, rows, epsilon=0.0) == pytest.approx(np.zeros(200), abs=1e-12)


def test_gaussians_are_at_their_analytic_distance():
    """Of N(0, 1) and N(3, 2^2) in 8 dimensions: 8 x (3^2 + (2 - 1)^2) = 80; the moments are made exact first."""
    rng = np.random.default_rng(1)
    made = []
    for mean, scale in ((0.0, 1.0), (3.0, 2.0)):
        rows = gaussian(rng, 400, 0.0, 1.0)
        rows -= rows.mean(axis=0)
        whitened = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False))).T
        made.append(mean + scale * whitened)
    assert frechet(Moments.of(made[0]), Moments.of(made[1])) == pytest.approx(80.0, rel=1e-9)


def test_moments_add_up_and_a_part_is_taken_out_again():
    rng = np.random.default_rng(2)
    a, b, reference = (gaussian(rng, 60, m, 1.0) for m in (0.0, 1.0, 0.5))
    whole = Moments.of(np.concatenate([a, b]))
    of = Moments.of(reference)
    assert frechet(Moments.of(a) + Moments.of(b), of) == pytest.approx(frechet(whole, of))
    assert frechet(whole - Moments.of(b), of) == pytest.approx(frechet(Moments.of(a), of))


def test_the_inception_score_of_balanced_one_hot_labels_is_their_number():
    labels = np.tile(ONE_HOT, (30, 1))
    assert FIGURES["inception"].of(tallies("inception", labels)) == pytest.approx(7.0)
    assert FIGURES["inception"].of(tallies("inception", np.tile(ONE_HOT[:1], (30, 1)))) == pytest.approx(1.0)
    parts, _ = inception_splits(np.repeat(ONE_HOT, 40, axis=0))
    assert 5 < parts < 7, "a tenth of the set holds the labels unevenly"


def test_a_small_set_overstates_the_distance_and_the_extrapolation_takes_that_back():
    """Both sets are of one distribution, so that the true distance is 0."""
    rng = np.random.default_rng(3)
    reference = gaussian(rng, 20_000, 0.0, 1.0)
    small, large = (frechet(Moments.of(gaussian(rng, n, 0.0, 1.0)), Moments.of(reference)) for n in (40, 2000))
    assert small is not None and large is not None and small > 10 * large
    found = sounds.unbounded(gaussian(rng, 400, 0.0, 1.0), reference)
    plain = frechet(Moments.of(gaussian(rng, 400, 0.0, 1.0)), Moments.of(reference))
    assert found is not None and plain is not None and abs(found) < plain / 2
    assert sounds.unbounded(gaussian(rng, 30, 0.0, 1.0), reference) is None, "a line through 15 sounds of width 8"


def test_the_interval_holds_what_the_figure_comes_to_on_average():
    """Of 60 sets of 80 sounds, at least 85 % of the 95 % intervals hold the mean over many such sets."""
    rng = np.random.default_rng(4)
    reference = gaussian(rng, 5000, 0.5, 1.0, 4)
    draws = [
        [(gaussian(rng, 80, 0.0, 1.2, 4), reference[rng.integers(0, len(reference), 80)]) for _ in range(60)]
        for _ in range(2)
    ]
    metric = FIGURES["frechet"]
    values = [metric.of(tallies("frechet", *pair)) for pair in draws[0]]
    centre = float(np.mean([value for value in values if value is not None]))
    covered = [centre in metric.interval(tallies("frechet", *pair)) for pair in draws[1]]
    assert np.mean(covered) >= 0.85
    assert not metric.interval(tallies("frechet", *(part[:5] for part in draws[0][0]))).known


def test_two_models_are_compared_on_the_same_sounds():
    rng = np.random.default_rng(5)
    reference = gaussian(rng, 120, 0.0, 1.0)
    near, far = reference + 0.1 * rng.standard_normal(reference.shape), reference + 2.0
    metric = FIGURES["frechet"]
    found = metric.difference([tallies("frechet", near, reference)], [tallies("frechet", far, reference)])
    assert found.difference == pytest.approx(32.0, abs=1.0) and found.interval.low > 0 and found.p < 0.001
    same = metric.difference([tallies("frechet", near, reference)], [tallies("frechet", near, reference)])
    assert same.difference == 0.0 and same.p == 1.0


# ---- audioldm_eval -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golden(shared: Any) -> Iterator[tuple[list[dict[str, Any]], Any]]:
    folder = shared / "golden" / "more"
    rows = [json.loads(line) for line in (folder / "audioldm_eval.jsonl").read_text("utf-8").splitlines()]
    with np.load(folder / "audioldm_arrays.npz") as arrays:
        yield rows, arrays


def test_frechet_distances_are_audioldm_evals(golden: Any):
    rows, arrays = golden
    checked = 0
    for row in rows:
        asked, said = row["input"], row["official"]
        names = (
            asked.get("generated") or asked.get("featuresdict_1"),
            asked.get("target") or asked.get("featuresdict_2"),
        )
        if "frechet" not in asked["fn"].lower() and asked["fn"] != "calculate_fid":
            continue
        value = said.get("result", said) if isinstance(said, dict) else said
        ours = frechet(*(Moments.of(arrays[name]) for name in names))
        if not isinstance(value, dict):  # -1, or an error: theirs found no distance
            assert ours is None, row["id"]
            continue
        (theirs,) = value.values()
        assert ours == pytest.approx(theirs, rel=1e-6, abs=2e-6), row["id"]
        checked += 1
    assert checked >= 20


def test_divergences_are_audioldm_evals(golden: Any):
    rows, arrays = golden
    checked = 0
    for row in rows:
        asked, said = row["input"], row["official"]
        if asked["fn"] != "calculate_kl" or not asked["paths"].startswith("same names"):
            continue
        made, reference = arrays[asked["featuresdict_1"]], arrays[asked["featuresdict_2"]]
        n = min(len(made), len(reference))
        ours = float(divergences(reference[:n], made[:n]).mean())
        theirs = said["metrics"]["kullback_leibler_divergence_softmax"]  # in float32
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-7), row["id"]
        checked += 1
    assert checked >= 6


def test_inception_scores_are_audioldm_evals(golden: Any):
    rows, arrays = golden
    checked = 0
    for row in rows:
        asked, said = row["input"], row["official"]
        if asked["fn"] != "calculate_isc":
            continue
        logits = arrays[asked["features"]]
        theirs = said["inception_score_mean"]
        if not asked["samples_shuffle"]:
            ours = FIGURES["inception"].of(tallies("inception", logits))
            assert ours == pytest.approx(theirs, rel=1e-6)
        elif asked["features"] != "log_inf":
            ours, spread = inception_splits(logits, asked["splits"], asked["rng_seed"])
            if theirs == "nan":
                assert isnan(ours)
            else:
                assert (ours, spread) == pytest.approx((theirs, said["inception_score_std"]), rel=1e-6, abs=1e-9)
        checked += 1
    assert checked >= 12
