"""Files that a person names: a pipe would be waited for, and a device has no end."""

from __future__ import annotations

import errno
from pathlib import Path


def plain_bytes(path: Path) -> bytes:
    """The bytes of a plain file.

    Raises:
        OSError: not there, not readable, or no plain file.
    """
    check_plain(path)
    return path.read_bytes()


def check_plain(path: Path) -> None:
    """Raises OSError for what is there and is no plain file."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a plain file", str(path))
