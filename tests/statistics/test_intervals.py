"""Intervals of one score: published values, statsmodels, laws, coverage."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audiobench.statistics.clusters import cluster_sums, jackknife_se
from audiobench.statistics.distributions import beta_quantile, t_quantile, t_two_sided
from audiobench.statistics.intervals import clopper_pearson, mean, proportion, ratio, wilson
from audiobench.statistics.paired import paired_difference

NO_STATSMODELS = "statsmodels is not installed (the extra dev)"
VALUES = [1, 1, 0, 0, 1, 0, 1, 1]
CLIPS = [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0, 0.277533), (10, 10, 0.722467, 1), (777, 1000, 0.750168, 0.801712), (987, 1000, 0.977886, 0.992387)],
)
def test_wilson_golden(k, n, low, high):
    interval = wilson(k, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-7), pytest.approx(high, abs=5e-7))


def test_clustered_golden():
    small = proportion(VALUES, CLIPS)
    assert (small.low, small.high) == (pytest.approx(0.117789, abs=5e-7), pytest.approx(0.954139, abs=5e-7))
    blocks = proportion([1.0] * 60 + [0.0] * 40, [i // 4 for i in range(100)])
    assert (blocks.low, blocks.high) == (pytest.approx(0.394130, abs=5e-7), pytest.approx(0.775723, abs=5e-7))
    assert blocks.method == "wilson-clustered"
    assert jackknife_se(cluster_sums([1.0] * 60 + [0.0] * 40, [i // 4 for i in range(100)])) == pytest.approx(0.1)


def test_one_value_a_cluster_is_no_clustering():
    values = [float(i % 3 > 0) for i in range(90)]
    assert proportion(values, range(90)) == proportion(values) == wilson(60, 90)


def test_equal_to_statsmodels():
    api = pytest.importorskip("statsmodels.api", reason=NO_STATSMODELS)
    confint = pytest.importorskip("statsmodels.stats.proportion", reason=NO_STATSMODELS).proportion_confint
    for k, n in [(0, 7), (1, 7), (5, 8), (50, 100), (999, 1000), (1000, 1000), (33333, 100000)]:
        for level in (0.8, 0.95, 0.99):
            expected = confint(k, n, alpha=1 - level, method="wilson")
            assert (wilson(k, n, level).low, wilson(k, n, level).high) == pytest.approx(expected, abs=1e-9)
            expected = confint(k, n, alpha=1 - level, method="beta")
            ours = clopper_pearson(k, n, level)
            assert (ours.low, ours.high) == pytest.approx([np.nan_to_num(expected[0]), expected[1]], abs=1e-9)
    rng = np.random.default_rng(0)
    values, clips = rng.random(300), rng.permutation(np.repeat(np.arange(60), 5))
    fit = api.OLS(values, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": clips, "use_correction": True})
    assert jackknife_se(cluster_sums(values.tolist(), clips.tolist())) == pytest.approx(fit.bse[0], abs=1e-9)


def test_quantiles_equal_scipy():
    for df in (1, 2.5, 3, 24, 999, 1e6):
        for q in (0.001, 0.025, 0.5, 0.9, 0.975, 0.9999):  # lgamma costs digits at large df
            assert t_quantile(q, df) == pytest.approx(stats.t.ppf(q, df), rel=1e-8, abs=1e-9)
        for t in (0.0, 0.3, -2.0, 5.0, 40.0):
            assert t_two_sided(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-8, abs=1e-300)
    for a, b in [(1, 10), (3, 998), (0.5, 7.2), (900, 101)]:
        for q in (0.001, 0.025, 0.5, 0.975):
            assert beta_quantile(q, a, b) == pytest.approx(stats.beta.ppf(q, a, b), abs=1e-10)


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.8, 0.95, 0.99]))
def test_proportion_contains_its_estimate(right, wrong, level):
    interval = proportion([1.0] * right + [0.0] * wrong, level=level)
    assert 0 <= interval.low <= interval.high <= 1
    if right + wrong:
        assert right / (right + wrong) in interval
        assert interval.high > interval.low  # never "plus or minus nothing"
        mirror = proportion([0.0] * right + [1.0] * wrong, level=level)
        assert (mirror.low, mirror.high) == pytest.approx((1 - interval.high, 1 - interval.low))
        plain = wilson(right, right + wrong, level)
        assert interval.low <= plain.low and plain.high <= interval.high


@given(st.lists(st.tuples(st.sampled_from([0, 0.25, 0.5, 1]), st.integers(0, 8)), min_size=1, max_size=60))
def test_clustered_proportion_contains_its_estimate(pairs):
    values, clips = [v for v, _ in pairs], [c for _, c in pairs]
    interval = proportion(values, clips)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low - 1e-12 <= sum(values) / len(values) <= interval.high + 1e-12
    assert math.isfinite(interval.low) and interval.high > interval.low


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 9))
def test_more_of_the_same_data_narrows(right, wrong, factor):
    few = wilson(right, right + wrong)
    assert wilson(right * factor, (right + wrong) * factor).half_width < few.half_width


def test_nothing_and_almost_nothing():
    for interval in (wilson(0, 0), proportion([]), proportion([1, 0], ["a", "a"]), mean([]), ratio([], [])):
        assert (interval.low, interval.high, interval.method) == (0.0, 1.0, "none")
    assert mean([3.0, 4.0]).method == "none"
    assert mean([4.0] * 100).method == "none"  # no spread: nothing to judge by
    assert proportion([1]).low == pytest.approx(0.025)
    assert jackknife_se(cluster_sums([1.0, 0.0], ["a", "a"])) == 0.0


def test_all_right_counts_each_clip_once():
    clips = [i // 4 for i in range(400)]
    assert proportion([1.0] * 400, clips).low < wilson(100, 100).low < wilson(400, 400).low


def test_refusals():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        proportion([0.5, 1.2])
    with pytest.raises(ValueError, match="NaN"):
        proportion([0.5, float("nan")])
    with pytest.raises(ValueError, match="3 keys for 2 values"):
        proportion([0, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson(5, 4)
    with pytest.raises(ValueError, match="level"):
        wilson(1, 4, 95)
    with pytest.raises(ValueError, match="negative"):
        ratio([1, -1], [3, 3])


def test_epochs_narrow_only_as_far_as_questions_allow():
    rng = np.random.default_rng(1)
    coin = rng.binomial(8, 0.5, 200) / 8  # every question a coin: 8 epochs are 8 times the data
    settled = (rng.random(200) < 0.5).astype(float)  # every question settled: epochs add nothing
    once = wilson(100, 200).half_width
    assert proportion(coin, epochs=8).half_width == pytest.approx(once / math.sqrt(8), rel=0.15)
    assert proportion(settled, epochs=8).half_width == pytest.approx(once, rel=0.05)


def test_bootstrap_is_seeded_and_close_to_scipy():
    rng = np.random.default_rng(2)
    words = rng.integers(5, 31, 300)
    edits = rng.poisson(rng.gamma(0.5, 0.16, 300) * words)
    ours = ratio(edits, words, seed=3)
    assert ours == ratio(edits, words, seed=3) != ratio(edits, words, seed=4)
    assert edits.sum() / words.sum() in ours
    theirs = stats.bootstrap(
        (edits, words),
        lambda e, w, axis=-1: e.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=3000,
        random_state=rng,
    ).confidence_interval
    assert ours.low < theirs.low + 0.002 and theirs.high - 0.002 < ours.high
    assert ours.half_width < 1.25 * (theirs.high - theirs.low) / 2


def test_no_errors_is_not_certainty():
    interval = ratio([0] * 50, [10] * 50)
    assert interval.low == 0 and 0.01 < interval.high < 0.1


def test_wilson_needs_no_heavy_import():
    code = (
        "import sys; from audiobench.statistics.intervals import proportion; "
        "proportion([1, 0] * 50); proportion([1, 0] * 50, list(range(50)) * 2); "
        "print([m for m in ('numpy', 'scipy', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize(
    "sizes",
    [[300] + [1] * 10, [95, 5], [75, 25], [100, 10, 10], [1001]],
    ids=["one clip of 300 and ten of 1", "95 and 5", "75 and 25", "100, 10 and 10", "one clip"],
)
def test_where_one_clip_dominates_no_interval_is_stated(sizes):
    keys = [clip for clip, size in enumerate(sizes) for _ in range(size)]
    values = [float(i % 2) for i in range(len(keys))]
    assert proportion(values, keys).method == "none"
    assert paired_difference(values, values[::-1], keys).method == "none"


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), min_size=2, max_size=12).filter(
        lambda clips: len({share for _, share in clips}) > 1
    )
)
def test_a_clustered_interval_that_is_stated_has_a_width(clips):
    keys = [clip for clip, (size, _) in enumerate(clips) for _ in range(size)]
    values = [float(i < round(share * size)) for size, share in clips for i in range(size)]
    interval = proportion(values, keys)
    assert interval.method == "none" or interval.high > interval.low


def test_the_jackknife_equals_the_clustered_error_for_clips_of_one_size_and_exceeds_it_where_one_is_large():
    def clustered(groups):
        n, count = sum(m for _, m in groups), len(groups)
        centre = sum(s for s, _ in groups) / n
        return math.sqrt(sum((s - m * centre) ** 2 for s, m in groups) * count / (count - 1)) / n

    even = [(3.0, 5.0), (5.0, 5.0), (1.0, 5.0)]
    assert jackknife_se(even) == pytest.approx(clustered(even), rel=1e-12)
    uneven = [(40.0, 50.0), (1.0, 5.0), (4.0, 5.0), (2.0, 5.0)]
    assert jackknife_se(uneven) > 1.5 * clustered(uneven)


def test_one_utterance_that_holds_nearly_every_word_allows_no_interval_of_a_rate():
    found = ratio([50] + [1] * 40, [100_000] + [10] * 40)
    assert found.method == "none" and math.isfinite(found.high)
