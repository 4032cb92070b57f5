"""Waveform to log-mel chunks, and how many audio tokens they become. numpy, torch and transformers' filter bank only.

The formulas are those of StepFun's vLLM fork (github.com/stepfun-ai/vllm @5fab0f250, Whisper's log-mel with 479
zeros on the right); the number of tokens follows either of the two official rules, see `token_count`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from model_adapters.step_audio.sizes import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

N_FFT = 400
HOP = 160
RIGHT_PAD = 479
CHUNK_SECONDS = 25.0
"""What the official client cuts long audio into; each chunk is its own audio item in the prompt."""


class AudioError(ValueError):
    """This clip cannot be heard: empty, not finite, or not one channel."""


def check_audio(samples: np.ndarray) -> np.ndarray:
    """The clip as float32 of shape (samples,).

    Raises:
        AudioError: it is empty, has a NaN or an infinity, or is not one channel.
    """
    audio = np.asarray(samples)
    if audio.ndim != 1:
        raise AudioError(f"audio has shape {audio.shape}: one channel is needed, shape (samples,)")
    if audio.size == 0:
        raise AudioError("audio is empty (0 samples)")
    audio = audio.astype(np.float32, copy=False)
    if not np.isfinite(audio).all():
        bad = int(np.flatnonzero(~np.isfinite(audio))[0])
        raise AudioError(f"audio is not finite: sample {bad} is {audio[bad]}")
    return audio


def mel_frames(samples: int) -> int:
    """Mel frames (10 ms) of a chunk of so many samples (16 kHz)."""
    return (samples + RIGHT_PAD) // HOP


def encoder_frames(frames: int) -> int:
    """Encoder outputs (40 ms) of so many mel frames: a stride-2 convolution, then pairs averaged."""
    return (frames + 1) // 2 // 2


def token_count(samples: int, *, mel_trim_frames: int = 0, kernel_size: int = 3, stride: int = 2) -> int:
    """Audio tokens (80 ms) of one chunk of so many samples (16 kHz); 0 for a chunk too short to give one.

    `mel_trim_frames` 0 is the rule of StepFun's vLLM fork, 2 that of the Hugging Face implementation.
    """
    return adapter_frames(encoder_frames(mel_frames(samples) - mel_trim_frames), kernel_size, stride)


def adapter_frames(frames: int, kernel_size: int = 3, stride: int = 2) -> int:
    """Adaptor outputs of so many encoder outputs (convolution with one frame of padding on each side)."""
    return max(0, (frames + 2 - kernel_size) // stride + 1) if frames > 0 else 0


def split_chunks(
    samples: np.ndarray, *, chunk_seconds: float = CHUNK_SECONDS, mel_trim_frames: int = 0
) -> list[np.ndarray]:
    """Cut a clip (16 kHz, shape (samples,)) into pieces of `chunk_seconds`; the last one is shorter.

    Unlike the official client an exact multiple has no empty last piece, and a last piece too short to give one
    token (under `mel_trim_frames` 2: less than 10 ms) is left out. A clip with no token at all is an error.

    Raises:
        AudioError: the clip is empty, not finite, not one channel, or too short for one token.
    """
    audio = check_audio(samples)
    step = round(chunk_seconds * SAMPLE_RATE)
    chunks = [audio[start : start + step] for start in range(0, len(audio), step)]
    heard = [chunk for chunk in chunks if token_count(len(chunk), mel_trim_frames=mel_trim_frames) > 0]
    if not heard:
        raise AudioError(f"audio of {len(audio)} samples is too short: it gives no audio token")
    return heard


@lru_cache(maxsize=4)
def mel_filters(n_mels: int) -> torch.Tensor:
    """Slaney mel filters, shape (n_mels, 201), float32."""
    import torch
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(N_FFT // 2 + 1, n_mels, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    return torch.as_tensor(np.ascontiguousarray(bank.T)).to(torch.float32)


def log_mel(samples: np.ndarray | torch.Tensor, n_mels: int = 128) -> torch.Tensor:
    """Log-mel spectrogram of one chunk (16 kHz, shape (samples,)): float32, shape (n_mels, mel_frames(samples)).

    The dynamic range (8 decades below the loudest value) is that of the chunk, not of the clip.
    """
    import torch
    import torch.nn.functional as F

    audio = torch.as_tensor(samples, dtype=torch.float32)
    audio = F.pad(audio, (0, RIGHT_PAD))
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(audio, N_FFT, HOP, window=window, return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    mel = mel_filters(n_mels) @ power
    log = torch.clamp(mel, min=1e-10).log10()
    log = torch.maximum(log, log.max() - 8.0)
    return (log + 4.0) / 4.0


def log_mel_chunks(
    samples: np.ndarray,
    *,
    n_mels: int = 128,
    chunk_seconds: float = CHUNK_SECONDS,
    mel_trim_frames: int = 0,
    waves: bool = False,
) -> tuple[list[torch.Tensor], list[int]]:
    """Log-mel of each chunk of a clip, and the number of audio tokens of each.

    With `waves` the chunks themselves, shape (1, samples), for a front end on the model's device.

    Raises:
        AudioError: as `split_chunks`.
    """
    chunks = split_chunks(samples, chunk_seconds=chunk_seconds, mel_trim_frames=mel_trim_frames)
    counts = [token_count(len(chunk), mel_trim_frames=mel_trim_frames) for chunk in chunks]
    if waves:
        import torch

        return [torch.as_tensor(np.ascontiguousarray(chunk))[None] for chunk in chunks], counts
    return [log_mel(chunk, n_mels) for chunk in chunks], counts
