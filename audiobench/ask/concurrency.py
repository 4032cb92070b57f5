"""How many requests are on the wire at once: fixed, or grown while the server is healthy; and when each may start.

Adaptive, after TCP: double a round until the first 429, then grow by a twentieth; a 429 cuts to four fifths, at most
once in a cool-down that Retry-After extends; other faults only pause the growth. A server that refuses at random refuses
the same share however few are asked: where cuts have not lowered the share, no more are made until it rises.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator

from audiobench.ask.pace import Pace

START = 16
CUT = 0.8
COOL_DOWN_SECONDS = 15.0
TRIED = 3
"""Cuts after which is asked whether they help."""
LOWERED = 0.8
"""Times the share that was refused before the last two of them: less is a cut that helped."""
RISEN = 1.5
"""Times the share that is refused at random: more is a server that wants less again."""
AT_RANDOM = (0.05, 0.5)
"""Share of the requests; where fewer are refused between two cuts, the cuts do their work, and where more are, asking more
is no use.
"""


class DismissedError(Exception):
    """A request that was still waiting for its turn when the gate was closed."""


class Concurrency:
    """A counted gate for the event loop: `async with gate.turn(): ...`; who came first goes in first."""

    def __init__(self, maximum: int, *, adaptive: bool) -> None:
        self.maximum = maximum
        self.limit = min(START, maximum) if adaptive else maximum
        self.in_flight = 0
        self.pace = Pace()
        self._adaptive = adaptive
        self._slow_start = True
        self._clean = 0
        self._cool_until = self._next_look = 0.0
        self._passed = self._refused = 0
        """Requests since the share was last looked at."""
        self._shares: list[float] = []
        """Refused before each cut, since cuts were last known to help."""
        self._random: float | None = None
        """The share that is refused however few are asked; None where cuts may lower it."""
        self._waiting: deque[asyncio.Future[float]] = deque()
        self._staying: set[asyncio.Future[float]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def turn(self, *, again: bool = False, stays: bool = False) -> AsyncGenerator[float]:
        """A request's time on the wire; gives the moment at which it began.

        Args:
            again: it has waited before, and goes in before the others.
            stays: `dismiss` does not send it away.

        Raises:
            DismissedError: it was sent away.
        """
        began = await self._enter(again, stays)
        try:
            yield began
        finally:
            self.in_flight -= 1
            self._wake()

    async def _enter(self, again: bool, stays: bool) -> float:
        if not self._waiting and self._open():
            return self._start()
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.appendleft(turn) if again else self._waiting.append(turn)
        if stays:
            self._staying.add(turn)
        self._wake()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come
                self.in_flight -= 1
                self._wake()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            self._staying.discard(turn)

    def _open(self) -> bool:
        return self.in_flight < self.limit and self.pace.next <= asyncio.get_running_loop().time()

    def _start(self) -> float:
        now = asyncio.get_running_loop().time()
        self.in_flight += 1
        self.pace.started(now)
        return now

    def _wake(self) -> None:
        """Let those in whose turn it is; their places are taken at once, so that nobody slips in before them."""
        while self._waiting and self._open():
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled, and not yet told
                turn.set_result(self._start())
        if self._waiting and self.in_flight < self.limit and self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self.pace.next, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._wake()

    def dismiss(self) -> None:
        """Send away who waits, but for those that stay."""
        for turn in [turn for turn in self._waiting if turn not in self._staying]:
            self._waiting.remove(turn)
            if not turn.done():
                turn.set_exception(DismissedError())

    def succeeded(self, began: float) -> None:
        """The request that began then got its response."""
        self.pace.passed(began)
        self._passed += 1
        if not self._adaptive or self.limit >= self.maximum:
            return
        if self.in_flight < 0.8 * self.limit or asyncio.get_running_loop().time() < self._cool_until:
            return
        self._clean += 1
        if self._clean >= self.limit:
            self._clean = 0
            grown = self.limit * 2 if self._slow_start else self.limit + max(1, self.limit // 20)
            self.limit = min(self.maximum, grown)
            self._wake()

    def rate_limited(self, began: float, retry_after: float | None) -> bool:
        """The server answered the request that began then with 429; `retry_after` in seconds.

        Returns:
            Whether all requests wait; if not, this one waits by itself.
        """
        now = asyncio.get_running_loop().time()
        paused = self.pace.refused(began, now, retry_after)
        self._refused += 1
        if self._adaptive and now >= self._next_look:
            self._slow_start = False
            self._next_look = now + max(COOL_DOWN_SECONDS, retry_after or 0.0)
            if self._may_help():
                self._clean = 0
                self.limit = max(1, int(self.limit * CUT))
                self._cool_until = self._next_look
        return paused

    def _may_help(self) -> bool:
        """Whether to cut: unless the last cuts have not lowered the share that is refused, and it has not risen since."""
        share = self._refused / (self._passed + self._refused)
        self._passed = self._refused = 0
        if self._random is not None:
            if share <= RISEN * self._random:
                return False
            self._random, self._shares = None, []
        self._shares.append(share)
        least, most = AT_RANDOM
        if len(self._shares) <= TRIED or not max(least, LOWERED * self._shares[-TRIED]) <= share <= most:
            return True
        self._random = share
        return False

    def faulted(self, began: float) -> None:
        """The request that began then failed otherwise: no growth this round."""
        self.pace.passed(began)
        self._clean = 0
