"""Many tests, many answers, many tasks: multiplicity, pass@k, macro averages and ranks."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiobench.statistics.intervals import Interval, proportion, wilson
from audiobench.statistics.macro import macro_average, rank_ranges, standard_error
from audiobench.statistics.multiplicity import benjamini_hochberg, holm
from audiobench.statistics.passk import maj_at_k, majority, pass_at_k, pass_hat_k

NO_STATSMODELS = "statsmodels is not installed (the extra dev)"
P_VALUES = st.lists(st.floats(0, 1), max_size=30)


def test_multiplicity_golden():
    p = [0.01, 0.04, 0.03, 0.005, 0.2]
    assert holm(p) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert benjamini_hochberg(p) == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.2])
    assert holm([]) == benjamini_hochberg([]) == []
    with pytest.raises(ValueError, match="p-value 1"):
        holm([0.5, 1.5])


@given(P_VALUES)
def test_multiplicity_laws(p):
    strict, lenient = holm(p), benjamini_hochberg(p)
    assert all(raw <= b + 1e-15 <= h + 2e-15 and h <= 1 for raw, b, h in zip(p, lenient, strict, strict=True))
    for adjusted in (strict, lenient):
        in_order = [a for _, a in sorted(zip(p, adjusted, strict=True))]
        assert in_order == sorted(in_order)


def test_multiplicity_equal_to_statsmodels():
    multipletests = pytest.importorskip("statsmodels.stats.multitest", reason=NO_STATSMODELS).multipletests
    rng = random.Random(0)
    for size in range(1, 30):
        p = [round(rng.random() ** 3, 2) for _ in range(size)]  # rounded, so that there are ties
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-9)
        assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1].tolist(), abs=1e-9)


def test_pass_at_k_golden():
    assert pass_at_k(10, 3, 5) == pytest.approx(0.9166667, abs=1e-7)
    assert (pass_at_k(8, 0, 4), pass_at_k(8, 8, 4), pass_hat_k(8, 8, 4), pass_hat_k(8, 3, 4)) == (0, 1, 1, 0)
    with pytest.raises(ValueError, match="k=9"):
        pass_at_k(8, 2, 9)
    with pytest.raises(ValueError, match="c=9"):
        pass_hat_k(8, 9, 2)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_equals_enumeration(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([1] * c + [0] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))
    assert pass_hat_k(n, c, k) == pytest.approx(sum(all(s) for s in subsets) / len(subsets))
    assert pass_hat_k(n, c, k) <= pass_at_k(n, c, k) + 1e-12


def test_majority():
    assert majority(["B", "A", "A", None, None, None]) == "A"
    assert majority(["B", "A"]) == "B" and majority([None]) is None and majority([]) is None
    assert maj_at_k(["A", "A", "B"], "A") == 1.0
    assert maj_at_k(["A", "B"], "A") == 0.5
    assert maj_at_k(["A", "A", "B"], "A", k=1) == pytest.approx(2 / 3)
    assert maj_at_k([None, None], "A") == 0.0
    with pytest.raises(ValueError, match="k=3"):
        maj_at_k(["A"], "A", 3)
    with pytest.raises(ValueError, match="too many"):
        maj_at_k(["A"] * 64, "A", 16)


def test_macro_average():
    tasks = [(90, 100), (700, 1000), (20, 20)]
    intervals = [proportion([1.0] * k + [0.0] * (n - k)) for k, n in tasks]
    mean, interval = macro_average([k / n for k, n in tasks], intervals)
    assert mean == pytest.approx((0.9 + 0.7 + 1.0) / 3) and mean in interval and interval.method == "macro"
    assert interval.high - mean < mean - interval.low  # the 20 of 20 can only be worse
    big = [wilson(7000, 10000)] * 4
    assert standard_error(macro_average([0.7] * 4, big)[1]) == pytest.approx((0.7 * 0.3 / 10000) ** 0.5 / 2, rel=1e-3)
    assert macro_average([], [])[1].method == "none"
    assert macro_average([0.5], [Interval(0, 1, "none")])[1].method == "none"


def test_rank_ranges():
    scores = [Interval(0.80, 0.90, ""), Interval(0.70, 0.85, ""), Interval(0.60, 0.69, ""), Interval(0.1, 0.2, "")]
    assert rank_ranges(scores) == [(1, 2), (1, 2), (3, 3), (4, 4)]
    assert rank_ranges(scores, higher_is_better=False) == [(3, 4), (3, 4), (2, 2), (1, 1)]
    assert rank_ranges([]) == []
