"""Several answers to one question: pass@k, pass^k, majority vote.

All are unbiased estimates from n >= k answers of one question; average them over questions. Source: Chen et al. 2021,
arXiv 2107.03374 (pass@k); the other two follow from the same counting argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that at least one of k answers is right, when c of n drawn answers were: 1 - C(n-c, k) / C(n, k).

    Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check(n, c, k)
    return 1 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """Chance that all of k answers are right (reliability, pass^k): C(c, k) / C(n, k).

    Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check(n, c, k)
    return comb(c, k) / comb(n, k)


def majority(answers: Sequence[str | None]) -> str | None:
    """The most frequent answer; the earliest of those on a tie. None (unparsed) never wins; None for no answers."""
    counts = Counter(a for a in answers if a is not None)
    return max(counts, key=lambda a: counts[a]) if counts else None


def maj_at_k(answers: Sequence[str | None], target: str, k: int | None = None) -> float:
    """Chance that the majority of k of these answers is the target; ties count their share (1/2 for two winners).

    Averaged over all subsets of k (k = None: all answers, one subset); unparsed answers (None) have no vote. Raises
    ValueError when there are fewer than k answers, or more than 200,000 subsets (choose a smaller k).
    """
    size = len(answers) if k is None else k
    if not 1 <= size <= len(answers):
        raise ValueError(f"maj@k: k={size} needs 1 <= k <= {len(answers)} answers")
    if comb(len(answers), size) > 200_000:
        raise ValueError(f"maj@k: {comb(len(answers), size)} subsets of {size} of {len(answers)} are too many")
    share, subsets = 0.0, 0
    for subset in combinations(answers, size):
        subsets += 1
        counts = Counter(a for a in subset if a is not None)
        top = max(counts.values(), default=0)
        if top and counts[target] == top:
            share += 1 / sum(v == top for v in counts.values())
    return share / subsets


def _check(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"c={c} right answers must lie between 0 and n={n}")
    if not 1 <= k <= n:
        raise ValueError(f"k={k} must lie between 1 and n={n}: estimating it needs at least k answers")
