"""Audio parts as waveforms, for adapters that run a model in this process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from audiobench.core.types import AudioPart
from audiobench.model.adapter import SampleError

if TYPE_CHECKING:
    import numpy as np


def waveform(part: AudioPart, sample_rate: int) -> np.ndarray:
    """The part's audio as float32, one channel, shape (samples,), at `sample_rate` Hz.

    Raises:
        SampleError: the bytes do not decode, are empty, or hold a NaN or an infinity.
    """
    import numpy as np
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(part.data), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise SampleError(f"{part.clip.path}: audio does not decode: {error}") from None
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    if mono.size == 0:
        raise SampleError(f"{part.clip.path}: audio is empty (0 samples)")
    if not np.isfinite(mono).all():
        raise SampleError(f"{part.clip.path}: audio holds samples that are NaN or infinite")
    if rate != sample_rate:
        import soxr

        mono = soxr.resample(mono, rate, sample_rate, quality="HQ")
    return np.ascontiguousarray(mono, dtype=np.float32)
