"""How fast requests may start: as they come, until the server says that they come too fast; then as it lets them through.

Some servers refuse one request in ten however slowly they are asked, so a few refusals (429) hold for their requests
alone. Where more are refused, all requests pause, and what was let through since counting began, over the time that it
took, is the rate from there on. It grows until so many are refused again, so that a limit that is lifted, or was judged
too low, is found.
"""

from __future__ import annotations

from math import sqrt

PAUSE_SECONDS = (0.5, 30.0)
"""First pause where a server does not say how long, doubled each time that nothing passes after it, up to the second; a
server that says too little is not believed for longer."""
TOLERATED = 0.37
"""Share of the latest requests that may be refused without slowing the others."""
MEMORY = 0.97
"""What a request counts for in that share for each one that started after it."""
LEAST_SHARE = 0.9
"""Of the rate of the last minutes, below which no refusal slows requests down."""
ENOUGH = 5
"""Requests let through after a pause that make a measure of their own."""
AT_LEAST = 10.0
"""Requests, the older the less, before a share of them says anything."""
GROWN_AFTER = 10
"""Requests let through after which the rate grows: by a tenth, then a fifth, ... until it doubles or all must pause."""


class Pace:
    """Times are seconds of one clock that goes forward only."""

    def __init__(self) -> None:
        self.rate: float | None = None
        """Requests a second; None = no limit is known."""
        self.next = 0.0
        """When the next request may start."""
        self.fruitless = 0
        """Pauses in a row after which nothing was let through."""
        self._since = self._resumed = 0.0
        self._passed = self._after = 0
        """Requests that started after `_since`, and after the last pause, and were not refused."""
        self._begun = self._all = 0.0
        """Requests let through since then, in the last minutes."""
        self._asked = self._refused = 0.0
        """Requests, the older the less."""
        self._clean = self._grown = 0
        self._paused = False

    def started(self, now: float) -> None:
        """A request starts."""
        if not self._asked:
            self._since = self._begun = now
        if self._paused:
            self.rate = max(self._let_through(now), LEAST_SHARE * self._lately(now))
            self._paused, self._resumed, self._after = False, now, 0
            self._refused /= 2  # what led to the pause alone leads to no other
        self._asked, self._refused = MEMORY * self._asked + 1, MEMORY * self._refused
        self._passed += 1
        self._after += 1
        self._all += 1
        if self.rate is not None:
            self.next = max(self.next, now) + 1 / self.rate

    def _let_through(self, now: float) -> float:
        """Requests a second; a server may let a burst in first, so what came after the last pause counts as much."""
        whole = max(self._passed, 1) / max(now - self._since, 1e-3)
        if not self._after or self._resumed <= self._since:
            return whole
        return min(whole, sqrt(whole * self._after / (now - self._resumed)))

    def _lately(self, now: float) -> float:
        """Requests a second over the last minutes."""
        if now - self._begun > 120:
            self._begun, self._all = now - 60, self._all * 60 / (now - self._begun)
        return self._all / max(now - self._begun, 1e-3)

    def passed(self, began: float) -> None:
        """The request that started at `began` was not refused."""
        if began < self._resumed:
            return
        self.fruitless = 0
        self._clean += 1
        if self._clean % ENOUGH == 0 and self._after >= ENOUGH:
            self._since, self._passed = self._resumed, self._after
        if self.rate is not None and self._clean % GROWN_AFTER == 0:
            self.rate *= min(2.0, 1 + 0.1 * 2 ** min(self._grown, 4))
            self._grown += 1

    def refused(self, began: float, now: float, wait: float | None) -> bool:
        """The request that started at `began` came too fast; `wait`: seconds to leave the server alone, where it says.

        Returns:
            Whether all requests wait; if not, this one waits by itself.
        """
        self._passed -= 1
        self._all -= 1
        self._refused += 1
        if began >= self._resumed:
            self._after -= 1
        if self._paused:  # of the same burst
            self.next = max(self.next, now + (wait or 0.0))
            return True
        if self._asked < AT_LEAST or self._refused <= TOLERATED * self._asked:
            return False
        self._paused = True
        self._clean = self._grown = 0
        doubled = min(PAUSE_SECONDS[0] * 2**self.fruitless, PAUSE_SECONDS[1])
        self.next = now + (wait if wait and not self.fruitless else max(doubled, wait or 0.0))
        self.fruitless += 1
        return True
