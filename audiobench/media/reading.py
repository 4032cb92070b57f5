"""Read a clip's bytes and look at its header: caps are checked before anything is decoded."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

from audiobench.core.errors import UsageError
from audiobench.core.types import Clip
from audiobench.media.container import FLOAT, PCM, describe_unknown, sniff, wav_header
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import Encoding, RawAudio

MAX_BYTES = 512 * 2**20
MAX_SECONDS = 3600.0
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Opening a pipe that nobody writes to does not wait."""
UNREADABLE = {"m4a": "MPEG-4 audio", "aac": "AAC", "webm": "WebM"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps against bombs and mistakes; a clip beyond one of them is invalid, never cut."""

    max_bytes: int = MAX_BYTES
    """Bytes of the file."""
    max_seconds: float = MAX_SECONDS
    max_channels: int = 32
    min_rate: int = 1000
    """Hz."""
    max_rate: int = 768_000
    """Hz."""

    @staticmethod
    def from_environment() -> Limits:
        """The defaults, changed by AUDIOBENCH_MAX_AUDIO_BYTES and AUDIOBENCH_MAX_AUDIO_SECONDS where set.

        Raises:
            UsageError: one of them is not a positive number.
        """
        size = _positive("AUDIOBENCH_MAX_AUDIO_BYTES", MAX_BYTES)
        return Limits(max_bytes=int(size), max_seconds=_positive("AUDIOBENCH_MAX_AUDIO_SECONDS", MAX_SECONDS))


def _positive(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name}={text}: must be a positive number")
    return value


def read(clip: Clip, limits: Limits | None = None) -> RawAudio:
    """The clip's bytes, sniffed and probed. A PCM WAV costs a read, a header look and a sha256, nothing else.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, cut off, of unknown container, over a cap, or not the bytes
            that the data cache recorded.
    """
    limits = limits or Limits.from_environment()
    path = clip.path
    data, mtime_ns = bytes_of(clip, limits)
    digest = hashlib.sha256(data).hexdigest()
    if clip.sha256 is not None and clip.sha256 != digest:
        raise InvalidAudioError(path, f"sha256 is {digest[:12]}…, {clip.sha256[:12]}… was recorded; the file changed")
    container = sniff(data)
    if container is None:
        raise InvalidAudioError(path, describe_unknown(data[:64]))
    if container in UNREADABLE:
        raise InvalidAudioError(
            path, f"{UNREADABLE[container]} ({container}) cannot be checked: convert it to wav or flac"
        )
    header = wav_header(data) if container == "wav" else None
    if isinstance(header, str) and not header.endswith("variant of WAV"):
        raise InvalidAudioError(path, f"corrupt WAV: {header}")
    start = bits = 0
    if header is None or isinstance(header, str):
        from audiobench.media.decoding import probe

        rate, channels, frames = probe(data, path)
        encoding: Encoding = "float" if container == "wav" else "compressed"
        exact = False
    else:
        if header.declared is not None and header.declared > header.size:
            raise InvalidAudioError(
                path, f"truncated: the header promises {header.declared} bytes of audio, {header.size} are there"
            )
        rate, channels, frames = header.sample_rate, header.channels, header.frames
        encoding = "pcm" if header.code == PCM else "float" if header.code == FLOAT else "compressed"
        exact, start = header.consistent, header.start
        bits = header.bits if header.block_align * 8 == header.channels * header.bits else 0
    _check_caps(clip, limits, rate, channels, frames)
    return RawAudio(
        data,
        container,
        encoding,
        rate,
        channels,
        frames,
        frames / rate,
        digest,
        len(data),
        mtime_ns,
        exact,
        start,
        bits,
    )


def duration(clip: Clip) -> float | None:
    """Seconds, as recorded or (WAV only) as the start of the file says; None where that does not tell, or it is no
    plain file. Never raises.
    """
    if clip.seconds is not None:
        return clip.seconds
    try:
        with open(os.open(clip.path, _READ), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            head, size = file.read(4096), status.st_size
    except OSError:
        return None
    header = wav_header(head, size) if sniff(head) == "wav" else None
    if header is None or isinstance(header, str) or not header.sample_rate:
        return None
    return header.frames / header.sample_rate


def bytes_of(clip: Clip, limits: Limits) -> tuple[bytes, int]:
    """The file's bytes and its modification time in ns.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, or over the cap.
    """
    path = clip.path
    try:
        descriptor = os.open(path, _READ)
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidAudioError(path, "not a plain file")
            if status.st_size > limits.max_bytes:
                raise InvalidAudioError(
                    path, f"{status.st_size} bytes, over the cap of {limits.max_bytes} (AUDIOBENCH_MAX_AUDIO_BYTES)"
                )
            data = file.readall()
    except FileNotFoundError:
        raise InvalidAudioError(path, "no such file") from None
    except OSError as error:
        raise InvalidAudioError(path, f"cannot be read: {error.strerror or error}") from None
    if not data:
        raise InvalidAudioError(path, "empty file")
    return data, status.st_mtime_ns


def _check_caps(clip: Clip, limits: Limits, rate: int, channels: int, frames: int) -> None:
    path = clip.path
    if not limits.min_rate <= rate <= limits.max_rate:
        raise InvalidAudioError(path, f"sampling rate {rate} Hz is not between {limits.min_rate} and {limits.max_rate}")
    if not 1 <= channels <= limits.max_channels:
        raise InvalidAudioError(path, f"{channels} channels are not between 1 and {limits.max_channels}")
    if frames <= 0:
        raise InvalidAudioError(path, "no audio in it (zero frames)")
    if frames > limits.max_seconds * rate:
        raise InvalidAudioError(
            path,
            f"{frames / rate:.0f} s, over the cap of {limits.max_seconds:.0f} s (AUDIOBENCH_MAX_AUDIO_SECONDS)",
        )
