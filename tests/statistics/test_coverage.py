"""Coverage of the nominal 95 % intervals: a fast extract of benchmarks/coverage/run.py."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def bench(root):
    spec = importlib.util.spec_from_file_location("coverage_bench", root / "benchmarks" / "coverage" / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_bench"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n", [5, 10, 30, 50, 51, 55, 75, 115, 200, 500])
def test_proportion_at_the_worst_accuracy(bench, n):
    """Exact, at every true accuracy: no simulation, no lucky grid."""
    assert bench.exact_proportion(n, bench.binomial_interval)[0] >= 0.93


@pytest.mark.parametrize(
    ("family", "replicates", "stride"),
    [
        ("proportion, clustered", 300, 7),
        ("proportion over epochs", 300, 5),
        ("mean of scores", 300, 4),
        ("ratio (corpus WER)", 240, 6),
        ("paired difference, right/wrong", 2000, 1),
        ("paired difference, clustered", 300, 7),
        ("gain over budgets (scaling)", 400, 5),
        ("macro average", 1500, 1),
        ("retention (MOVER-R)", 600, 2),
        ("retention, clustered", 300, 3),
    ],
)
def test_family(bench, family, replicates, stride):
    """Every stride-th cell: none significantly below 93 % (3 standard errors), the family as a whole above it."""
    count = sum(1 for _ in bench.FAMILIES[family]())
    cells = [bench.measure(family, i, replicates) for i in range(0, count, stride)]
    for cell in cells:
        assert cell.coverage >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / cell.replicates), cell
    assert np.mean([cell.coverage for cell in cells]) >= 0.94
