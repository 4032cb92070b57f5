"""Answered examples before an item (few-shot): other samples of the same data set, drawn by seed, never the item itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from audiobench.core.errors import UsageError
from audiobench.core.types import Sample

SPARE = 8
"""Candidates beyond three times the number of shots, for items that share a clip with some of them."""


def pool(ids: Sequence[str], number: int, seed: int, build: Callable[[int], Sample]) -> tuple[Sample, ...]:
    """The candidates in the order in which they are taken: those whose sha256(seed, id) comes first and that have an answer.

    The same whatever part of the data set a run asks about.

    Args:
        ids: of the whole data set.
        number: of shots before an item.
        seed: of the run.
        build: makes the sample of a place in `ids`.
    """
    ranked = sorted(range(len(ids)), key=lambda place: hashlib.sha256(f"shots\n{seed}\n{ids[place]}".encode()).digest())
    wanted = 3 * number + SPARE
    found: list[Sample] = []
    for place in ranked:
        if len(found) == wanted:
            break
        sample = build(place)
        if sample.target is not None:
            found.append(sample)
    return tuple(found)


def shots_for(sample: Sample, candidates: Sequence[Sample], number: int) -> tuple[Sample, ...]:
    """The first candidates that are not the item itself and share neither clip nor cluster with it.

    Raises:
        UsageError: there are not so many.
    """
    chosen = [other for other in candidates if not _same(sample, other)][:number]
    if len(chosen) < number:
        raise UsageError(
            f"num_fewshot {number}: only {len(chosen)} other samples with an answer share no clip with sample {sample.id}"
        )
    return tuple(chosen)


def _same(one: Sample, other: Sample) -> bool:
    if one.id == other.id or (one.cluster is not None and one.cluster == other.cluster):
        return True
    clips = [{clip.sha256 or str(clip.path) for clip in (*s.clips, *s.videos)} for s in (one, other)]
    return not clips[0].isdisjoint(clips[1])
