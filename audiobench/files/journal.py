"""Append-only files of typed JSON lines: the journal of a run, which is its checkpoint and its cache, and their like.

Each line is one unbuffered write, so a killed process tears at most the last line, which is cut off on the next
opening. fsync goes by time. The advisory lock dies with its process, so a killed run never blocks the next one.

A line's last field is `crc`: the CRC-32 (8 hex digits) of all that stands before it. A line without one, as version 0.1
wrote them, is read unchecked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import msgspec

from audiobench.core.disk import write_whole
from audiobench.core.errors import IncompleteError, UsageError

FSYNC_SECONDS = 2.0

CRC = b',"crc":"'
_BEHIND_CRC = len(b'01234567"}\n')
_TAIL = len(CRC) + _BEHIND_CRC
_READ_AHEAD = 2**18
"""Bytes: lines that are wanted mostly stand one behind the other."""

T = TypeVar("T", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)


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
            for file in left_over(run):
                file.unlink(missing_ok=True)
        except OSError as error:
            os.close(self._fd)
            raise IncompleteError(f"{self.path}: {error.strerror}") from error

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._fd)


def left_over(run: Path) -> list[Path]:
    """Half-written files (`write_whole`) in a run directory, of processes that were killed: whoever holds the lock may
    remove them.
    """
    return sorted(file for pattern in ("", "*/") for file in run.glob(f"{pattern}.*.tmp"))


class UnwritableError(Exception):
    """A line that JSON cannot hold, or that could not be read back."""


class Journal:
    """Writer of one append-only file.

    Raises:
        IncompleteError: the disk is full (what was written stays whole), or the file was deleted meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._size = repair(self._fd)
            self._inode = os.fstat(self._fd).st_ino
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
            self._check_place()
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

    def _check_place(self) -> None:
        """Raise IncompleteError where the file is not where it was: what is written would be lost."""
        try:
            here = os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            here = False
        if not here:
            raise IncompleteError(f"{self.path}: was deleted or moved while the run was going on; it was stopped")

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
    line = line[:-1]
    return b'%b%b%08x"}\n' % (line, CRC, crc32(line))


def has_checksum(line: bytes) -> bool:
    """Whether a line, with its line feed, was written with its checksum."""
    return line[-_TAIL:-_BEHIND_CRC] == CRC


def is_whole(line: bytes) -> bool:
    """Whether a line, with its line feed, holds what was written; True for one that has no checksum."""
    return not has_checksum(line) or _agrees(line)


def _agrees(line: bytes) -> bool:
    return b"%08x" % crc32(line[:-_TAIL]) == line[-_BEHIND_CRC:-3]


@lru_cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


Fault = Callable[[Any], str | None]
"""What is wrong with a decoded line beyond its types; None for a sound one."""


def read(path: Path, kind: type[T], fault: Fault | None = None) -> Iterator[T]:
    """The lines of an append-only file, in order; a torn last line is left out, unknown fields are ignored.

    Raises:
        IncompleteError: a line was changed after it was written, is not JSON, not a `kind` or has a `fault`; the message
            names file, line and field.
    """
    return (record for _, record in placed(path, kind, fault))


def placed(path: Path, kind: type[T], fault: Fault | None = None) -> Iterator[tuple[int, T]]:
    """The same, each with its place: the offset in bytes."""
    place = 0
    for number, line in lines(path):
        record = decoded(line, kind, fault)
        if isinstance(record, str):
            raise damaged(path, number, record)
        yield place, record
        place += len(line)


def parts(path: Path, part: type[S], whole: type[T], fault: Fault | None = None) -> Iterator[tuple[int, S | T]]:
    """What `part` reads of each line whose checksum is sound, and all that `whole` reads of one without a checksum; each
    with its place, as `placed`.

    Raises:
        IncompleteError: as `read`; what `part` does not read of a line with a checksum is not looked at.
    """
    if not path.is_file():
        return
    decode, place = _decoder(part).decode, 0
    with path.open("rb", buffering=_READ_AHEAD) as file:
        for number, line in enumerate(file, 1):
            found: S | T | str | None = None
            if has_checksum(line) and _agrees(line):
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    found = decode(line)
            elif not line.endswith(b"\n"):
                return
            if found is None:
                found = decoded(line, whole, fault)
            if isinstance(found, str):
                raise damaged(path, number, found)
            yield place, found
            place += len(line)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line with its line feed) of an append-only file; a torn last line is left out."""
    if not path.is_file():
        return
    with path.open("rb", buffering=_READ_AHEAD) as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                yield number, line


def decoded(line: bytes, kind: type[T], fault: Fault | None = None) -> T | str:
    """What a line holds, or what is wrong with it."""
    if not is_whole(line):
        return "was changed after it was written (its checksum differs)"
    return _parsed(line, kind, fault)


def _parsed(line: bytes, kind: type[T], fault: Fault | None) -> T | str:
    try:
        record: T = _decoder(kind).decode(line)
    except msgspec.ValidationError as error:
        return f"not a {kind.__name__.lower()}: {error}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not JSON ({error})"
    return (fault(record) if fault is not None else None) or record


def damaged(path: Path, number: int, problem: str) -> IncompleteError:
    """The error about a line (from 1) that cannot be used."""
    return IncompleteError(f"{path}:{number}: {problem}; `audiobench verify --repair RUN` sets the line aside")


def number_of(path: Path, place: int) -> int:
    """Number (from 1) of the line at an offset in bytes."""
    with path.open("rb") as file:
        return 1 + file.read(place).count(b"\n")


def at(path: Path, kind: type[T], places: Sequence[int], fault: Fault | None = None) -> Iterator[T]:
    """The lines at these places, whose checksums were looked at before, one in memory at a time.

    Raises:
        IncompleteError: as `read`.
    """
    if not places:
        return
    with path.open("rb", buffering=_READ_AHEAD) as file:
        for place in places:
            file.seek(place)
            record = _parsed(file.readline(), kind, fault)
            if isinstance(record, str):
                raise damaged(path, number_of(path, place), record)
            yield record


def write_lines(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """Replace `path` by these lines, at once."""
    write_whole(path, b"".join(map(encoded, records)))
