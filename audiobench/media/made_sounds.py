"""Sounds that a caption of a dozen words describes whole: `a low beep, then a hiss`. For controls, tests and a built-in task.

Everything is a function of caption, length, rate and seed. A seed moves pitch, level and onset a little, as two recordings of
one thing differ.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audiobench.media.wav import pcm_wav

if TYPE_CHECKING:
    import numpy as np

PITCHES = {"low": 220.0, "middle": 660.0, "high": 1980.0}
"""Hz."""
PITCHED = ("beep", "buzz", "sweep")
NOISES = ("hiss", "click")
WORDS = frozenset((*PITCHES, *PITCHED, *NOISES))
_EVENT = re.compile(rf"\b(?:({'|'.join(PITCHES)})\s+)?({'|'.join((*PITCHED, *NOISES))})s?\b", re.IGNORECASE)
LEVEL = 0.3
"""Peak of an event before its seed changes it by at most 2 dB; full scale = 1.0."""


def captions(n: int, seed: int = 0) -> list[str]:
    """`n` captions of one to three events; each kind of event is as frequent as any other."""
    import numpy as np

    kinds = [f"{pitch} {kind}" for kind in PITCHED for pitch in PITCHES] + list(NOISES)
    rng = np.random.default_rng(seed)
    made: list[str] = []
    for number in range(n):
        places = rng.permutation(len(kinds))[: 1 + number % 3]
        made.append(", then ".join(f"a {kinds[place]}" for place in places))
    return made


def events(caption: str) -> list[tuple[str, str]]:
    """(pitch, kind) of each event that a caption names; of one that names none, an event drawn by its sha256."""
    found = [(match[1] or "middle", match[2]) for match in _EVENT.finditer(caption.lower())]
    if found:
        return found
    digest = hashlib.sha256(caption.encode()).digest()
    kinds = (*PITCHED, *NOISES)
    return [(list(PITCHES)[digest[0] % len(PITCHES)], kinds[digest[1] % len(kinds)])]


def render(caption: str, seconds: float, rate: int, *, seed: int = 0) -> np.ndarray:
    """The sound of a caption: float64, mono, shape (samples,), events one after another over the whole length."""
    import numpy as np

    asked = events(caption)
    size = round(seconds * rate)
    rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(caption.encode()).digest()[:4], "big")])
    out = np.zeros(size)
    slot = size // len(asked)
    for number, event in enumerate(asked):
        length = max(1, round(slot * 0.7))
        start = number * slot + round(rng.uniform(0.05, 0.25) * slot)
        wave = _wave(event, length, rate, rng)[: max(0, size - start)]
        out[start : start + len(wave)] += wave * LEVEL * 10 ** (rng.uniform(-2, 2) / 20)
    return out


def _wave(event: tuple[str, str], length: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    import numpy as np

    pitch, kind = event
    hz = PITCHES[pitch] * rng.uniform(0.97, 1.03)
    time = np.arange(length) / rate
    if kind == "hiss":
        return _faded(rng.uniform(-1, 1, length), rate)
    if kind == "click":
        out = np.zeros(length)
        for at in range(0, length, max(1, rate // 8)):
            decay = np.exp(-np.arange(min(rate // 100, length - at)) / (rate / 800))
            out[at : at + len(decay)] = decay * rng.uniform(-1, 1, len(decay))
        return out
    if kind == "sweep":
        phase = 2 * np.pi * np.cumsum(hz * np.exp2(time / max(time[-1], 1e-9))) / rate
        return _faded(np.sin(phase), rate)
    overtones = [1] if kind == "beep" else [k for k in range(1, 12) if k * hz < rate / 2]
    return _faded(sum((np.sin(2 * np.pi * k * hz * time) / k for k in overtones), np.zeros(length)), rate)


def _faded(wave: np.ndarray, rate: int) -> np.ndarray:
    """With raised-cosine ends of 10 ms."""
    import numpy as np

    ramp = min(rate // 100, len(wave) // 2)
    if ramp:
        fade = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)
        wave[:ramp] *= fade
        wave[len(wave) - ramp :] *= fade[::-1]
    return wave


def rows(n: int, seconds: float = 2.0, rate: int = 16_000, seed: int = 0) -> Iterator[dict[str, object]]:
    """A data set of captions and their sounds: `id, caption, events, reference` (`{"bytes": wav, "path": None}`)."""
    for number, caption in enumerate(captions(n, seed)):
        wave = render(caption, seconds, rate, seed=seed + 1)
        data = pcm_wav((wave * 32767).round().astype("<i2").tobytes(), rate, 1)
        count = len(events(caption))
        yield {"id": f"{number:04d}", "caption": caption, "events": count, "reference": {"bytes": data, "path": None}}
