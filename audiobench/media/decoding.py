"""Decode with libsndfile, never more than was promised, and check what came out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from audiobench.media.container import pcm_wav, sniff
from audiobench.media.errors import InvalidAudioError
from audiobench.media.mpeg import walk, with_length

if TYPE_CHECKING:
    import numpy as np

    from audiobench.media.raw import RawAudio

_UNKNOWN_FRAMES = 2**60
_MP3_FRAME = 1152
MAX_DECODED = 2 * 2**30
"""Bytes of float32 that one decode may take."""


class _Bytes(io.BytesIO):
    """Bytes in which a broken file may seek anywhere: libsndfile hears that it did not work, and nothing is printed."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def probe(data: bytes, path: Path) -> tuple[int, int, int]:
    """(sampling rate in Hz, channels, frames) from the header, nothing decoded.

    Raises:
        InvalidAudioError: libsndfile cannot open it, or the header does not say how long it is.
    """
    import soundfile

    data = _complete(data, path)
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            rate, channels, frames = file.samplerate, file.channels, file.frames
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise InvalidAudioError(path, f"corrupt: {_words(error)}") from None
    if frames >= _UNKNOWN_FRAMES:
        raise InvalidAudioError(path, "its header does not say how long it is")
    return rate, channels, frames


def decode(raw: RawAudio, path: Path) -> np.ndarray:
    """All samples as float32, shape (frames, channels), full scale = 1.0; at most one frame more than promised is read.

    Raises:
        InvalidAudioError: corrupt, cut off, longer than its header says, or with samples that are not finite.
    """
    import numpy
    import soundfile

    needed = raw.frames * raw.channels * 4
    if needed > MAX_DECODED:
        raise InvalidAudioError(path, f"would take {needed} bytes decoded, over the cap of {MAX_DECODED}")
    data = _complete(raw.data, path)
    if raw.encoding == "pcm" and raw.bits in (8, 16, 24, 32):  # a header that does not fit its data is put right first
        body = memoryview(data)[raw.start : raw.start + raw.frames * raw.channels * raw.bits // 8]
        data = pcm_wav(body, raw.sample_rate, raw.channels, raw.bits)
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            samples = file.read(raw.frames + 1, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise InvalidAudioError(path, f"corrupt: {_words(error)}") from None
    got = len(samples)
    if got > raw.frames or _flac_goes_on(raw):
        raise InvalidAudioError(path, f"longer than its header says ({raw.frames} frames)")
    slack = max(2 * _MP3_FRAME, raw.frames // 100) if raw.format == "mp3" else 0
    if got == 0 or got < raw.frames - slack:
        raise InvalidAudioError(path, f"truncated: the header promises {raw.frames} frames, {got} decode")
    if not numpy.isfinite(samples).all():
        raise InvalidAudioError(path, "holds samples that are NaN or infinite")
    return samples


def _complete(data: bytes, path: Path) -> bytes:
    """The bytes for libsndfile, which must neither guess the length of an MP3 nor overlook that a file was cut off.

    Raises:
        InvalidAudioError: cut off, by the container's own account.
    """
    container = sniff(data)
    if container == "aiff" and int.from_bytes(data[4:8], "big") + 8 > len(data) + 1:
        raise InvalidAudioError(path, f"truncated: the header promises {int.from_bytes(data[4:8], 'big') + 8} bytes")
    if container == "ogg" and not _ogg_ends(data):
        raise InvalidAudioError(path, "truncated: its last page is not whole or does not end the stream")
    if container == "mp3":
        found = walk(data)
        if found is None or found.frames < 1:
            raise InvalidAudioError(path, "corrupt: no whole MP3 frame in it")
        if (found.declared or 0) > found.frames + 1:
            raise InvalidAudioError(
                path, f"truncated: the header promises {found.declared} MP3 frames, {found.frames} are there"
            )
        return with_length(data, found)
    return data


def _ogg_ends(data: bytes) -> bool:
    """True when the last page is whole and marked as the end (RFC 3533, 6)."""
    page = data[data.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    table = page[27 : 27 + page[26]]
    return len(page) >= 27 + page[26] + sum(table)


def _flac_goes_on(raw: RawAudio) -> bool:
    """True when a FLAC holds more than its header says. libsndfile stops at the header's number, so it is shown a header
    that promises one frame more (RFC 9639, 8.2) and asked for that frame.
    """
    import soundfile

    if raw.data[:4] != b"fLaC":
        return False
    total = int.from_bytes(raw.data[21:26], "big") & ~(2**36 - 1) | raw.frames + 1
    data = b"".join((raw.data[:21], total.to_bytes(5, "big"), raw.data[26:]))
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            file.seek(raw.frames)
            return len(file.read(1)) > 0
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return False


def _words(error: BaseException) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return text.strip().rstrip(".")
