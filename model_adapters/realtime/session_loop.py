"""An event loop on a thread of its own, where nothing but sessions runs.

The runner's loop also reads and hashes clips, writes the journal and waits for its fsync. On that loop each of these
would hold up the moment at which a packet is noticed, and the pieces of a clip that are due.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SessionLoop:
    """Runs coroutines on its thread, which starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of `coroutine`; cancelling this cancels it."""
        if self._loop is None:
            self._start()
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _start(self) -> None:
        ready = threading.Event()

        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await self._stop.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sessions", daemon=True)
        self._thread.start()
        ready.wait()

    async def close(self) -> None:
        """End the thread; sessions that still run are cancelled."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._thread.join)
            self._loop = self._thread = None
