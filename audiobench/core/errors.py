"""Exit codes and the errors that carry them.

Every error a user can cause is one of these: one line that names the file, the field, the value and what would be
right. `cli.main` prints the line and exits with the code; a traceback is a bug in audiobench.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from enum import IntEnum

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
"""`OSError.errno` where a disk is full, broken or not to be written to."""


class ExitCode(IntEnum):
    """What the process says to a shell or a CI job (a contract, see docs/design.md)."""

    OK = 0
    """All samples scored, or the gate passed."""
    REGRESSION = 1
    """The gate found a regression."""
    USAGE = 2
    """Wrong usage or configuration."""
    NOT_COMPARABLE = 3
    """The two results do not rest on the same samples, prompt, extraction or scorer."""
    INCOMPLETE = 4
    """Errors, invalid audio, a missing baseline, a full disk."""
    INTERNAL = 70
    """A bug in audiobench (EX_SOFTWARE): never a verdict on a model."""
    SIGINT = 130
    SIGTERM = 143


def install(extra: str) -> str:
    """How the libraries of an extra of ours are installed, for messages."""
    return f"pip install '.[{extra}]' in a checkout of audiobench"


class AudiobenchError(Exception):
    """An error to show as one line; `exit_code` is what the process ends with."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(AudiobenchError):
    """Something the user wrote (a flag, a YAML, a path) is wrong."""


class NotComparableError(AudiobenchError):
    """Two results were asked to be compared that do not rest on the same things."""

    exit_code = ExitCode.NOT_COMPARABLE


class IncompleteError(AudiobenchError):
    """The work could not be finished; what was finished is kept."""

    exit_code = ExitCode.INCOMPLETE


def suggestion(word: str, known: Iterable[str], otherwise: str, most: int = 1) -> str:
    """What an error about an unknown word ends with: at most so many known ones that are close to it, else `otherwise`."""
    close = difflib.get_close_matches(word, list(known), n=most)
    return f"did you mean {' or '.join(f'`{one}`' for one in close)}?" if close else otherwise
