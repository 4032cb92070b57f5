"""Video: read by path, recognised by its bytes, passed on untouched; nothing is decoded.

Sources: ISO/IEC 14496-12 (ftyp box and its brands), Matroska/WebM (EBML header, DocType).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from audiobench.core.parts import VideoPart
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import FileState
from audiobench.media.reading import Limits, bytes_of

if TYPE_CHECKING:
    from audiobench.media.support import VideoSupport


def sniff(head: bytes) -> str | None:
    """Container by magic bytes: mp4, mov, webm, mkv; None for anything else (an audio-only MPEG-4 file included)."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "mov" if brand == b"qt  " else None if brand in (b"M4A ", b"M4B ") else "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"webm" in head[:64] else "mkv"
    return None


def loaded(part: VideoPart, support: VideoSupport, limits: Limits | None = None) -> tuple[VideoPart, FileState]:
    """`part` with its file's bytes, and the file's state.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, over a cap, not a video that the model takes, or not the
            bytes that the data cache recorded.
    """
    path = part.clip.path
    data, state = bytes_of(part.clip, limits or Limits.from_environment())
    digest = hashlib.sha256(data).hexdigest()
    if part.clip.sha256 is not None and part.clip.sha256 != digest:
        raise InvalidAudioError(
            path, f"sha256 is {digest[:12]}…, {part.clip.sha256[:12]}… was recorded; the file changed"
        )
    container = sniff(data)
    if container is None:
        raise InvalidAudioError(path, f"not a known video container (starts with {data[:8].hex(' ')})")
    if container not in support.formats:
        raise InvalidAudioError(path, f"video in {container}; the model takes {', '.join(support.formats)}")
    if support.max_bytes is not None and len(data) > support.max_bytes:
        raise InvalidAudioError(path, f"{len(data)} bytes of video, the model takes at most {support.max_bytes}")
    clip = replace(part.clip, sha256=digest, size=len(data))
    return replace(part, clip=clip, data=data, format=container), state
