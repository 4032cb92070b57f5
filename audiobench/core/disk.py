"""Files replaced at once: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec
import orjson

from audiobench.core.errors import IncompleteError


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
