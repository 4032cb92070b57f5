"""A clip as one waveform, for what hears it in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiobench.core.types import Clip
from audiobench.media.reading import read

if TYPE_CHECKING:
    import numpy as np


def waveform(clip: Clip, sample_rate: int) -> tuple[np.ndarray, str]:
    """(float32, mono, shape (samples,), at `sample_rate` Hz; sha256 of the file). Channels are averaged, soxr HQ resamples.

    Raises:
        InvalidAudioError: no such file, other bytes than the clip's sha256 says, or not a sound.
    """
    import numpy as np

    from audiobench.media.decoding import mixed

    raw = read(clip)
    samples, _ = mixed(raw, clip.path)
    mono = samples[:, 0]
    if raw.sample_rate != sample_rate:
        import soxr

        mono = soxr.resample(mono, raw.sample_rate, sample_rate, quality="HQ")
    return np.ascontiguousarray(mono, dtype=np.float32), raw.sha256
