"""The golden clip of `audiobench doctor`, in the process that has already loaded PyTorch."""

from __future__ import annotations

from typing import Any


def measured() -> dict[str, Any]:
    """Log-mel of a clip of 3 s in numbers, its audio tokens, and which front end batches on a device would use."""
    import numpy as np

    from model_adapters.step_audio.device_frontend import torchaudio_trouble
    from model_adapters.step_audio.frontend import log_mel, token_count

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
