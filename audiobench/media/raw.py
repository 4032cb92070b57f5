"""A clip as it lies on disk: its bytes and what its header says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["pcm", "float", "compressed"]


@dataclass(frozen=True, slots=True)
class RawAudio:
    """A clip's file as it is, and what its header says."""

    data: bytes
    format: str
    """Container: wav, mp3, flac, ogg, aiff."""
    encoding: Encoding
    sample_rate: int
    """Hz."""
    channels: int
    frames: int
    seconds: float
    sha256: str
    """Hex digest of `data`."""
    size: int
    """Bytes."""
    mtime_ns: int
    exact_header: bool
    """PCM WAV whose header agrees with the bytes: may be sent without a decode."""
    start: int = 0
    """Offset of the first sample byte (PCM WAV only)."""
    bits: int = 0
    """Bits a sample (PCM WAV only; 0 where frames are padded)."""
