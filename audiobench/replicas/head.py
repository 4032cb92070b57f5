"""Whether the head of the cluster is still there: Ray ends a driver that has lost it, after a minute and with exit code 1.

That code means a regression here, so a run ends by itself before.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

LOOK_SECONDS = 2.0
PATIENCE = 10.0
"""Seconds that the head may not answer; Ray waits for sixty, in which a run's open calls end and its summary is made."""


class Head:
    """The head at `HOST:PORT`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.gone = False

    async def watch(self) -> None:
        """Look until it is gone."""
        host, _, port = self.address.rpartition(":")
        seen = time.monotonic()
        while not self.gone:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                    writer.close()
                    seen = time.monotonic()
            self.gone = time.monotonic() - seen > PATIENCE
