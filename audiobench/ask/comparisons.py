"""Which samples' requests were compared with a journal's answers before and found to be the same: a cache.

To compare them, each request is made once more, which is most of what the repeat of a finished run does. What comes of
it depends on the sample, its clips' bytes, the task, the model, the run's settings, the code and what the journal holds, so
a digest of all these stands for "every answer is to today's request and about today's item", for a few hundred samples at
a time. Anything else, a corrected key or another clip, is another digest, and is compared (docs/decisions/15-answers-remembered.md).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

import audiobench
from audiobench.core import remembered

WORTH_KEEPING = 1000
"""Answers; fewer are compared in a moment."""


class Comparisons:
    """What of one journal was found to be the same, in any process.

    Args:
        journal: whose answers.
        settings: everything but the samples that a request depends on; None where it cannot be written down.
    """

    def __init__(self, journal: Path, settings: bytes | None) -> None:
        self._file = remembered.place("comparisons", journal)
        self._code = code_sha256() if settings is not None else b""
        self._settings = settings or b""
        self._same: set[bytes] = set()
        self._met: set[bytes] = set()
        kept = remembered.opened(self._file) if self._code else None
        if kept is not None and kept.startswith(self._code):
            found = kept[len(self._code) :]
            self._same = {found[at : at + remembered.DIGEST] for at in range(0, len(found), remembered.DIGEST)}

    def digest(self, facts: Iterable[Any]) -> bytes:
        """Stands for samples and their answers; empty where these facts cannot be written down, or the code."""
        found = hashlib.blake2b(self._settings, digest_size=remembered.DIGEST)
        try:
            for fact in facts if self._code else ():
                found.update(_ENCODER.encode(fact))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return b""
        return found.digest() if self._code else b""

    def knows(self, digest: bytes) -> bool:
        """Whether these were found to be the same."""
        return digest in self._same

    def add(self, digest: bytes) -> None:
        """Note that these are the same."""
        if digest:
            self._met.add(digest)

    def keep(self) -> None:
        """Write down what was met since; what was not is of another day."""
        if (
            self._met
            and self._met != self._same
            and remembered.keep(self._file, self._code + b"".join(sorted(self._met)))
        ):
            self._same = self._met


def _plain(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)  # what it looks like need not say what it is


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)


def settings(*parts: Any) -> bytes | None:
    """`parts` as `Comparisons` takes them."""
    try:
        return _ENCODER.encode(parts)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


@cache
def code_sha256() -> bytes:
    """Digest of all code of audiobench and of what else makes requests; empty without source."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("jinja2", "msgspec", "orjson", "pydantic"):
        digest.update(f"{name} {version(name)}\n".encode())
    folder = Path(str(audiobench.__file__)).parent
    files = sorted(folder.rglob("*.py"))
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)} {len(content)}\n".encode())
        digest.update(content)
    return digest.digest() if files else b""
