"""Aggregations."""

from collections.abc import Sequence

def mean(arr: Sequence[float]) -> float: ...
