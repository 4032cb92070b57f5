"""Several servers of the same model behind one adapter: least in flight first."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from audiobench.core.types import Request, Response
from audiobench.model.adapter import Adapter, RetryableError, RunError, SampleError, TellsItself

REST_SECONDS = (1.0, 30.0)
"""A server that keeps failing gets nothing for this long (doubling up to the second), while another one is well."""
TOLERATED = 3
"""Failures in a row that are taken as bad luck, not as a dead server."""
CLINGS = 2
"""A sample goes back to the server that had it last (its audio is cached there) unless that one has this many more
requests in flight than the least busy."""
REMEMBERED = 4096


@dataclass(slots=True)
class _Endpoint:
    adapter: Adapter
    in_flight: int = 0
    asked: int = 0
    failures: int = 0
    """Since the last answer."""
    rests: int = 0
    rests_until: float = 0.0

    def failed(self, error: RetryableError) -> None:
        now = time.monotonic()
        self.failures += 1
        if error.rate_limited:
            self.rests_until = max(self.rests_until, now + (error.retry_after or REST_SECONDS[0]))
        elif self.failures >= TOLERATED and now >= self.rests_until:
            self.rests_until = now + min(REST_SECONDS[0] * 2**self.rests, REST_SECONDS[1])
            self.rests += 1


class EndpointPool:
    """An adapter that spreads requests over `adapters`, which reach the same model at different addresses; others may
    join and leave while it is used.

    A server that fails fast would look the least busy and draw all requests; so one that keeps failing rests for a while.
    Errors are raised as they come; the caller's next attempt goes to a server that is well.
    """

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self._endpoints = [_Endpoint(adapter) for adapter in adapters]
        self._last: OrderedDict[str, _Endpoint] = OrderedDict()

    @property
    def in_flight(self) -> list[int]:
        """Requests now being answered by each server."""
        return [endpoint.in_flight for endpoint in self._endpoints]

    @property
    def resting(self) -> int:
        """Servers that keep failing and get nothing for a while."""
        now = time.monotonic()
        return sum(endpoint.rests_until > now for endpoint in self._endpoints)

    def join(self, adapter: Adapter) -> None:
        """Send requests to this one, too."""
        self._endpoints.append(_Endpoint(adapter))

    def leave(self, adapter: Adapter) -> None:
        """Send it nothing more; what is on the wire to it ends as it will."""
        self._endpoints = [endpoint for endpoint in self._endpoints if endpoint.adapter is not adapter]

    def _choose(self, sample_id: str) -> _Endpoint:
        if not self._endpoints:
            raise RetryableError("no server is there")
        now = time.monotonic()
        well = [e for e in self._endpoints if e.rests_until <= now]
        if not well:
            return min(self._endpoints, key=lambda e: e.rests_until)
        best = min(well, key=lambda e: (e.in_flight, e.asked))
        last = self._last.get(sample_id) if sample_id else None
        return last if last in well and last.in_flight - best.in_flight <= CLINGS else best

    async def generate(self, request: Request) -> Response:
        """Ask the least busy server; raises what its adapter raises."""
        chosen = self._choose(request.sample_id)
        if request.sample_id:
            self._last[request.sample_id] = chosen
            self._last.move_to_end(request.sample_id)
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
        chosen.in_flight += 1
        chosen.asked += 1
        try:
            response = await chosen.adapter.generate(request)
        except RetryableError as error:
            chosen.failed(error)
            if error.rate_limited and any(e.rests_until <= time.monotonic() for e in self._endpoints):
                raise RetryableError(str(error)) from error  # that server rests; the others need not
            raise
        finally:
            chosen.in_flight -= 1
        chosen.failures = chosen.rests = 0
        return response

    async def identity(self) -> dict[str, list[str]]:
        """What each server says of its model; one that does not answer says nothing."""
        told: dict[str, list[str]] = {}
        for adapter in (e.adapter for e in self._endpoints if isinstance(e.adapter, TellsItself)):
            with contextlib.suppress(RetryableError, SampleError, RunError):
                for name, values in (await adapter.identity()).items():
                    told[name] = sorted({*told.get(name, []), *values})
        return told

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(endpoint.adapter.close() for endpoint in self._endpoints))
