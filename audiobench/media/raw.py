"""A clip as it lies on disk: its bytes, and how its samples are got at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

LENGTH_UNKNOWN = "its header does not say how long it is"
"""A note of `Sound`."""
Decoder = Literal["libsndfile", "ffmpeg"]


class FileState(NamedTuple):
    """What tells that a file has not been touched. Size and modification time alone do not: archives set both. The time
    of the last change of the inode cannot be set.
    """

    size: int = 0
    """Bytes."""
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """The state that `os.stat` tells."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that a decoder takes as one file."""

    data: bytes | memoryview
    headerless: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """For bare samples, what libsndfile has to be told of them."""
    decoder: Decoder = "libsndfile"


@dataclass(frozen=True, slots=True)
class Sound:
    """What a container says of its samples, and how they are decoded."""

    sample_rate: int
    """Hz."""
    channels: int
    frames: int | None
    """None where only decoding tells."""
    segments: tuple[Segment, ...]
    """To be decoded one after the other."""
    whole: bool
    """Every common decoder gets these very frames from the untouched bytes."""
    about: int | None = None
    """Where `frames` is None: frames by a container that counts in milliseconds or with its padding."""
    slack: int = 0
    """So many frames fewer than `about` are still the whole."""
    padded: bool = False
    """More frames decode than the container says, because the last block is filled up: they are cut off."""
    notes: tuple[str, ...] = ()
    """What had to be put right so that all of it is decoded, in words."""
    pcm: tuple[int, int] | None = None
    """(offset of the first sample byte, bits a sample) of plain PCM WAV, which needs no decoding."""


@dataclass(frozen=True, slots=True)
class RawAudio:
    """A clip's file as it is, and what is in it."""

    data: bytes
    format: str
    """Container, as `audio.sniff` names it."""
    sound: Sound
    frames: int
    sha256: str
    """Hex digest of `data`."""
    state: FileState

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.sound.sample_rate

    @property
    def channels(self) -> int:
        """How many."""
        return self.sound.channels

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.sound.sample_rate

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    @property
    def exact_header(self) -> bool:
        """PCM WAV whose header agrees with the bytes: may be sent without a decode."""
        return self.sound.whole and self.sound.pcm is not None
