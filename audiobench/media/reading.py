"""Read a clip's bytes and look at its header: caps are checked before anything is decoded."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.types import Clip
from audiobench.media.container import describe_unknown, sniff
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import FileState, RawAudio
from audiobench.media.sounds import sound_in
from audiobench.media.wav import wav_header

MAX_BYTES = 512 * 2**20
MAX_SECONDS = 3600.0
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Opening a pipe that nobody writes to does not wait."""
_SHORTAGES = {
    errno.EMFILE: "raise `ulimit -n` or lower --max-concurrency",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "lower --max-concurrency",
}
"""Errors that say something of the machine and nothing of the file, and what to do."""


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


@dataclass(frozen=True, slots=True)
class Bytes:
    """A clip's file, hashed, nothing known of what is in it."""

    clip: Clip
    data: bytes
    sha256: str
    state: FileState


def read(clip: Clip, limits: Limits | None = None) -> RawAudio:
    """The clip's bytes and what is in them.

    Raises:
        InvalidAudioError: as `fetch` and `look`.
        IncompleteError: as `fetch`.
    """
    return look(fetch(clip, limits), limits)


def fetch(clip: Clip, limits: Limits | None = None) -> Bytes:
    """The clip's bytes and their sha256.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, over the cap, or not the bytes that the data cache recorded.
        IncompleteError: this machine is short of files or memory.
    """
    data, state = bytes_of(clip, limits or Limits.from_environment())
    digest = hashlib.sha256(data).hexdigest()
    if clip.sha256 is not None and clip.sha256 != digest:
        raise InvalidAudioError(
            clip.path, f"sha256 is {digest[:12]}…, {clip.sha256[:12]}… was recorded; the file changed"
        )
    return Bytes(clip, data, digest, state)


def look(file: Bytes, limits: Limits | None = None) -> RawAudio:
    """What is in the bytes. A PCM WAV costs a look at its header; a file that does not say how long it is is decoded.

    Raises:
        InvalidAudioError: of unknown container, cut off, damaged, or over a cap.
    """
    limits = limits or Limits.from_environment()
    path, container = file.clip.path, sniff(file.data)
    if container is None:
        raise InvalidAudioError(path, describe_unknown(file.data[:64]))
    sound = sound_in(file.data, container, path)
    frames = sound.frames
    longest = int(limits.max_seconds * sound.sample_rate)
    _check_caps(path, limits, sound.sample_rate, sound.channels, sound.about if frames is None else frames)
    if frames is None:
        from audiobench.media.decoding import count

        frames = count(sound, path, longest)
        _check_caps(path, limits, sound.sample_rate, sound.channels, frames)
    return RawAudio(file.data, container, sound, frames, file.sha256, file.state)


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


def bytes_of(clip: Clip, limits: Limits) -> tuple[bytes, FileState]:
    """The file's bytes and its state.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, or over the cap.
        IncompleteError: this machine is short of files or memory, which says nothing of the clip.
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
            data = file.readall() if status.st_size else b""  # the kernel's own files are of size 0 and may never end
    except FileNotFoundError:
        raise InvalidAudioError(path, "no such file") from None
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise IncompleteError(f"{path}: {error.strerror}: {_SHORTAGES[error.errno]}") from None
        raise InvalidAudioError(path, f"cannot be read: {error.strerror or error}") from None
    if not data:
        raise InvalidAudioError(path, "empty file")
    return data, FileState.of(status)


def _check_caps(path: Path, limits: Limits, rate: int, channels: int, frames: int | None) -> None:
    if not limits.min_rate <= rate <= limits.max_rate:
        raise InvalidAudioError(path, f"sampling rate {rate} Hz is not between {limits.min_rate} and {limits.max_rate}")
    if not 1 <= channels <= limits.max_channels:
        raise InvalidAudioError(path, f"{channels} channels are not between 1 and {limits.max_channels}")
    if frames is None:
        return
    if frames <= 0:
        raise InvalidAudioError(path, "no audio in it (zero frames)")
    if frames > limits.max_seconds * rate:
        raise InvalidAudioError(
            path,
            f"{frames / rate:.0f} s, over the cap of {limits.max_seconds:.0f} s (AUDIOBENCH_MAX_AUDIO_SECONDS)",
        )
