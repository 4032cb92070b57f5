"""Waveform and spectrogram of a clip, small enough to lie beside a page that cannot read the audio itself.

A page opened from disk may play a file but not read its samples, so the picture is made here. `page/sound.js` makes
the same picture in the browser where it can; both use the constants below.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.core.types import Clip
from audiobench.media.reading import read

if TYPE_CHECKING:
    import numpy as np

COLUMNS = 320
ROWS = 56
TOP_HZ = 8000.0
"""Highest frequency shown."""
WINDOW = 0.032
"""Seconds of a spectrum."""
FLOOR_DB = 70.0
"""Depth of the colour scale below the loudest cell, in dB."""


def picture(path: Path, sha256: str) -> dict[str, Any]:
    """Peaks and spectrogram of a clip, base64.

    `peaks`: 2 * COLUMNS bytes (lowest, highest of each column; 0..255 for -1..1). `cells`: COLUMNS * ROWS values of
    4 bits, two a byte, column by column from low to high frequency (mel scale).

    Raises:
        InvalidAudioError: the clip cannot be read.
    """
    import pybase64

    from audiobench.media.decoding import mixed

    raw = read(Clip(path, sha256))
    samples = mixed(raw, path)[0][:, 0]
    peaks, cells = _peaks(samples), _cells(samples, raw.sample_rate)
    return {
        "seconds": raw.seconds,
        "rate": raw.sample_rate,
        "columns": COLUMNS,
        "rows": ROWS,
        "peaks": pybase64.b64encode(peaks).decode(),
        "cells": pybase64.b64encode(cells).decode(),
    }


def _peaks(samples: np.ndarray) -> bytes:
    import numpy as np

    edges = np.linspace(0, len(samples), COLUMNS + 1).astype(int)
    starts = np.minimum(edges[:-1], len(samples) - 1)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    pairs = np.stack([low, high], axis=1)
    return np.clip(np.round((pairs + 1) * 127.5), 0, 255).astype(np.uint8).tobytes()


def _cells(samples: np.ndarray, rate: int) -> bytes:
    import numpy as np

    size = 1 << max(6, round(np.log2(WINDOW * rate)))
    padded = np.pad(samples, (size // 2, size))
    centres = ((np.arange(COLUMNS) + 0.5) * len(samples) / COLUMNS).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[centres]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    bands = power @ _filters(size, rate).T
    decibels = 10 * np.log10(bands + 1e-12)
    levels: np.ndarray = np.clip(1 + (decibels - max(decibels.max(), -60)) / FLOOR_DB, 0, 1)
    steps = np.round(levels * 15).astype(np.uint8).reshape(-1)
    return (steps[0::2] << 4 | steps[1::2]).tobytes()


def _filters(size: int, rate: int) -> np.ndarray:
    """Triangles on the mel scale, 0 to TOP_HZ, shape (ROWS, size // 2 + 1); each row sums to 1 at most."""
    import numpy as np

    top = float(2595 * np.log10(1 + TOP_HZ / 700))
    points = 700 * (np.power(10.0, np.linspace(0, top, ROWS + 2) / 2595) - 1)
    bins = np.arange(size // 2 + 1) * rate / size
    width = rate / size
    left = np.minimum(points[:-2], points[1:-1] - width)[:, None]
    right = np.maximum(points[2:], points[1:-1] + width)[:, None]
    centre = points[1:-1, None]
    weights = np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0, 1)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
