"""MPEG-4, AAC and WebM by PyAV (FFmpeg), which is an extra: its wheel is larger than all the rest, and few sets need it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.core.errors import install
from audiobench.media.container import promised, untagged
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import LENGTH_UNKNOWN, Segment, Sound

if TYPE_CHECKING:
    import numpy as np

NAMES = {"m4a": "MPEG-4 audio", "aac": "AAC", "webm": "WebM"}
_CODECS = {"m4a": ("aac", "alac"), "aac": ("aac",), "webm": ("opus", "vorbis")}
"""What a model that takes the container expects in it."""
_SLACK_SECONDS = 0.1
"""A container counts in milliseconds or packets, and its last packet may be filled up."""


def sound(data: bytes, container: str, path: Path) -> Sound:
    """What is in such a file; only its headers are read.

    Raises:
        InvalidAudioError: PyAV is not installed, cut off, damaged, or not exactly one track of sound.
    """
    av = _pyav(container, path)
    end = promised(data, container) or 0
    wrong = _adts_damage(data) if container == "aac" else None
    if end > len(data):
        wrong = f"truncated: the header promises {end} bytes, {len(data)} are there"
    if wrong:
        raise InvalidAudioError(path, wrong)
    try:
        with av.open(io.BytesIO(data)) as file:
            tracks = file.streams.audio
            if len(tracks) != 1:
                raise InvalidAudioError(path, f"{len(tracks)} audio tracks, expected one")
            (track,) = tracks
            seconds = None
            if container != "aac":  # there FFmpeg guesses from the bit rate
                seconds = track.duration * track.time_base if track.duration else file.duration and file.duration / 1e6
            rate, channels = track.rate, track.channels
            usual = len(file.streams) == 1 and track.codec_context.name in _CODECS[container]
    except _errors(av) as error:
        raise InvalidAudioError(path, f"corrupt: {error}") from None
    about = None if not seconds else round(seconds * rate)
    if container == "webm" and b"webm" not in data[:64]:  # Matroska, which is more
        usual = False
    notes = () if about or container == "aac" else (LENGTH_UNKNOWN,)
    return Sound(
        rate, channels, None, (Segment(data, decoder="ffmpeg"),), usual and not notes,
        about=about, slack=round(_SLACK_SECONDS * rate), padded=container == "m4a", notes=notes,
    )  # fmt: skip


def blocks(data: bytes | memoryview, sound: Sound, path: Path) -> Iterator[np.ndarray]:
    """The samples as float32, shape (frames, channels).

    Raises:
        InvalidAudioError: damaged, with another rate or number of channels midway, or with a hole by its time stamps.
    """
    av = _pyav("m4a", path)
    try:
        with av.open(io.BytesIO(data)) as file:
            resampler = av.AudioResampler(format="fltp")
            begin, heard = None, 0
            for frame in file.decode(audio=0):
                if frame.sample_rate != sound.sample_rate or len(frame.layout.channels) != sound.channels:
                    raise InvalidAudioError(path, "its sampling rate or number of channels is not what its header says")
                if frame.time is not None:
                    begin = frame.time if begin is None else begin
                    hole = frame.time - begin - heard / sound.sample_rate
                    if abs(hole) > _SLACK_SECONDS:
                        raise InvalidAudioError(
                            path, f"damaged: {abs(hole):.2f} s are missing or twice there at {frame.time:.2f} s"
                        )
                heard += frame.samples
                for plain in resampler.resample(frame):
                    yield plain.to_ndarray().T
    except _errors(av) as error:
        raise InvalidAudioError(path, f"corrupt: {error}") from None


def _errors(av: Any) -> tuple[type[Exception], ...]:
    """What PyAV raises for broken files; headers that make no sense end in Python's own errors."""
    return (av.FFmpegError, AttributeError, TypeError, ValueError)


def _pyav(container: str, path: Path) -> Any:
    try:
        import av
    except ImportError:
        raise InvalidAudioError(
            path,
            f"{NAMES[container]} ({container}) is decoded by PyAV, which is not here: {install('av')}, or convert the "
            "clip to wav or flac",
        ) from None
    return av


def _adts_damage(data: bytes) -> str | None:
    """What is wrong with the frames of a bare AAC stream (ISO/IEC 13818-7, 6.2), each of which holds its length."""
    body = untagged(data)
    at = 0
    while at + 7 <= len(body) and body[at] == 0xFF and body[at + 1] & 0xF6 == 0xF0:
        at += max(7, (body[at + 3] & 3) << 11 | body[at + 4] << 3 | body[at + 5] >> 5)
    if at > len(body):
        return "truncated: its last frame is not whole"
    return None if not body[at:].strip(b"\0") else f"damaged: no frame where one should begin (byte {at})"
