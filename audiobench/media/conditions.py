"""Audio conditions: what is done to a clip, and which other sample's clip stands in for it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from audiobench.core.errors import UsageError
from audiobench.core.modes import Transform
from audiobench.core.types import Sample

if TYPE_CHECKING:
    import numpy as np

UNTOUCHED = str(Transform())


def apply(transform: str, samples: np.ndarray, sha256: str) -> tuple[np.ndarray, str | None]:
    """The samples (float32, shape (frames, channels)) under `transform`, same shape, and what was done in words.

    - `full`: as they are.
    - `silence`: zeros.
    - `noise:SEED`: white noise (uniform amplitude, so that its peak stays within full scale for any ordinary clip) with
      the RMS of each channel. The seed and the clip's sha256 decide the noise.
    - `reverse`: backwards in time.

    Raises:
        UsageError: no such transform.
    """
    import numpy

    try:
        wanted = Transform.parse(transform)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if wanted.kind == "full":
        return samples, None
    if wanted.kind == "silence":
        return numpy.zeros_like(samples), "silenced"
    if wanted.kind == "reverse":
        return samples[::-1], "reversed"
    seed = wanted.seed or 0
    generator = numpy.random.default_rng([seed, int(sha256[:16], 16)])
    level = numpy.sqrt(numpy.mean(numpy.square(samples, dtype=numpy.float64), axis=0))
    noise = generator.uniform(-1.0, 1.0, samples.shape)
    noise *= level / numpy.sqrt(numpy.mean(numpy.square(noise), axis=0))
    done = f"replaced by noise (seed {seed})"
    if numpy.abs(noise).max(initial=0.0) > 1.0:
        numpy.clip(noise, -1.0, 1.0, out=noise)
        done += ", clipped at full scale"
    return noise.astype(numpy.float32), done


def derangement(ids: Sequence[str], seed: int, groups: Mapping[str, str] | None = None) -> dict[str, str]:
    """For each id another id whose clip takes its place; the same for the same ids (in any order) and seed.

    `groups` (id -> key) says which ids share a clip: an id is never mapped to one of its own group. Every id is used
    once as long as no group holds more than half of the ids (a larger group leaves no such bijection; then partners
    repeat).

    Raises:
        UsageError: fewer than two different clips.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for item in sorted(set(ids)):
        members[groups.get(item, item) if groups else item].append(item)
    if len(members) < 2:
        raise UsageError("audio condition swap: needs at least two samples with different clips")
    generator = random.Random(seed)
    keys = sorted(members)
    generator.shuffle(keys)
    ring: list[str] = []
    for key in keys:
        generator.shuffle(members[key])
        ring.extend(members[key])
    step = max(map(len, members.values()))
    if 2 * step <= len(ring):
        # Groups lie side by side on the ring and none is longer than `step`, so `step` places on is another group.
        return {item: ring[(place + step) % len(ring)] for place, item in enumerate(ring)}
    partners = {}
    for key in keys:
        others = [item for item in ring if item not in set(members[key])]
        for place, item in enumerate(members[key]):
            partners[item] = others[place % len(others)]
    return partners


def swaps(samples: Iterable[Sample], seed: int) -> dict[str, str]:
    """`derangement` over samples: those that share a clip (by cluster, else by path) never get their own clip.

    Raises:
        UsageError: fewer than two different clips.
    """
    groups = {sample.id: sample.cluster or "\n".join(str(clip.path) for clip in sample.clips) for sample in samples}
    return derangement(list(groups), seed, groups)
