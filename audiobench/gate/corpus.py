"""The paired comparison of BLEU: computed anew on seeded resamples (interval) and seeded exchanges of the runs (p).

Samples that share a clip are moved together. The think gain is measured likewise, on four arms at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from audiobench.gate.arms import Row
from audiobench.gate.verdict import Measured
from audiobench.scorers.text import BLEU_COUNTS, bleu_of
from audiobench.statistics.power import mde

RESAMPLES = 2000

Side = Sequence[Sequence[Row]]
"""The rows of one run: of an arm, or of think=on and of think=off, whose difference is the value."""


def measure(before: Side, after: Side, clusters: Sequence[str]) -> Measured:
    """`after` against `before`; every list of rows and `clusters` are of the same samples in the same order."""
    import numpy as np

    places = {key: place for place, key in enumerate(dict.fromkeys(clusters))}
    units = [places[key] for key in clusters]
    old, new = (np.stack([_by_unit(rows, units, len(places)) for rows in side]) for side in (before, after))
    x, y = _value(old.sum(axis=1)), _value(new.sum(axis=1))
    changes = [
        _plain(side_b) - _plain(side_a) for side_a, side_b in zip(_samples(before), _samples(after), strict=True)
    ]
    gained, lost = sum(d > 0 for d in changes), sum(d < 0 for d in changes)
    changed = int((old != new).any(axis=(0, 2)).sum())
    clustered = len(places) if len(places) < len(clusters) else None
    if len(places) < 2:
        return Measured(
            len(clusters), x, y, y - x, (-100.0, 100.0), 1.0, 1.0, "none", 1.0, inf, gained, lost, clustered
        )
    rng = np.random.default_rng(0)
    draws, worse, better = [], 0, 0
    for _ in range(RESAMPLES):
        weights = rng.multinomial(len(places), np.full(len(places), 1 / len(places)))
        draws.append(_value(_sums(weights, new)) - _value(_sums(weights, old)))
        moved = _sums(rng.random(len(places)) < 0.5, new - old)
        exchanged = _value(new.sum(axis=1) - moved) - _value(old.sum(axis=1) + moved)
        worse += exchanged <= y - x + 1e-9
        better += exchanged >= y - x - 1e-9
    low, high = (float(bound) for bound in np.quantile(draws, [0.025, 0.975]))
    return Measured(
        n=len(clusters), baseline=x, candidate=y, difference=y - x, ci=(min(low, y - x), max(high, y - x)),
        p=(1 + worse) / (1 + RESAMPLES), p_better=(1 + better) / (1 + RESAMPLES),
        method=f"permutation-{RESAMPLES}" + ("-clustered" if clustered else ""),
        least_p=max(1 / (1 + RESAMPLES), 2.0**-changed), mde=mde(float(np.std(draws))) if changed else inf,
        gained=gained, lost=lost, clusters=clustered,
    )  # fmt: skip


def _by_unit(rows: Sequence[Row], units: Sequence[int], size: int) -> Any:
    import numpy as np

    table = np.zeros((size, BLEU_COUNTS))
    np.add.at(table, units, np.array([row.counts for row in rows], dtype=float))
    return table


def _sums(weights: Any, tables: Any) -> Any:
    """Weighted sums of the units of each arm."""
    import numpy as np

    return np.einsum("u,auk->ak", weights.astype(float), tables)


def _value(totals: Any) -> float:
    """BLEU of the only arm, or of the first minus the second."""
    first, *second = (bleu_of(total) for total in totals)
    return first - sum(second)


def _samples(side: Side) -> list[tuple[Row, ...]]:
    return list(zip(*side, strict=True))


def _plain(rows: Sequence[Row]) -> float:
    """A sample's own value, to count what got better and worse."""
    first, *second = (row.value or 0.0 for row in rows)
    return first - sum(second)
