"""From a scene to its sound: 16 kHz mono, additive synthesis and noise, numpy only.

All arithmetic is float64 and rounded once to 16 bits, so that a clip is the same bytes on practically every machine.
"""

from __future__ import annotations

import struct

import numpy as np

from audiobench.data.listening.draw import Draw
from audiobench.data.listening.scenes import HARMONY, Event, Scene

RATE = 16_000
"""Samples per second."""

FORMANTS = {"ah": (730.0, 1090.0, 2440.0), "ee": (270.0, 2290.0, 3010.0), "oo": (300.0, 870.0, 2240.0)}
"""First three formants in Hz of the vowels (Peterson and Barney 1952, men)."""
FORMANT_GAIN = (1.0, 0.6, 0.25)
FORMANT_WIDTH = (90.0, 120.0, 180.0)


def _phase(event: Event, n: int) -> np.ndarray:
    """Phase of the fundamental (radians) of `n` samples; a glide moves evenly in semitones."""
    if not event.glide:
        return 2 * np.pi * event.hz / RATE * np.arange(n)
    octaves = event.glide / 12 * (np.arange(n) / max(n - 1, 1) - 0.5)
    return 2 * np.pi * np.cumsum(event.hz * np.exp2(octaves)) / RATE


def _harmonics(phase: np.ndarray, gains: list[float]) -> np.ndarray:
    """Sum of `gains[k-1] * sin(k * phase)` by the Chebyshev recurrence (no further sines needed)."""
    twice, before, now = 2 * np.cos(phase), np.zeros_like(phase), np.sin(phase)
    total = np.zeros_like(phase)
    for gain in gains:
        if gain:
            total += gain * now
        before, now = now, twice * now - before
    return total


def _envelope(n: int, attack: float = 0.012) -> np.ndarray:
    """Raised-cosine fade in and out of `attack` seconds."""
    ramp = min(int(attack * RATE), n // 2)
    out = np.ones(n)
    if ramp:
        fade = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)
        out[:ramp], out[n - ramp :] = fade, fade[::-1]
    return out


def _vowel(event: Event, n: int) -> np.ndarray:
    """A voiced syllable: harmonics weighted by the formants, which stay while the pitch glides; 3 dB an octave down."""
    stretch = 1.12 if event.hz > 200 else 1.0
    phase = _phase(event, n)
    hz = np.diff(phase, append=phase[-1:]) * RATE / (2 * np.pi) if event.glide else np.array([event.hz])
    hz[-1] = hz[-2] if event.glide else event.hz
    twice, before, now = 2 * np.cos(phase), np.zeros_like(phase), np.sin(phase)
    total = np.zeros_like(phase)
    for k in range(1, int(3800 / hz.max()) + 1):
        gain = np.full(len(hz), 0.01)
        for formant, weight, width in zip(FORMANTS[event.kind], FORMANT_GAIN, FORMANT_WIDTH, strict=True):
            gain += weight / (1 + ((k * hz - formant * stretch) / width) ** 2)
        total += now * gain / k**0.5
        before, now = now, twice * now - before
    return total


def _chord(event: Event, n: int) -> np.ndarray:
    total = np.zeros(n)
    for step in HARMONY[event.label]:
        phase = 2 * np.pi * event.hz * 2 ** (step / 12) / RATE * np.arange(n)
        total += _harmonics(phase + step, [1.0, 0.5, 0.3, 0.15])
    return total


def _wave(event: Event, n: int, draw: Draw) -> np.ndarray:
    """The event's sound, `n` samples, any level."""
    kind = event.kind
    if kind == "beep" or kind == "glide":
        return np.sin(_phase(event, n)) * _envelope(n)
    if kind == "buzz":
        gains = [1 / k if k % 2 else 0.4 / k for k in range(1, int(4000 / event.hz))]
        return _harmonics(_phase(event, n), gains) * _envelope(n)
    if kind == "hiss":
        return np.diff(draw.noise(n + 1)) * _envelope(n)
    if kind == "click":
        return draw.noise(n) * np.exp(-np.arange(n) / (0.003 * RATE))
    if kind == "tick":
        return np.sin(_phase(event, n)) * np.exp(-np.arange(n) / (0.008 * RATE))
    if kind == "note":
        return _harmonics(_phase(event, n), [1.0, 0.35, 0.15]) * _envelope(n)
    if kind == "chord":
        return _chord(event, n) * _envelope(n)
    return _vowel(event, n) * _envelope(n, 0.02)


def render(scene: Scene, draw: Draw) -> np.ndarray:
    """The clip's sound: int16 samples at `RATE`, `round(scene.seconds * RATE)` of them.

    Args:
        scene: The facts.
        draw: Source of the noise (background, hisses, clicks).
    """
    total = 10 ** (scene.floor / 20) * 1.7 * draw.noise(round(scene.seconds * RATE))
    for event in scene.events:
        first, last = round(event.start * RATE), round(event.end * RATE)
        wave = _wave(event, last - first, draw)
        total[first:last] += wave * (10 ** (event.db / 20) / max(np.abs(wave).max(), 1e-9))
    total *= 10 ** (scene.gain / 20)
    return np.clip(np.rint(total * 32767), -32768, 32767).astype("<i2")


def wav(samples: np.ndarray) -> bytes:
    """A RIFF WAVE file: 16-bit mono PCM at `RATE`, 44 bytes of header, nothing else in it."""
    data = samples.astype("<i2").tobytes()
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    return header + struct.pack("<4sI", b"data", len(data)) + data
