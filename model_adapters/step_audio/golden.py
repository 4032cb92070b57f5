"""A clip whose log-mel is known: whether the front end works on this machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiobench.model.checks import Check
from model_adapters.step_audio.device_frontend import torchaudio_trouble
from model_adapters.step_audio.frontend import log_mel, token_count

GOLDEN = ((128, 302), -0.4041027, 0.4499543, 38)
"""Shape, mean and standard deviation of that clip's log-mel by librosa 0.11, and its audio tokens."""


def measured() -> dict[str, Any]:
    """Log-mel of a clip of 3 s in numbers, its audio tokens, and which front end batches on a device would use."""
    t = np.arange(48_000) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * (200 + 400 * t) * t) + 0.05 * np.sin(2 * np.pi * 90 * t)
    wave[38_400:] = 0.0
    mel = log_mel(wave.astype(np.float32))
    trouble = torchaudio_trouble()
    return {
        "shape": list(mel.shape),
        "mean": float(mel.mean()),
        "std": float(mel.std(correction=0)),
        "tokens": token_count(len(wave)),
        "device": "torchaudio" if trouble is None else f"not through torchaudio ({trouble}), chunk by chunk on the CPU",
    }


def golden_clip() -> Check:
    """Whether the front end gives librosa's numbers for a clip of 3 s."""
    found = measured()
    shape, mean, std, tokens = tuple(found["shape"]), found["mean"], found["std"], found["tokens"]
    fits = shape == GOLDEN[0] and abs(mean - GOLDEN[1]) < 1e-4 and abs(std - GOLDEN[2]) < 1e-4
    if not fits or tokens != GOLDEN[3]:
        return Check("golden clip", "problem", f"log-mel {shape} mean {mean:.5f} std {std:.5f}, {tokens} tokens; "
                     f"librosa gives {GOLDEN[0]} mean {GOLDEN[1]:.5f} std {GOLDEN[2]:.5f}, {GOLDEN[3]} tokens",
                     "reinstall torch and transformers; scores from this machine are not to be trusted")  # fmt: skip
    return Check("golden clip", "ok", f"log-mel of a 3 s clip equals librosa's, {tokens} audio tokens; "
                 f"batches on the model's device: {found['device']}")  # fmt: skip
