"""The clips that journals name: where they are now, and whether they are still what the model heard."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Literal

from audiobench.files.records import ClipFacts
from audiobench.media import container, image, video

_SOUND = {
    "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg", "aac": "audio/aac",
    "m4a": "audio/mp4", "aiff": "audio/aiff", "webm": "audio/webm", "caf": "audio/x-caf", "au": "audio/basic",
    "w64": "audio/x-w64", "sphere": "audio/x-nist",
}  # fmt: skip
TYPES = {
    "audio": _SOUND,
    "image": {name: f"image/{name}" for name in ("png", "jpeg", "webp", "gif")},
    "video": {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska"},
}
"""Kind of medium -> its formats -> what a browser is told."""
_SNIFF = {"audio": container.sniff, "image": image.sniff, "video": video.sniff}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FoundClip:
    """One clip by its sha256."""

    sha256: str
    path: Path
    state: Literal["ok", "missing", "changed"]
    """missing: no audio file there; changed: not what the journal recorded."""
    seconds: float | None
    format: str | None
    """Container by its magic bytes; None unless `state` is ok."""
    kind: str = "audio"
    """audio | image | video."""

    @property
    def type(self) -> str:
        """What a browser is told of it, if there is a file to show."""
        return TYPES[self.kind][self.format or ""]


def clip_of(fact: ClipFacts, run: Path, *, hashed: bool = False) -> FoundClip | None:
    """What a journal's audio entry points at; None when the entry has no usable sha256.

    A relative path is looked up from the working directory, then from the run directory. Only files that begin like
    what they should be are ever found, whatever a journal names; `hashed`, only those whose sha256 is the recorded one are `ok`.
    """
    if not _SHA256.fullmatch(fact.sha256) or fact.kind not in _SNIFF:
        return None
    path = Path(fact.path)
    places = [path] if path.is_absolute() else [path, run / path]
    for place in places:
        try:
            with place.open("rb") as file:
                form, size = _SNIFF[fact.kind](file.read(4096)), os.fstat(file.fileno()).st_size
        except (OSError, ValueError):
            continue
        if form is None:
            continue
        same = (not fact.bytes or fact.bytes == size) and (not hashed or _sha256(place) == fact.sha256)
        state = "ok" if same else "changed"
        return FoundClip(fact.sha256, place.resolve(), state, fact.seconds, form if state == "ok" else None, fact.kind)
    return FoundClip(fact.sha256, path, "missing", fact.seconds, None, fact.kind)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


class ClipIndex:
    """Every clip of the pages, each looked up once."""

    def __init__(self, *, hashed: bool = False) -> None:
        self.by_sha: dict[str, FoundClip] = {}
        self.hashed = hashed
        """Whether a file must have the very bytes that the journal recorded: for a page that takes copies of them."""

    def find(self, facts: Iterable[ClipFacts], run: Path) -> list[FoundClip | None]:
        """The clips of one record, in order."""
        found: list[FoundClip | None] = []
        for fact in facts:
            known = self.by_sha.get(fact.sha256)
            if known is None or known.state != "ok" or (known.kind, fact.kind) == ("audio", video.KIND):
                known = clip_of(fact, run, hashed=self.hashed) or known
                if known is not None:
                    self.by_sha[known.sha256] = known
            found.append(known)
        return found
