"""Clips in a JSON body: the body is turned into JSON once, and the base64 stands between its pieces as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pybase64

from audiobench.core.types import MediaPart
from audiobench.model.adapter import SampleError


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
