"""JSON files whose last field is their checksum: `crc`, the CRC-32 (8 hex digits) of all that stands before it.

A file without it, as version 0.1 wrote them, is read unchecked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import orjson

from audiobench.core.disk import write_whole
from audiobench.core.errors import IncompleteError
from audiobench.core.plain import plain_bytes

_CRC = b',\n  "crc": "'
_BEHIND_CRC = len(b'01234567"\n}\n')
_TAIL = len(_CRC) + _BEHIND_CRC


def write(path: Path, value: Any) -> None:
    """Replace `path` by an object as indented JSON, at once.

    Raises:
        IncompleteError: the disk is full.
    """
    whole = orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    body = whole.removesuffix(b"\n}")
    write_whole(path, b'%b%b%08x"\n}\n' % (body, _CRC, crc32(body)))


def read(path: Path) -> bytes:
    """The file's bytes, checked.

    Raises:
        OSError: it cannot be read.
        IncompleteError: it was changed after it was written.
    """
    data = plain_bytes(path)
    if is_sealed(data) and b"%08x" % crc32(data[:-_TAIL]) != data[-_BEHIND_CRC:-4]:
        raise IncompleteError(
            f"{path}: was changed after it was written (its checksum differs); if the change is meant, delete its last "
            "field (crc)"
        )
    return data


def is_sealed(data: bytes) -> bool:
    """Whether the bytes of a file end with a checksum."""
    return data[-_TAIL:-_BEHIND_CRC] == _CRC
