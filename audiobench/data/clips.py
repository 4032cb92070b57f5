"""From an audio value of a row to a clip inside the data root."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from audiobench.core.narrow import is_object, is_sequence
from audiobench.core.types import Clip

LINKS = "--allow-links follows it"
"""What to do about a link that leads out of the data."""


class ClipError(Exception):
    """What is wrong with a row's audio value; the caller adds file and row."""


def parts_of(clips: Sequence[Clip], spans: Any) -> tuple[Clip, ...]:
    """The clips with the part of each that is heard: `spans` is [start, end] in seconds, None for all, or a list of these, of
    which a sole clip may have several.

    Raises:
        ClipError: no such span, or not one for each clip.
    """
    listed = [spans] * len(clips) if spans is None or _is_pair(spans) else spans
    if not is_sequence(listed):
        raise ClipError(f"doc_to_span: must be [start, end], null or a list of these, found {spans!r:.80}")
    if len(clips) == 1:
        clips = [clips[0]] * len(listed)
    if len(listed) != len(clips) or not clips:
        raise ClipError(f"doc_to_span: {len(listed)} spans for {len(clips)} clips")
    return tuple(clip if span is None else _part(clip, span) for clip, span in zip(clips, listed, strict=True))


def _part(clip: Clip, span: Any) -> Clip:
    if not _is_pair(span) or not 0 <= span[0] < span[1]:
        raise ClipError(f"doc_to_span: must be [start, end] in seconds with 0 <= start < end, found {span!r:.80}")
    start, end = map(float, span)
    return replace(clip, span=(start, end), seconds=end - start)


def _is_pair(value: Any) -> TypeGuard[Sequence[float]]:
    """Whether it is two numbers."""
    return is_sequence(value) and len(value) == 2 and all(map(_is_second, value))


def _is_second(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


class ClipFinder:
    """Resolves paths relative to `base`; they must lie inside one of `roots`, after symlinks too unless `allow_links`.

    A file that is not there is a clip without a size, counted in `missing` (it becomes `invalid_audio` when read).
    """

    def __init__(self, base: Path, roots: Sequence[Path], allow_links: bool = False) -> None:
        self._base = os.path.realpath(base)
        self._roots = [os.path.realpath(root) for root in roots]
        for root in list(self._roots):
            above = Path(root).parent
            if above.name == "snapshots":  # a folder of the Hub's own cache: its files are links to ../../blobs
                self._roots.append(os.path.realpath(above.parent / "blobs"))
        self._allow_links = allow_links
        self._folders: dict[str, str] = {}
        self._clips: dict[str, Clip] = {}
        self.missing: list[str] = []

    def clips(self, value: Any) -> tuple[Clip, ...]:
        """The clips of a value: a path, {path, sha256, seconds, bytes}, or a list of these; none for None.

        Raises:
            ClipError: another type, a URL, or a path that leaves the data root.
        """
        if value is None:
            return ()
        if is_sequence(value):
            return tuple(self._clip(item) for item in value)
        return (self._clip(value),)

    def absent(self, text: str) -> Clip:
        """A clip that stands for what a row should have had; missing, and `invalid_audio` when read."""
        self.missing.append(text)
        return Clip(Path(self._base) / text.replace("/", "_"))

    def _clip(self, value: Any) -> Clip:
        if isinstance(value, str):
            known = self._clips.get(value)
            if known is None:
                path, size = self._find(value)
                known = Clip(Path(path), None, None, size)
                if size is not None:
                    self._clips[value] = known
            return known
        if is_object(value) and isinstance(value.get("path"), str):
            path, size = self._find(value["path"])
            return Clip(Path(path), value.get("sha256"), value.get("seconds"), size)
        shape = f"an object with {', '.join(value)}" if is_object(value) else type(value).__name__
        raise ClipError(f"audio must be a path or {{path}}, found {shape}")

    def _find(self, text: str) -> tuple[str, int | None]:
        if "://" in text or "\0" in text or not text:
            raise ClipError(f"audio {text!r}: must be a path of a file, URLs are not fetched")
        folder, _, name = text.rpartition("/")
        if text.startswith("/") and not folder:
            folder = "/"
        if name in ("", ".", ".."):
            raise ClipError(f"audio {text!r}: not a file name")
        real = self._folders.get(folder)
        if real is None:
            named = os.path.normpath(os.path.join(self._base, folder))
            real = os.path.realpath(named)
            if not self._inside(real) and not (self._allow_links and self._inside(named)):
                hint = f" by a link ({LINKS})" if self._inside(named) else ""
                raise ClipError(f"audio {text!r}: leads outside of {self._roots[0]}{hint}")
            self._folders[folder] = real
        path = f"{real}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            self.missing.append(text)
            return path, None
        if stat.S_ISLNK(status.st_mode):
            path = os.path.realpath(path)
            if not self._allow_links and not self._inside(path):
                raise ClipError(f"audio {text!r}: a link that leads outside of {self._roots[0]} ({LINKS})")
            try:
                status = os.stat(path)
            except OSError:
                self.missing.append(text)
                return path, None
        return path, status.st_size

    def _inside(self, real: str) -> bool:
        return any(real == root or real.startswith(root.rstrip("/") + "/") for root in self._roots)
