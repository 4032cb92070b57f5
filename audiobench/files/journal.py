"""Append-only files of typed JSON lines: the journal of a run, which is its checkpoint and its cache, and their like.

Each line is one unbuffered write, so a killed process tears at most the last line, which is cut off on the next
opening. fsync goes by time. The advisory lock dies with its process, so a killed run never blocks the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import orjson

from audiobench.core.errors import IncompleteError, UsageError

FSYNC_SECONDS = 2.0

T = TypeVar("T", bound=msgspec.Struct)


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


class UnwritableError(Exception):
    """A line that JSON cannot hold, or that could not be read back."""


class Journal:
    """Writer of one append-only file.

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

    def append(self, record: msgspec.Struct) -> None:
        """Write one record, whole.

        Raises:
            UnwritableError: nothing was written.
        """
        line = encoded(record)
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


def encoded(record: msgspec.Struct) -> bytes:
    """The line of a record, with its line feed; it can be read back.

    Raises:
        UnwritableError: an adapter of the user's own put in what JSON cannot hold, or what the record's type forbids.
    """
    try:
        line = msgspec.json.encode(record)
        _decoder(type(record)).decode(line)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnwritableError(str(error)) from error
    return line + b"\n"


@lru_cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def read(path: Path, kind: type[T]) -> Iterator[T]:
    """The lines of an append-only file, in order; a torn last line is left out, unknown fields are ignored.

    Raises:
        IncompleteError: a line in the middle is not JSON, or not a `kind`; the message names file, line and field.
    """
    return (record for _, record in placed(path, kind))


def placed(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    """The same, each with its place: the offset in bytes."""
    if not path.is_file():
        return
    decode = _decoder(kind).decode
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield place, decode(line)
            except msgspec.ValidationError as error:
                name = kind.__name__.lower()
                raise IncompleteError(f"{path}:{number}: not a {name}: {error}; remove that line to go on") from error
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise IncompleteError(f"{path}:{number}: not JSON ({error}); remove that line to go on") from error
            place += len(line)


def at(path: Path, kind: type[T], places: Sequence[int]) -> Iterator[T]:
    """The lines at these places, one in memory at a time."""
    if not places:
        return
    decode = _decoder(kind).decode
    with path.open("rb") as file:
        for place in places:
            file.seek(place)
            yield decode(file.readline())


def write_lines(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """Replace `path` by these lines, at once."""
    write_whole(path, b"".join(map(encoded, records)))


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
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    write_whole(
        path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    )
