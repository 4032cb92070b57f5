"""Decode in blocks, never more than was promised, and check what comes out. Memory is held for what is asked for only."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from audiobench.media.errors import InvalidAudioError
from audiobench.media.ffmpeg import blocks
from audiobench.media.memory import BLOCK
from audiobench.media.raw import RawAudio, Segment, Sound

Span = tuple[int, int]
_UNKNOWN_FRAMES = 2**60
CANCELLED_DB = 20.0
"""Mixing that loses more than this is said; channels that have nothing in common lose 10 log10(channels)."""
_ERRORS = (soundfile.LibsndfileError, RuntimeError, TypeError)


class _Bytes(io.BytesIO):
    """Bytes in which a broken file may seek anywhere: libsndfile hears that it did not work, and nothing is printed."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class _Stream(soundfile.SoundFile):
    """Read from the start to the end. (soundfile seeks after each read, which libsndfile refuses where a header does not
    say how long the file is.)
    """

    def __init__(self, segment: Segment) -> None:
        super().__init__(_Bytes(segment.data), **segment.headerless)

    def seekable(self) -> bool:
        return False


def probe(segment: Segment, path: Path) -> tuple[int, int, int | None]:
    """(sampling rate in Hz, channels, frames or None where the header does not say), nothing decoded.

    Raises:
        InvalidAudioError: libsndfile cannot open it.
    """
    try:
        with _Stream(segment) as file:
            frames = file.frames
            return file.samplerate, file.channels, frames if 0 < frames < _UNKNOWN_FRAMES else None
    except _ERRORS as error:
        raise InvalidAudioError(
            path, f"corrupt, or of an encoding that is not known ({_words(error)}): convert it to wav or flac"
        ) from None


def count(sound: Sound, path: Path, limit: int) -> int:
    """Frames that decode, at most `limit` + 1.

    Raises:
        InvalidAudioError: corrupt, cut off, or with samples that are not finite.
    """
    total = 0
    for block in _blocks(sound, path):
        total += len(block)
        if total > limit:
            return total
    if sound.about is not None and total < sound.about - sound.slack:
        raise InvalidAudioError(path, f"truncated: the header promises {sound.about} frames, {total} decode")
    return min(total, sound.about) if sound.about is not None and sound.padded else total


def check(raw: RawAudio, path: Path) -> None:
    """Decode all of it and keep nothing.

    Raises:
        InvalidAudioError: as `decode`.
    """
    for _ in _checked(raw, path):
        pass


def decode(raw: RawAudio, path: Path, span: Span | None = None) -> np.ndarray:
    """Samples as float32, shape (frames, channels), full scale = 1.0; `span` (first frame, frame after the last) takes a
    part.

    Raises:
        InvalidAudioError: corrupt, cut off, longer than its header says, or with samples that are not finite.
    """
    return _filled(raw, path, span, raw.channels, lambda block: block)


def mixed(raw: RawAudio, path: Path, span: Span | None = None) -> tuple[np.ndarray, float]:
    """All channels as one (float32, shape (frames, 1)), and how many dB the mean of their powers lies above the power of the mix.

    Raises:
        InvalidAudioError: as `decode`.
    """
    apart = together = 0.0

    def mean(block: np.ndarray) -> np.ndarray:
        nonlocal apart, together
        one = block.mean(axis=1, keepdims=True, dtype=np.float32)
        apart += float(np.einsum("ij,ij->", block, block, dtype=np.float64)) / block.shape[1]
        together += float(np.einsum("ij,ij->", one, one, dtype=np.float64))
        return one

    samples = _filled(raw, path, span, 1, mean)
    loss = 0.0 if apart == 0 else math.inf if together == 0 else 10 * math.log10(apart / together)
    return samples, loss


def _filled(
    raw: RawAudio, path: Path, span: Span | None, channels: int, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    first, end = span or (0, raw.frames)
    out = np.empty((end - first, channels), dtype=np.float32)
    at = 0
    for block in _checked(raw, path):
        low, high = max(first - at, 0), min(end - at, len(block))
        if low < high:
            out[at + low - first : at + high - first] = change(block[low:high])
        at += len(block)
    return out


def _checked(raw: RawAudio, path: Path) -> Iterator[np.ndarray]:
    """The blocks of a clip, exactly `raw.frames` long together."""
    left = raw.frames
    for block in _blocks(raw.sound, path):
        if len(block) > left:
            if not raw.sound.padded:
                raise InvalidAudioError(path, f"longer than its header says ({raw.frames} frames)")
            block = block[:left]
        left -= len(block)
        if len(block):
            yield block
    if left:
        raise InvalidAudioError(path, f"truncated: the header promises {raw.frames} frames, {raw.frames - left} decode")


def _blocks(sound: Sound, path: Path) -> Iterator[np.ndarray]:
    for segment in sound.segments:
        for block in _of_segment(segment, sound, path):
            if not np.isfinite(block).all():
                raise InvalidAudioError(path, "holds samples that are NaN or infinite")
            yield block


def _of_segment(segment: Segment, sound: Sound, path: Path) -> Iterator[np.ndarray]:
    if segment.decoder == "ffmpeg":
        yield from blocks(segment.data, sound, path)
        return
    try:
        with _Stream(segment) as file:
            step = max(1, BLOCK // file.channels)
            while len(block := file.read(step, dtype="float32", always_2d=True)):
                yield block
    except _ERRORS as error:
        raise InvalidAudioError(path, f"corrupt: {_words(error)}") from None


def _words(error: BaseException) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return text.strip().removeprefix("Error : ").rstrip(".")
