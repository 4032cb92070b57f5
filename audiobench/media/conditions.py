"""Audio conditions: what is done to a clip, and which other sample's clip stands in for it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audiobench.core.errors import UsageError
from audiobench.core.modes import Transform
from audiobench.core.types import Sample
from audiobench.media.contents import contents
from audiobench.media.memory import BLOCK

if TYPE_CHECKING:
    import numpy as np

UNTOUCHED = str(Transform())


def apply(transform: str, samples: np.ndarray, sha256: str) -> tuple[np.ndarray, str | None]:
    """The samples (float32, shape (frames, channels)) under `transform`, same shape, and what was done in words. They are
    changed in place.

    - `full`: as they are.
    - `silence`: zeros.
    - `noise:SEED`: white noise (uniform amplitude, so that its peak stays within full scale for any ordinary clip) with
      the RMS of each channel. The seed and the clip's sha256 decide the noise.
    - `reverse`: backwards in time.

    Raises:
        UsageError: no such transform.
    """
    try:
        wanted = Transform.parse(transform)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if wanted.kind == "full":
        return samples, None
    if wanted.kind == "silence":
        samples[:] = 0
        return samples, "silenced"
    if wanted.kind == "reverse":
        return samples[::-1], "reversed"
    seed = wanted.seed or 0
    over = _noise(samples, [seed, int(sha256[:16], 16)])
    return samples, f"replaced by noise (seed {seed})" + (", clipped at full scale" if over else "")


def _noise(samples: np.ndarray, seed: Sequence[int]) -> bool:
    """Noise in the place of `samples`, block by block; True where it had to be clipped."""
    import numpy

    def noise() -> Iterator[np.ndarray]:
        generator = numpy.random.default_rng(seed)
        for block in blocks:
            yield generator.uniform(-1.0, 1.0, block.shape)

    def power(of: Iterable[np.ndarray]) -> np.ndarray:
        squares = [numpy.square(block, dtype=numpy.float64).sum(axis=0) for block in of]
        return numpy.sum(squares, axis=0) / len(samples)

    blocks = [samples[at : at + BLOCK] for at in range(0, len(samples), BLOCK)]
    kept = list(noise()) if len(blocks) == 1 else None  # a longer one is drawn a second time, not held
    level = numpy.sqrt(power(blocks) / power(kept or noise()))
    over = False
    for block, drawn in zip(blocks, kept or noise(), strict=True):
        drawn *= level
        over = over or bool(numpy.abs(drawn).max() > 1.0)
        numpy.clip(drawn, -1.0, 1.0, out=block, casting="same_kind")
    return over


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
    partners: dict[str, str] = {}
    for key in keys:
        others = [item for item in ring if item not in set(members[key])]
        for place, item in enumerate(members[key]):
            partners[item] = others[place % len(others)]
    return partners


def swaps(samples: Iterable[Sample], seed: int) -> dict[str, str]:
    """`derangement` over samples: those of one cluster, and those whose clips hold the same bytes, never get each other's.

    Where the sound is in videos, these are the clips.

    Raises:
        UsageError: fewer than two different clips.
    """
    samples = list(samples)
    sounds = {sample.id: sample.clips or sample.videos for sample in samples}
    known = contents(clip for clips in sounds.values() for clip in clips)
    groups: dict[str, str] = {}
    leader: dict[str, str] = {}
    first: dict[tuple[str, ...], str] = {}

    def led(name: str) -> str:
        while name in leader:
            name = leader[name]
        return name

    for sample in samples:
        heard = tuple(sorted(known[clip.path] for clip in sounds[sample.id]))
        groups[sample.id] = name = sample.cluster or "\n".join(known[clip.path] for clip in sounds[sample.id])
        one, other = sorted((led(name), led(first.setdefault(heard, name))))
        if one != other:
            leader[other] = one
    return derangement(list(groups), seed, {item: led(name) for item, name in groups.items()})
