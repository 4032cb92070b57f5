"""How many requests are on the wire at once: fixed, or grown while the server is healthy.

Adaptive, after TCP: double a round until the first 429, then grow by a twentieth; a 429 cuts to four fifths, at most
once in a cool-down that Retry-After extends; other faults only pause the growth.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

START = 16
CUT = 0.8
COOL_DOWN_SECONDS = 15.0


class Concurrency:
    """A counted gate for the event loop: `async with gate: ...`; who came first goes in first."""

    def __init__(self, maximum: int, *, adaptive: bool) -> None:
        self.maximum = maximum
        self.limit = min(START, maximum) if adaptive else maximum
        self.in_flight = 0
        self._adaptive = adaptive
        self._slow_start = True
        self._clean = 0
        self._cool_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._waiting and self.in_flight < self.limit:
            self.in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come
                await self.__aexit__()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        """Let those in whose turn it is; their places are taken at once, so that nobody slips in before them."""
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled, and not yet told
                self.in_flight += 1
                turn.set_result(None)

    def succeeded(self) -> None:
        """A request got its response."""
        if not self._adaptive or self.limit >= self.maximum:
            return
        if self.in_flight < 0.8 * self.limit or time.monotonic() < self._cool_until:
            return
        self._clean += 1
        if self._clean >= self.limit:
            self._clean = 0
            grown = self.limit * 2 if self._slow_start else self.limit + max(1, self.limit // 20)
            self.limit = min(self.maximum, grown)
            self._wake()

    def rate_limited(self, retry_after: float | None) -> None:
        """The server said 429; `retry_after` in seconds."""
        if not self._adaptive:
            return
        now = time.monotonic()
        if now >= self._cool_until:
            self._slow_start = False
            self._clean = 0
            self.limit = max(1, int(self.limit * CUT))
            self._cool_until = now + max(COOL_DOWN_SECONDS, retry_after or 0.0)

    def faulted(self) -> None:
        """The server failed otherwise: no growth this round."""
        self._clean = 0
