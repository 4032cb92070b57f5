"""Two conditions of the same samples: published values, statsmodels and scipy, laws, false alarms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audiobench.statistics.paired import compare, mcnemar, sign_flips
from audiobench.statistics.power import mde_from_variance, mde_paired

NO_STATSMODELS = "statsmodels is not installed (the extra dev)"
BITS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=80)


def test_mcnemar_golden():
    assert mcnemar(10, 3) == 0.09228515625
    assert mcnemar(3, 10, "less") == 0.046142578125
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(60, 14) == pytest.approx(6.2218e-08, rel=1e-4)
    assert [mcnemar(0, 0, a) for a in ("two-sided", "less", "greater")] == [1.0] * 3
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)


def test_mcnemar_equal_to_scipy_and_statsmodels():
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason=NO_STATSMODELS)
    for gained, lost in [(0, 1), (7, 7), (12, 0), (30, 55), (700, 650), (3000, 2500), (1, 3000)]:
        for alternative in ("two-sided", "less", "greater"):
            expected = stats.binomtest(gained, gained + lost, alternative=alternative).pvalue
            assert mcnemar(gained, lost, alternative) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        expected = tables.mcnemar([[9, lost], [gained, 9]], exact=True).pvalue
        assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-9)


def test_power_golden():
    for discordance, expected in [(0.05, 2.0), (0.10, 2.8), (0.20, 4.0)]:
        assert 100 * mde_from_variance(discordance, 1000) == pytest.approx(expected, abs=0.05)
        assert mde_paired(round(1000 * discordance), 0, 1000) == pytest.approx(mde_from_variance(discordance, 1000))
        assert mde_from_variance(discordance, 4000) == pytest.approx(mde_from_variance(discordance, 1000) / 2)
    assert mde_paired(0, 0, 100) > 0  # nothing changed, but that does not make every effect visible


def test_compare_think_on_off():
    a, b = [1] * 700 + [0] * 300, [1] * 690 + [0] * 10 + [1] * 40 + [0] * 260
    result = compare(a, b)
    assert (result.n, result.gained, result.lost, result.method) == (1000, 40, 10, "mcnemar-exact")
    assert (result.a, result.b) == (0.7, 0.73)
    assert result.p == mcnemar(40, 10) and result.significant()
    assert result.interval.low > 0 and result.difference in result.interval
    assert compare(b, a).interval.low < -0.01


@given(BITS, st.booleans())
def test_swapping_the_arms_mirrors_everything(pairs, clustered):
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    clips = [i // 3 for i in range(len(pairs))] if clustered else None
    one, other = compare(a, b, clips), compare(b, a, clips)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.gained, one.lost) == (other.lost, other.gained)
    assert one.p == pytest.approx(other.p)
    assert (one.interval.low, one.interval.high) == pytest.approx((-other.interval.high, -other.interval.low))
    assert -1 <= one.interval.low <= one.difference <= one.interval.high <= 1
    assert one.interval.high > one.interval.low
    assert 0 <= one.p <= 1 and one.mde > 0


@given(BITS)
def test_a_run_against_itself_is_never_significant(pairs):
    a = [float(x) for x, _ in pairs]
    result = compare(a, a)
    assert result.p == 1.0 and result.difference == 0.0 and 0.0 in result.interval


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from([1, 2, 8]))
def test_sign_flip_equals_enumeration(units, epochs):
    values = [u / epochs for u in units]
    sums = [
        sum(s * u for s, u in zip(signs, units, strict=True)) for signs in itertools.product((1, -1), repeat=len(units))
    ]
    total = sum(units)
    for alternative, hits in {
        "two_sided": sum(abs(s) >= abs(total) for s in sums),
        "less": sum(s <= total for s in sums),
        "greater": sum(s >= total for s in sums),
    }.items():
        tails, method = sign_flips(values)
        assert getattr(tails, alternative) == pytest.approx(hits / len(sums)) and method == "sign-flip-exact"


def test_sign_flip_of_single_answers_is_mcnemar():
    assert sign_flips([1.0] * 10 + [-1.0] * 3)[0].two_sided == pytest.approx(mcnemar(10, 3))
    assert sign_flips([1.0] * 3 + [-1.0] * 10)[0].less == pytest.approx(mcnemar(3, 10, "less"))


def test_sign_flip_of_many_units_is_still_exact():
    assert sign_flips([1.0] * 1050 + [-1.0] * 950)[0].two_sided == pytest.approx(mcnemar(1050, 950), rel=1e-9)
    assert sign_flips([1.0] * 950 + [-1.0] * 1050)[0].less == pytest.approx(mcnemar(950, 1050, "less"), rel=1e-9)
    assert sign_flips([1.0] * 2000)[0].two_sided == 1e-12


def test_sampled_sign_flip_is_seeded_and_close_to_t():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.15, 1, 200)
    tails, method = sign_flips(differences)
    assert method == "sign-flip-10000" and tails == sign_flips(differences)[0]
    assert tails.two_sided == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_clips_that_flip_together_are_not_independent_evidence():
    a = [0] * 24 + [1] * 76
    b = [1] * 24 + [1] * 76
    clips = [i // 4 for i in range(100)]  # the 24 gains are 6 clips
    assert compare(a, b).p < 1e-6
    clustered = compare(a, b, clips)
    assert clustered.p == pytest.approx(2 / 2**6) and clustered.clusters == 25
    assert clustered.method == "sign-flip-exact-clustered"
    assert clustered.interval.half_width > compare(a, b).interval.half_width
    assert clustered.mde > compare(a, b).mde


def test_nothing_to_compare():
    empty = compare([], [])
    assert (empty.n, empty.p, empty.interval.method) == (0, 1.0, "none")
    assert compare([1], [0]).interval.method == "none"
    assert compare([1, 0], [0, 1], ["a", "a"]).interval.method == "none"
    with pytest.raises(ValueError, match="3 of a but 2 of b"):
        compare([1, 1, 1], [1, 1])


def test_false_alarms_of_500_null_experiments():
    """The share of null experiments called significant stays within the binomial interval of alpha."""
    rng = np.random.default_rng(7)
    plain = clustered = 0
    for _ in range(500):
        skill = rng.random(300)
        a, b = (rng.random((2, 300)) < skill).astype(float)
        plain += compare(a, b).significant()
        noise = np.repeat(rng.integers(0, 4, 75), 4)  # answers of one clip flip together in either arm
        c, d = np.where(noise == 1, 1 - a, a), np.where(noise == 2, 1 - a, a)
        clustered += compare(c, d, [i // 4 for i in range(300)]).significant()
    most = 500 * 0.05 + 2.58 * np.sqrt(500 * 0.05 * 0.95)  # 99 % binomial bound
    assert plain <= most and clustered <= most
    assert plain >= 3 and clustered >= 3  # a test that never rejects would be no test


def test_power_at_the_stated_effect():
    """At the MDE the test finds the difference in about 80 % of experiments."""
    rng = np.random.default_rng(8)
    n, discordance = 1000, 0.10
    effect = mde_from_variance(discordance, n)
    gain, loss = (discordance + effect) / 2, (discordance - effect) / 2
    found = sum(
        mcnemar(g, lost) < 0.05 for g, lost, _ in rng.multinomial(n, [gain, loss, 1 - discordance], size=500).tolist()
    )
    assert 0.72 * 500 <= found <= 0.88 * 500
