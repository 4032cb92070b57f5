"""The journal: one append-only JSON line per finished request. It is the checkpoint and the cache.

Each record is one unbuffered write, so a killed process tears at most the last line, which is cut off on the next
opening. fsync goes by time. The advisory lock dies with its process, so a killed run never blocks the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from audiobench.errors import IncompleteError, UsageError

FSYNC_SECONDS = 2.0


class RunLock:
    """Keeps a second writer out of a run directory, as long as this process lives.

    Raises:
        UsageError: another process holds it.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / ".lock"
        try:
            run.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(f"{run}: cannot write there: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise UsageError(
                f"{run}: another run (process {holder}) is writing here; wait for it, or use another --out"
            ) from None
        os.ftruncate(self._fd, 0)
        try:
            os.write(self._fd, f"{os.getpid()}\n".encode())
        except OSError as error:
            os.close(self._fd)
            raise IncompleteError(f"{self.path}: {error.strerror}") from error

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._fd)


class Journal:
    """Writer of one `samples.jsonl`.

    Raises:
        IncompleteError: the disk is full (what was written stays whole).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = repair(self._fd)
        except OSError as error:
            raise IncompleteError(f"{path}: cannot be written: {error.strerror}") from error
        self._synced = time.monotonic()
        self._dirty = False

    def append(self, record: dict[str, Any]) -> None:
        """Write one record, whole."""
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
            self._size += len(line)
            self._dirty = True
            now = time.monotonic()
            if now - self._synced > FSYNC_SECONDS:
                self.sync()
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            what = "disk full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise IncompleteError(
                f"{self.path}: {what} while writing {len(line)} bytes; everything before is kept, "
                "free some space and run the same command again"
            ) from error

    def sync(self) -> None:
        """Ask the disk to keep what was written."""
        if self._dirty:
            os.fsync(self._fd)
            self._dirty = False
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and close."""
        try:
            self.sync()
        finally:
            os.close(self._fd)


def repair(fd: int) -> int:
    """Cut a torn last line off; returns the size of the file in bytes."""
    size = os.lseek(fd, 0, os.SEEK_END)
    end = size
    while end > 0:
        start = max(0, end - 65536)
        chunk = os.pread(fd, end - start, start)
        newline = chunk.rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(fd, end)
    return end


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a journal, in order; a torn last line is left out.

    Raises:
        IncompleteError: a line in the middle is not JSON, or not a record.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise IncompleteError(f"{path}:{number}: not JSON ({error}); remove that line to go on") from error
            if not isinstance(record, dict) or "id" not in record:
                raise IncompleteError(
                    f"{path}:{number}: not a record (an object with an id); remove that line to go on"
                )
            yield record


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` at once: temporary file, fsync, rename.

    Raises:
        IncompleteError: the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise IncompleteError(f"{path}: {error.strerror} while writing {len(data)} bytes") from error


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, replaced at once."""
    write_whole(
        path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    )
