"""The front end on the model's device, a whole batch at a time: log-mel through torchaudio, resampling by soxr's filter.

Equal to the front end on the CPU (`model_adapters.step_audio.frontend`, soxr) to 1e-5. It needs a torchaudio that loads;
where none does (its wheel on PyPI is built for CUDA), `log_mels` computes as the CPU front end does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model_adapters.step_audio.frontend import HOP, N_FFT, RIGHT_PAD, log_mel, mel_filters, mel_frames
from model_adapters.step_audio.sizes import SAMPLE_RATE

BATCH = 64
"""Chunks in one transform: 25 s each, about 0.3 GB."""
REACH = 200
"""Samples of the lower rate that soxr's filter of quality HQ reaches to each side, at most."""
HEAD = 128
"""Samples at the beginning of a clip that soxr makes in another way (under 50 up to 192 kHz) and that are left to it."""


@lru_cache(maxsize=1)
def torchaudio_trouble() -> str | None:
    """Why torchaudio cannot be used here; None when it can."""
    try:
        import_module("torchaudio.functional")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        first = (str(error).splitlines() or [""])[0]
        return f"{type(error).__name__}: {first}"[:200]
    return None


def log_mels(chunks: Sequence[Tensor], n_mels: int = 128) -> list[Tensor]:
    """Log-mel of chunks (16 kHz, float32, shape (samples,), of any lengths, on one device): (n_mels, frames) each."""
    if torchaudio_trouble() is not None:
        return [log_mel(chunk.cpu(), n_mels).to(chunk.device) for chunk in chunks]
    out: list[Tensor] = []
    for start in range(0, len(chunks), BATCH):
        out += _log_mels(chunks[start : start + BATCH], n_mels)
    return out


def _log_mels(chunks: Sequence[Tensor], n_mels: int) -> list[Tensor]:
    import torchaudio.functional as A

    device = chunks[0].device
    longest = max(len(chunk) for chunk in chunks)
    # zeros after a chunk are what the CPU front end adds to it, so a longer neighbour changes nothing
    audio = torch.stack([F.pad(chunk, (0, longest - len(chunk) + RIGHT_PAD)) for chunk in chunks])
    power = A.spectrogram(
        audio, pad=0, window=torch.hann_window(N_FFT, device=device), n_fft=N_FFT, hop_length=HOP, win_length=N_FFT,
        power=2.0, normalized=False,
    )  # fmt: skip
    bank = mel_filters(n_mels).to(device)  # torchaudio's own, computed in float32, is off by 1.4e-5
    log = torch.clamp(bank @ power, min=1e-10).log10()
    out: list[Tensor] = []
    for row, chunk in zip(log, chunks, strict=True):
        own = row[:, : mel_frames(len(chunk))]
        out.append((torch.maximum(own, own.max() - 8.0) + 4.0) / 4.0)
    return out


def resample(clips: Sequence[Tensor], rate: int) -> list[Tensor]:
    """Clips (float32, shape (samples,), `rate` Hz, on one device) at 16 kHz, as soxr resamples them (quality HQ)."""
    import soxr

    if rate == SAMPLE_RATE:
        return list(clips)
    kernel, step, width = soxr_filter(rate)
    device, phases = clips[0].device, kernel.shape[0]
    longest = max(len(clip) for clip in clips)
    audio = torch.stack([F.pad(clip, (width, longest - len(clip) + width + step)) for clip in clips])
    found = F.conv1d(audio[:, None], kernel[:, None].to(device), stride=step).transpose(1, 2).flatten(1)
    out: list[Tensor] = []
    for row, clip in zip(found, clips, strict=True):
        samples = row[: round(len(clip) * phases / step)].clone()
        begin = clip[: math.ceil((HEAD + 2 * REACH) * rate / min(rate, SAMPLE_RATE)) + step].cpu().numpy()
        head = torch.as_tensor(np.asarray(soxr.resample(begin, rate, SAMPLE_RATE, quality="HQ"))[:HEAD])
        samples[: len(head)] = head[: len(samples)].to(device)
        out.append(samples)
    return out


@lru_cache(maxsize=16)
def soxr_filter(rate: int) -> tuple[Tensor, int, int]:
    """Soxr's filter from `rate` Hz to 16 kHz, measured: its answer to an impulse at each phase of the input.

    A kernel (phases, taps) for a convolution with a stride of so many samples (the second value), over input padded by
    so many (the third) on the left.
    """
    import soxr

    divisor = math.gcd(rate, SAMPLE_RATE)
    step, phases = rate // divisor, SAMPLE_RATE // divisor
    width = math.ceil(REACH * max(1.0, rate / SAMPLE_RATE))
    before = (math.ceil(width / step) + 2) * step
    kernel = np.zeros((phases, 2 * width + step), dtype=np.float32)
    for phase in range(step):
        impulse = np.zeros(2 * before + step, dtype=np.float32)
        impulse[before + phase] = 1.0
        answer: Any = soxr.resample(impulse, rate, SAMPLE_RATE, quality="HQ")
        blocks = answer[: len(answer) // phases * phases].reshape(-1, phases)
        place = before + phase + width - np.arange(len(blocks)) * step
        inside = (place >= 0) & (place < kernel.shape[1])
        kernel[:, place[inside]] = blocks[inside].T
    return torch.as_tensor(kernel), step, width
