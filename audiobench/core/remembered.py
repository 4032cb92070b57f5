"""Files of the cache that only save time: what a digest of everything it depends on stands for. Nobody misses one.

    <cache>/<kind>/<sha256 of the file that it is about>

One that is damaged, another user's or writable for others is not read; all can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from audiobench.core.cache_place import cache_root
from audiobench.core.disk import write_whole
from audiobench.core.errors import IncompleteError
from audiobench.core.plain import check_plain

DIGEST = 16
"""Bytes."""
MOST_BYTES = 2**30
"""Of all files of a kind together; the least recently written ones go first."""


def digest(content: bytes) -> bytes:
    """16 bytes that tell contents apart."""
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def place(kind: str, about: Path) -> Path:
    """Where this kind of file about `about` is kept."""
    return cache_root() / kind / hashlib.sha256(os.fsencode(about.resolve())).hexdigest()[:32]


def opened(file: Path) -> bytes | None:
    """What `keep` wrote; None where there is no plain file that is whole and this user's alone."""
    try:
        check_plain(file)
        with file.open("rb") as source:
            state = os.fstat(source.fileno())
            if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            checksum, content = source.read(DIGEST), source.read()
    except OSError:
        return None
    return content if checksum == digest(content) else None


def keep(file: Path, content: bytes) -> bool:
    """Write a file behind its checksum; whether that was possible."""
    with contextlib.suppress(IncompleteError, OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, digest(content) + content)
        file.chmod(stat.S_IRUSR | stat.S_IWUSR)
        _make_room(file)
        return True
    return False


def _make_room(newest: Path) -> None:
    files = [(file, file.stat()) for file in newest.parent.iterdir() if file != newest]
    left = MOST_BYTES - newest.stat().st_size
    for file, state in sorted(files, key=lambda entry: -entry[1].st_mtime):
        left -= state.st_size
        if left < 0:
            file.unlink()
