"""The data cache: rows without audio in `rows.jsonl`, clips as files named by their sha256, and a manifest.

    <cache>/<owner>--<name>/<revision>/<split>-<key>/   rows.jsonl  manifest.json  audio/  files/

A folder counts only once its manifest is there, which is written last. The cache is the folder AUDIOBENCH_CACHE, else
`~/.cache/audiobench`; everything in it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import orjson

from audiobench.core.disk import replace_file, replacing
from audiobench.core.errors import IncompleteError
from audiobench.data import manifests
from audiobench.data.manifests import AnyManifest, Manifest
from audiobench.data.rows import ClipRecord, Row, read_jsonl
from audiobench.media.container import sniff
from audiobench.media.errors import InvalidAudioError
from audiobench.media.sounds import sound_in


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Turns what a file system refuses (no room, no right) into one line about the data cache.

    Raises:
        IncompleteError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise IncompleteError(
            f"data cache {place}: {error.strerror or error}; set AUDIOBENCH_CACHE to a folder with room"
        ) from None


class CacheFolder:
    """One materialised data set."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self, kind: type[AnyManifest]) -> AnyManifest | None:
        """The manifest; None while the folder is not complete."""
        manifest = manifests.read(self.path, kind)
        try:
            size = (self.path / "rows.jsonl").stat().st_size
        except OSError:
            return None
        return manifest if manifest is not None and manifest.rows_bytes == size else None

    @property
    def complete(self) -> bool:
        """Whether its rows can be read."""
        return self.manifest(Manifest) is not None

    def rows(self) -> list[Row]:
        """All rows."""
        return read_jsonl(self.path / "rows.jsonl")

    @contextmanager
    def building(self) -> Generator[None]:
        """Holds the folder's lock; a second process waits. What a killed one left half written is taken away.

        Raises:
            IncompleteError: the folder cannot be written, or the disk is full.
        """
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ".lock").open("ab") as lock:
                _lock(lock.fileno())
                for left in self.path.rglob("*.tmp"):
                    left.unlink(missing_ok=True)
                yield

    def store(self, data: bytes) -> ClipRecord:
        """Writes a clip (once) and returns its record: path relative to the folder, sha256, bytes, seconds."""
        digest = hashlib.sha256(data).hexdigest()
        name = f"audio/{digest}.{sniff(data) or 'bin'}"
        path = self.path / name
        if not path.exists() or path.stat().st_size != len(data):
            replace_file(path, data, sync=False)
        return {"path": name, "sha256": digest, "bytes": len(data), "seconds": seconds_of(data, path)}

    def record(self, name: str) -> ClipRecord:
        """The record of a file that is already in the folder; without sha256 when it is not there."""
        path = self.path / name
        try:
            data = path.read_bytes() if path.is_file() else None
        except OSError:
            data = None
        if data is None:
            return {"path": name}
        digest = hashlib.sha256(data).hexdigest()
        return {"path": name, "sha256": digest, "bytes": len(data), "seconds": seconds_of(data, path)}

    def finish(self, rows: Iterable[Row], manifest: AnyManifest) -> AnyManifest:
        """Writes rows.jsonl, then manifest.json; returns the manifest with counts, columns and time added."""
        count, columns = 0, dict[str, None]()
        with replacing(self.path / "rows.jsonl") as partial, partial.open("wb") as out:
            for row in rows:
                out.write(orjson.dumps(row, default=str) + b"\n")
                columns.update(dict.fromkeys(row))
                count += 1
            out.flush()
            os.fsync(out.fileno())
        whole = msgspec.structs.replace(
            manifest,
            rows=count,
            rows_bytes=(self.path / "rows.jsonl").stat().st_size,
            columns=tuple(columns),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        manifests.write(self.path, whole)
        return whole


def seconds_of(data: bytes, path: Path) -> float | None:
    """Duration by the header; None where it cannot be told (the clip is judged when it is read)."""
    container = sniff(data)
    if container is None:
        return None
    try:
        sound = sound_in(data, container, path)
    except InvalidAudioError:
        return None
    frames = sound.about if sound.frames is None else sound.frames
    return None if frames is None or not sound.sample_rate else round(frames / sound.sample_rate, 6)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # no advisory locks on this system: files are still written whole
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
