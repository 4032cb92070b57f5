"""Which rows of a data set are used: exact ids, a seeded subset, a shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audiobench.core.errors import UsageError


def select(
    all_ids: Sequence[str],
    *,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    seed: int = 0,
) -> list[int]:
    """Positions of the chosen rows, in the data set's order.

    `limit` takes the rows that rank first by sha256(seed, id): random, the same everywhere, and nested (a limit of 200
    holds the limit of 100). `shard` (i, n), 1 <= i <= n, then takes the i-th of n disjoint parts by sha256(id).

    Raises:
        UsageError: an id that is not there, a limit below 1, a shard outside 1..n.
    """
    chosen = list(range(len(all_ids)))
    if ids is not None:
        wanted = set(ids)
        chosen = [place for place in chosen if all_ids[place] in wanted]
        missing = sorted(wanted.difference(all_ids[place] for place in chosen))
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise UsageError(f"--ids {', '.join(missing[:5])}{more}: no such id; the first one is {all_ids[0]!r}")
    if limit is not None:
        if limit < 1:
            raise UsageError(f"--limit {limit}: must be at least 1")
        if limit < len(chosen):
            ranked = sorted(chosen, key=lambda place: _digest(f"{seed}\n{all_ids[place]}"))
            chosen = sorted(ranked[:limit])
    if shard is not None:
        index, count = shard
        if not 1 <= index <= count:
            raise UsageError(f"--shard {index}/{count}: must be i/n with i from 1 to n")
        chosen = [
            place for place in chosen
            if int.from_bytes(_digest(f"shard\n{all_ids[place]}")[:8], "big") % count == index - 1
        ]  # fmt: skip
    return chosen


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
