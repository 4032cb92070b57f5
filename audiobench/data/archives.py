"""Unpack archives that other people made: nothing leaves the folder, nothing grows without bound."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from audiobench.core.disk import replacing
from audiobench.core.errors import UsageError

MAX_RATIO, FREE_BYTES = 100, 64 * 2**20
"""An archive may unpack to so many times its size, or to so many bytes, whichever is more; sound is never packed so
tightly. AUDIOBENCH_MAX_ARCHIVE_BYTES says a number of bytes instead.
"""
_PIECE = 1 << 20


def unpack(archive: Path, name: str, folder: Path) -> int:
    """Writes the plain files of a tar (.gz, .bz2, .xz) or zip into `folder`; returns their number.

    Links and devices are left out. Files that are already there with the right size are kept, so that a broken-off
    unpacking goes on where it stopped. `name` is what errors call the archive.

    Raises:
        UsageError: not an archive, broken, a member that leads outside of `folder`, or too many bytes.
    """
    packed = archive.stat().st_size
    limit = int(float(os.environ.get("AUDIOBENCH_MAX_ARCHIVE_BYTES") or max(MAX_RATIO * packed, FREE_BYTES)))
    total = count = 0
    try:
        for member, size, stream in _members(archive, name):
            total += size
            if total > limit:
                raise UsageError(
                    f"{name}: unpacks to more than {limit} bytes (packed {packed}); if that is right, set "
                    "AUDIOBENCH_MAX_ARCHIVE_BYTES"
                )
            target = folder / _safe(member, name)
            if not (target.is_file() and target.stat().st_size == size):
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(stream, target, size, f"{name}: {member}")
            count += 1
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{name}: a broken archive: {error}") from None
    return count


def _members(archive: Path, name: str) -> Iterator[tuple[str, int, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                    with bundle.open(info) as stream:
                        yield info.filename, info.file_size, stream
        return
    with tarfile.open(archive) as bundle:
        for info in bundle:
            if info.isfile():
                stream = bundle.extractfile(info)
                if stream is not None:
                    yield info.name, info.size, stream
            elif not info.isdir():
                _safe(info.name, name)
            bundle.members = []  # type: ignore[attr-defined]  # the list of all members is of no use here


def _safe(member: str, name: str) -> PurePosixPath:
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member or "\0" in member or not path.parts:
        raise UsageError(f"{name}: member {member!r} leads outside of the archive; nothing more of it is unpacked")
    return path


def _copy(stream: IO[bytes], target: Path, size: int, what: str) -> None:
    left = size
    with replacing(target) as partial:
        with partial.open("wb") as out:
            while left > 0 and (piece := stream.read(min(_PIECE, left))):
                out.write(piece)
                left -= len(piece)
        if left or stream.read(1):
            raise UsageError(f"{what}: its size is not what the archive says")
