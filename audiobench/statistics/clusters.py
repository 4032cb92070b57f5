"""Samples that share a clip: sums, standard errors and degrees of freedom of clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from math import sqrt
from typing import TypeVar

FEWEST_EFFECTIVE = 2.0
"""Fewest effective clusters for an interval: where one clip holds nearly every value, the others say too little."""

Cluster = TypeVar("Cluster", bound=Hashable)


def shared_clusters(keys: Sequence[Cluster]) -> Sequence[Cluster] | None:
    """The cluster of each unit; None where no two units share one, so that they count as independent."""
    return keys if len(set(keys)) < len(keys) else None


def jackknife_se(groups: Sequence[tuple[float, float]]) -> float:
    """Standard error of the mean from (sum, count) of each cluster, by leaving out one cluster at a time.

    Equal to the usual clustered error, sqrt(sum of squared residual sums) / n times sqrt(C / (C - 1)), for C clusters of
    equal size. Where sizes differ, a large cluster pulls the mean towards itself and that comes out too small; the
    jackknife (CR3 in MacKinnon, Nielsen & Webb 2023) does not. 0.0 for fewer than two clusters that have values.
    """
    n = sum(m for _, m in groups)
    count = len(groups)
    if count < 2:
        return 0.0
    centre = sum(s for s, _ in groups) / n
    squares = sum(((s - m * centre) / (1 - m / n)) ** 2 for s, m in groups if m < n)
    return sqrt(squares * (count - 1) / count) / n


def degrees_of_freedom(sizes: Sequence[float]) -> float:
    """Effective number of clusters minus one, that is C - 1 for clusters of equal size.

    0.0 for fewer than `FEWEST_EFFECTIVE`, which allow no statement.
    """
    found = effective_clusters(sizes)
    return found - 1 if found >= FEWEST_EFFECTIVE - 1e-9 else 0.0


def effective_clusters(sizes: Sequence[float]) -> float:
    """(sum m)^2 / sum m^2: how many clusters of equal size say as much (Kish 1965); 0.0 without any value.

    Ten clusters of equal size count as 10; one of 300 values and ten of one value as 1.07.
    """
    squares = sum(m * m for m in sizes)
    return sum(sizes) ** 2 / squares if squares else 0.0


def cluster_sums(values: Sequence[float], clusters: Iterable[Hashable]) -> list[tuple[float, int]]:
    """(sum, count) of each cluster, in order of first appearance. Raises ValueError when the lengths differ."""
    keys = list(clusters)
    if len(keys) != len(values):
        raise ValueError(f"clusters: {len(keys)} keys for {len(values)} values")
    sums: dict[Hashable, tuple[float, int]] = {}
    for key, value in zip(keys, values, strict=True):
        total, count = sums.get(key, (0.0, 0))
        sums[key] = (total + value, count + 1)
    return list(sums.values())
