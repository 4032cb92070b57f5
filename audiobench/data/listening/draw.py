"""Random choices that stay the same on every machine and numpy version.

numpy guarantees the raw stream of a bit generator (`PCG64.random_raw`) but not what `Generator` makes of it, so every
choice here is derived from the raw 64-bit words by integer arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Draw:
    """A stream of random choices that is a pure function of its key.

    Args:
        key: Anything with a stable `str()`; `Draw("item", 7, "triad", 3)` and a second one with the same key agree.
    """

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
        self._source = np.random.PCG64(int.from_bytes(digest[:16], "big"))
        self._words: list[int] = []

    def _word(self) -> int:
        if not self._words:
            self._words = self._source.random_raw(64).tolist()
        return self._words.pop()

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + (self._word() * (high - low + 1) >> 64)

    def uniform(self, low: float, high: float, step: float = 0.001) -> float:
        """A multiple of `step` from `low` to `high` (so that it prints and hashes the same everywhere)."""
        return round(low + step * self.integer(0, round((high - low) / step)), 6)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._word() < probability * 2.0**64

    def choice(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[self.integer(0, len(values) - 1)]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """The values in random order (Fisher and Yates)."""
        out = list(values)
        for i in range(len(out) - 1, 0, -1):
            j = self.integer(0, i)
            out[i], out[j] = out[j], out[i]
        return out

    def noise(self, n: int) -> np.ndarray:
        """White noise: `n` float64 samples, uniform in [-1, 1)."""
        words = self._source.random_raw((n + 3) // 4).view(np.int16)[:n]
        return words.astype(np.float64) / 32768.0
