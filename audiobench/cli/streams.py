"""Standard output and error whose reader may be gone: a command goes on, and ends with its own exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

_GONE = (errno.EPIPE, errno.EBADF, errno.ESHUTDOWN, errno.ECONNRESET)


class _Forgiving(io.FileIO):
    """A stream that takes everything, and notes the first failure of what is behind it."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> Any:
        """Number of bytes taken."""
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def forgive() -> None:
    """Let this process's own standard output and error outlive their readers, and be there where they were closed."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a closed stream's number would go to the next file that is opened
    os.close(fd)
    for fd, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        own = stream is None or stream is getattr(sys, f"__{name}__")
        if own and not isinstance(getattr(getattr(stream, "buffer", None), "raw", None), _Forgiving):
            made = io.TextIOWrapper(
                io.BufferedWriter(_Forgiving(fd, "w", closefd=False)),
                encoding=getattr(stream, "encoding", "utf-8"),
                errors="backslashreplace" if fd == 2 else getattr(stream, "errors", "strict"),
                line_buffering=fd == 2 or os.isatty(fd),
            )
            setattr(sys, name, made)
            setattr(sys, f"__{name}__", made)


def lost() -> str | None:
    """Why standard output did not take what was written, where that is not its reader's choice (a full disk)."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _Forgiving) else None
    return None if failure is None or failure.errno in _GONE else os.strerror(failure.errno or errno.EIO)
