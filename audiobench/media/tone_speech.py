"""Words as tones, and back: a control's speech, so that spoken answers can be tried without a speech model or a recogniser.

Each byte of the UTF-8 text is two tones of 16 pitches, 20 ms each, behind a starting tone. Whoever decodes it at any rate of
8 kHz or more hears the very text; what is no such speech holds no words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
SYMBOL_SECONDS = 0.02
START, FIRST, STEP = 3600.0, 500.0, 150.0
"""Hz: the starting tone, the first of the 16 pitches, and from one to the next."""
LEVEL = 0.3


def speak(text: str) -> np.ndarray:
    """The text as float64 samples at `RATE`, shape (samples,)."""
    import numpy as np

    nibbles = [half for byte in text.encode() for half in (byte >> 4, byte & 15)]
    pitches = np.array([START, *(FIRST + STEP * half for half in nibbles), START])
    time = np.arange(round(SYMBOL_SECONDS * RATE)) / RATE
    return (LEVEL * np.sin(2 * np.pi * pitches[:, None] * time)).reshape(-1)


def listen(samples: np.ndarray, rate: int) -> str:
    """The text that is spoken in tones; empty where the sound does not begin with the starting tone."""
    import numpy as np

    size = SYMBOL_SECONDS * rate
    count = int(len(samples) / size + 0.5)
    pitches = [_pitch(samples[round(n * size) : round((n + 1) * size)], rate) for n in range(count)]
    if len(pitches) < 2 or not np.isclose(pitches[0], START, atol=STEP / 2):
        return ""
    halves: list[int] = []
    for pitch in pitches[1:]:
        half = round((pitch - FIRST) / STEP)
        if not 0 <= half < 16:
            break
        halves.append(half)
    pairs = zip(halves[::2], halves[1::2], strict=False)
    return bytes(high << 4 | low for high, low in pairs).decode(errors="replace")


def _pitch(piece: np.ndarray, rate: int) -> float:
    """Of the candidates, the one with the most power; 0.0 in silence."""
    import numpy as np

    if not len(piece) or not np.abs(piece).max() > 1e-3:
        return 0.0
    candidates = np.array([START, *(FIRST + STEP * half for half in range(16))])
    time = np.arange(len(piece)) / rate
    power = np.abs(np.exp(-2j * np.pi * candidates[:, None] * time) @ piece)
    return float(candidates[int(power.argmax())]) if power.max() > 0.3 * np.abs(piece).sum() * 2 / np.pi else 0.0
