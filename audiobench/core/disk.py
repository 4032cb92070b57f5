"""Files replaced at once: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Any

import msgspec
import orjson

from audiobench.core.errors import IncompleteError


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A path beside `path` for a file that takes its place at the end; on any error nothing is left of it.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def replace_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace `path` at once, making its folder where there is none.

    Args:
        path: the file.
        data: its new content.
        sync: wait until it is on the disk.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def write_whole(path: Path, data: bytes) -> None:
    """`replace_file`, whose failure ends a command with one line.

    Raises:
        IncompleteError: the disk is full.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise IncompleteError(f"{path}: {error.strerror} while writing {len(data)} bytes") from error


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, replaced at once."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    write_whole(
        path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    )
