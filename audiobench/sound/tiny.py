"""A small deterministic embedder without weights: statistics of a mel-like spectrum, for tests and for trying the whole way.

Its vectors tell silence, noise and tones apart, and change when a sound is resampled or clipped; its figures say nothing about
quality, and no published figure is made with it. Its labels are bands of pitch and noise, its texts the words of the built-in
made sounds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from audiobench.media.made_sounds import WORDS, render
from audiobench.sound.measure import Embedder

if TYPE_CHECKING:
    import numpy as np

BANDS = 16
FRAME = 512
FLOOR = 1e-4
"""Amplitude below which a band counts as silent: -80 dBFS."""


class Tiny(Embedder):
    """Mean and spread of the level of 16 bands (dB / 20): vectors of 32. The label of a sound is its strongest band."""

    name = "tiny"
    gives = frozenset(("frechet", "kl", "inception", "text_similarity", "reference_similarity"))

    def embed(self, waves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """(vectors, shape (n, 32); logits, shape (n, 17): the bands, and silence)."""
        import numpy as np

        vectors: list[np.ndarray] = []
        logits: list[np.ndarray] = []
        for wave in waves:
            levels = self._levels(wave)
            vectors.append(np.concatenate([levels.mean(axis=0), levels.std(axis=0)]))
            loudest = levels.max(axis=0)
            logits.append(np.append(3 * loudest, 3 * (4.0 - loudest.max())))
        return np.stack(vectors), np.stack(logits)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of the made sounds that these words name; zero where they name none."""
        import numpy as np

        return np.stack([self._word_vector(text) for text in texts])

    def _word_vector(self, text: str) -> np.ndarray:
        import numpy as np

        if not WORDS & {*re.findall(r"[a-z]+", text.lower())}:
            return np.zeros(2 * BANDS)
        (vector,), _ = self.embed([render(text, 2.0, self.rate)])
        return vector

    def _levels(self, wave: np.ndarray) -> np.ndarray:
        """Level above the floor of each band in each frame, in steps of 20 dB: shape (frames, 16)."""
        import numpy as np

        padded = np.pad(wave.astype(float), (0, max(0, FRAME - len(wave))))
        count = len(padded) // FRAME
        frames = padded[: count * FRAME].reshape(count, FRAME) * np.hanning(FRAME)
        spectrum = np.abs(np.fft.rfft(frames, axis=1)) * (4 / FRAME)
        edges = np.geomspace(2, FRAME // 2, BANDS + 1).round().astype(int)
        bands = np.stack([spectrum[:, a : max(b, a + 1)].max(axis=1) for a, b in pairwise(edges)], 1)
        return np.log10(np.maximum(bands, FLOOR) / FLOOR)
