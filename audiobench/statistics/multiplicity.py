"""Many tests at once: Holm keeps the chance of any false alarm, Benjamini-Hochberg the share of false alarms.

The gate uses Holm over tasks; tables of many breakdowns use Benjamini-Hochberg. Both equal statsmodels'
`multipletests` (`holm`, `fdr_bh`). Sources: Holm 1979; Benjamini & Hochberg 1995.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values in the order given; compare each with alpha. Raises ValueError outside [0, 1]."""
    order = _ascending(p_values)
    adjusted = [0.0] * len(order)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(order) - rank)))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values in the order given. Raises ValueError outside [0, 1]."""
    order = _ascending(p_values)
    adjusted = [0.0] * len(order)
    lowest = 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        lowest = min(lowest, p_values[index] * len(order) / rank)
        adjusted[index] = lowest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    for i, p in enumerate(p_values):
        if not 0 <= p <= 1:
            raise ValueError(f"p-value {i} is {p}; it must lie in [0, 1]")
    return sorted(range(len(p_values)), key=lambda i: p_values[i])
