"""Clips in a request's body: base64 between the pieces of its JSON, which is made once, or a file of a form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pybase64

from audiobench.core.types import MediaPart
from audiobench.model.adapter import SampleError


def mime_type(part: MediaPart, known: Mapping[str, str], server: str) -> str:
    """The MIME type of a clip, by its format.

    Args:
        part: a clip of a request.
        known: format -> MIME type, of what can be sent.
        server: what messages call the other side.

    Raises:
        SampleError: the clip has no bytes, or another format.
    """
    if part.data and part.format in known:
        return known[part.format]
    why = f"{server} takes {', '.join(known)}, not {part.format!r}" if part.data else "no bytes to send"
    raise SampleError(f"{part.kind} {part.clip.path.name}: {why}")


def form(fields: Mapping[str, str], file: str, mime: str, data: bytes) -> tuple[str, bytes]:
    """(content type, body) of a multipart form (RFC 7578): `fields`, then the field `file`, whose file name `file` is."""
    boundary = secrets.token_hex(16)
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    head = "".join(f'{part}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    head += f'{part}file"; filename="{file}"\r\nContent-Type: {mime}\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", b"".join(
        (head.encode(), data, f"\r\n--{boundary}--\r\n".encode())
    )


def spliced(body: Mapping[str, Any], mark: str, clips: Sequence[MediaPart], *, place: str) -> list[bytes]:
    """`body` as JSON, cut where a clip's `mark` stands, with the base64 of the clips between the pieces.

    Raises:
        SampleError: there are not as many marks as clips: something replaced `place`, the field that holds them.
    """
    pieces = orjson.dumps(body).split(mark.encode())
    if len(pieces) != len(clips) + 1:
        raise SampleError(f"{len(clips)} clips and {len(pieces) - 1} places for them: extra_body replaced {place}")
    joined = [pieces[0]]
    for clip, piece in zip(clips, pieces[1:], strict=True):
        joined += (pybase64.b64encode(clip.data), piece)
    return joined
