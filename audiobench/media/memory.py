"""How much memory decoded sound may take, by one clip and by all threads together."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from audiobench.media.errors import InvalidAudioError

BLOCK = 1 << 18
"""Samples (of one channel or of all) worked on at a time, so that a long clip does not stand in memory a second time."""


class Memory:
    """A budget in bytes that threads share: who finds too little left waits for the others."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit
        self._freed = threading.Condition()

    @contextmanager
    def held(self, size: int, path: Path) -> Generator[None]:
        """Hold `size` bytes.

        Raises:
            InvalidAudioError: more than the whole budget.
        """
        if size > self.limit:
            raise InvalidAudioError(
                path,
                f"would take {size >> 20} MiB of memory to convert, over the cap of {self.limit >> 20} MiB: "
                "convert it beforehand to what the model takes",
            )
        with self._freed:
            self._freed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._freed:
                self._left += size
                self._freed.notify_all()


MEMORY = Memory(3 * 2**29)
"""1.5 GiB: an hour of mono at 48 kHz fits."""
