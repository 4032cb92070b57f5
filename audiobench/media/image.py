"""Images: read by path, recognised by their bytes, passed on untouched; nothing is decoded.

Sources: RFC 2083 (PNG), ITU-T T.81 (JPEG), the WebP container specification, the GIF89a specification.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audiobench.core.parts import ImagePart
from audiobench.media.errors import InvalidAudioError
from audiobench.media.raw import FileState
from audiobench.media.reading import Limits, fetch

if TYPE_CHECKING:
    from audiobench.media.support import ImageSupport


def sniff(head: bytes) -> str | None:
    """Format by magic bytes: png, jpeg, webp, gif; None for anything else."""
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return "gif" if head[:6] in (b"GIF87a", b"GIF89a") else None


def loaded(part: ImagePart, support: ImageSupport, limits: Limits | None = None) -> tuple[ImagePart, FileState]:
    """`part` with its file's bytes, and the file's state.

    Raises:
        InvalidAudioError: missing, not a plain file, empty, over a cap, not an image that the model takes, or not the bytes
            that the data cache recorded.
    """
    path = part.clip.path
    file = fetch(part.clip, limits)
    found = sniff(file.data)
    if found is None:
        raise InvalidAudioError(path, f"not a known image format (starts with {file.data[:8].hex(' ')})")
    if found not in support.formats:
        raise InvalidAudioError(path, f"image in {found}; the model takes {', '.join(support.formats)}")
    if support.max_bytes is not None and len(file.data) > support.max_bytes:
        raise InvalidAudioError(path, f"{len(file.data)} bytes of image, the model takes at most {support.max_bytes}")
    clip = replace(part.clip, sha256=file.sha256, size=len(file.data))
    return replace(part, clip=clip, data=file.data, format=found), file.state
