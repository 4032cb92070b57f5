"""What a turn is made of, on both sides of a model: text, sound, pictures, moving pictures.

A further kind of medium is a class here with `clip`, `data` and `format`, a reader of its bytes (`audiobench.media`),
a `MediaSupport` in the model format, and a place in the body of each adapter that declares it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from msgspec import Struct

from audiobench.core.tools import ToolCall

Role = Literal["system", "user", "assistant", "tool"]
VideoTransform = Literal["full", "muted", "swapped"]
"""What is done to the sound of a video: nothing, its track is taken out, or another file's track stands in its place."""


def video_transform(written: str) -> VideoTransform:
    """The transform as a journal has it; `full` for any other word."""
    return written if written in ("muted", "swapped") else "full"


@dataclass(frozen=True, slots=True)
class Clip:
    """One audio, image or video file, by path; its bytes are read only when a request is about to be sent."""

    path: Path
    sha256: str | None = None
    """Hex digest of the file's bytes, when the data cache already knows it."""
    seconds: float | None = None
    """Duration in seconds of what is heard, when known without opening the file."""
    size: int | None = None
    """Size in bytes, when known."""
    span: tuple[float, float] | None = None
    """(start, end) in seconds: the part of the file that the data set means; None = all of it."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Sound of a message: which clip, what was done to it, and (just before sending) its bytes."""

    kind: ClassVar = "audio"

    clip: Clip
    transform: str = "full"
    """full | silence | noise:SEED | reverse; what the audio condition does to the clip."""
    data: bytes = field(default=b"", repr=False, compare=False)
    """Encoded audio, filled by the runner just before the adapter is called."""
    format: str = field(default="", compare=False)
    """Container of `data`: wav, mp3, flac, ogg (sniffed, never from the file name)."""
    seconds: float | None = field(default=None, compare=False)
    sample_rate: int | None = field(default=None, compare=False)
    """Hz."""
    span: tuple[float, float] | None = None
    """(start, end) in seconds: the part of the clip that is heard; None = all of it."""

    def identity(self, sha256_of: Hashes) -> dict[str, Any]:
        """What of it is in a journal key."""
        span = {} if self.span is None else {"span": list(self.span)}
        return {"sha256": sha256_of(self.clip), "transform": self.transform, **span}


@dataclass(frozen=True, slots=True)
class VideoPart:
    """Moving pictures, with the sound that is in the file, without it, or with that of another file."""

    kind: ClassVar = "video"

    clip: Clip
    data: bytes = field(default=b"", repr=False, compare=False)
    format: str = field(default="", compare=False)
    """Container of `data`: mp4, mov, webm, mkv (sniffed)."""
    transform: VideoTransform = "full"
    donor: Clip | None = None
    """Of `swapped`: the file whose sound is heard."""

    def identity(self, sha256_of: Hashes) -> dict[str, Any]:
        """What of it is in a journal key."""
        own = {"sha256": sha256_of(self.clip), "kind": self.kind}
        if self.transform == "full":
            return own
        sound = {} if self.donor is None else {"donor": sha256_of(self.donor)}
        return {**own, "transform": self.transform, **sound}


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture; its bytes go out as they are."""

    kind: ClassVar = "image"

    clip: Clip
    data: bytes = field(default=b"", repr=False, compare=False)
    format: str = field(default="", compare=False)
    """png, jpeg, webp, gif (sniffed)."""
    transform: str = "full"

    def identity(self, sha256_of: Hashes) -> dict[str, Any]:
        """What of it is in a journal key."""
        return {"sha256": sha256_of(self.clip), "kind": self.kind}


class AnswerAudio(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="audio"):
    """Sound that a model answered with, as a file; `audiobench.media.answers` looks at it once, when it comes."""

    sha256: str
    """Hex digest of the file's bytes."""
    format: str = ""
    """Container: wav."""
    seconds: float | None = None
    sample_rate: int | None = None
    """Hz."""
    path: str | None = None
    """Relative to the run's folder; None = the file was not kept."""
    channels: int | None = None
    clipped: float = 0.0
    """Share of the samples at full scale or beyond."""
    peak: float | None = None
    """Largest absolute sample, full scale = 1.0."""
    problem: str = ""
    """Why nothing can be heard of it (`empty`, not a sound, cut off, NaN); empty for a sound."""


AnswerPart = AnswerAudio
"""What an answer may be made of beside its text; a further kind is a further Struct with its own tag."""

MediaPart = AudioPart | ImagePart | VideoPart
Part = TextPart | AudioPart | ImagePart | VideoPart
Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    parts: Parts
    calls: tuple[ToolCall, ...] = ()
    """Of an assistant's turn: the tools that it calls, beside what it says."""
    answers: ToolCall | None = None
    """Of a tool's turn: the call whose result it is."""


def text_of(parts: Iterable[Part]) -> str:
    """The text parts, one after another."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def words(text: str | None) -> Parts | None:
    """The start of an assistant's turn that is text alone; None = the turn is not begun."""
    return None if text is None else (TextPart(text),)


def continued(parts: Parts | None, text: str) -> Parts:
    """`parts` with `text` behind them, in the same text part where they end in one."""
    if parts and isinstance(last := parts[-1], TextPart):
        return (*parts[:-1], replace(last, text=last.text + text))
    return (*(parts or ()), TextPart(text))


def ending_in_text(parts: Parts) -> Parts:
    """`parts`, with an empty text at their end where they end in a medium: vLLM goes on behind a turn's last text."""
    return parts if parts and isinstance(parts[-1], TextPart) else (*parts, TextPart(""))


Hashes = Callable[[Clip], str | None]
"""A clip -> the sha256 (hex) of its bytes."""


def identity(parts: Iterable[Part], sha256_of: Hashes) -> list[str | dict[str, Any]]:
    """Parts as a journal key holds them: text as it is, media by sha256 and by what is done to them."""
    return [part.text if isinstance(part, TextPart) else part.identity(sha256_of) for part in parts]
