"""Video: read by path, recognised by its bytes; passed on untouched unless its sound is taken out or swapped.

Sources: ISO/IEC 14496-12 (ftyp box and its brands), Matroska/WebM (EBML header, DocType).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audiobench.core.parts import VideoPart
from audiobench.media import soundtrack
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import FileState
from audiobench.media.reading import Limits, fetch

if TYPE_CHECKING:
    from audiobench.media.support import VideoSupport


KIND = VideoPart.kind


def sniff(head: bytes) -> str | None:
    """Container by magic bytes: mp4, mov, webm, mkv; None for anything else (an audio-only MPEG-4 file included)."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "mov" if brand == b"qt  " else None if brand in (b"M4A ", b"M4B ") else "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"webm" in head[:64] else "mkv"
    return None


def loaded(
    part: VideoPart, support: VideoSupport, limits: Limits | None = None
) -> tuple[VideoPart, FileState, tuple[str, ...]]:
    """`part` with the bytes that are sent, the state of its file, and what was changed in words.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, over a cap, not a video that the model takes, not the bytes that
            the data cache recorded, or its sound cannot be taken out or swapped.
    """
    path = part.clip.path
    file = fetch(part.clip, limits)
    container = sniff(file.data)
    if container is None:
        raise InvalidAudioError(path, f"not a known video container (starts with {file.data[:8].hex(' ')})")
    if container not in support.formats:
        raise InvalidAudioError(path, f"video in {container}; the model takes {', '.join(support.formats)}")
    data, donor, changed = file.data, part.donor, ()
    if part.transform == "muted":
        data, changed = soundtrack.muted(data, container, path), ("without its sound",)
    elif part.transform == "swapped" and donor is not None:
        other = fetch(donor, limits)
        data = soundtrack.with_sound_of(data, container, path, other.data, donor.path)
        donor, changed = replace(donor, sha256=other.sha256), (f"with the sound of {donor.path.name}",)
    if support.max_bytes is not None and len(data) > support.max_bytes:
        raise InvalidAudioError(path, f"{len(data)} bytes of video, the model takes at most {support.max_bytes}")
    clip = replace(part.clip, sha256=file.sha256, size=len(file.data))
    return replace(part, clip=clip, data=data, format=container, donor=donor), file.state, changed
