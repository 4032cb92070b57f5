"""One retry policy for every adapter: jittered exponential back-off that honours what the server asks for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from audiobench.ask.concurrency import Concurrency
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS
from audiobench.core.plain_text import plural
from audiobench.core.types import Response
from audiobench.model.adapter import RetryableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of one request."""

    attempts: int = ATTEMPTS
    """Calls in all."""
    attempt_seconds: float = TIMEOUT_SECONDS
    """Time-out of one call."""
    base_seconds: float = 0.5
    longest_wait_seconds: float = 120.0


class ExhaustedError(Exception):
    """Every attempt failed; the message is the last failure's."""

    def __init__(self, message: str, attempts: int, starved: bool = False) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.starved = starved
        """Whether the server let nothing through, of no request, in as many pauses as a request has attempts."""


async def call(
    attempt: Callable[[], Awaitable[Response]], gate: Concurrency, policy: RetryPolicy, *, stays: bool = False
) -> tuple[Response, int]:
    """Run `attempt` inside the gate until it succeeds; waiting happens outside the gate. `stays`: as `Concurrency.turn`.

    Returns:
        The response and how many calls it took.

    Raises:
        ExhaustedError: `policy.attempts` calls failed in ways that could have passed.
        DismissedError: the gate was closed before its turn came.
    """
    for number in range(1, policy.attempts + 1):
        async with gate.turn(again=1 < number <= policy.attempts // 2, stays=stays) as began:
            try:
                async with asyncio.timeout(policy.attempt_seconds):
                    response = await attempt()
            except TimeoutError:
                failure = RetryableError(f"no answer within {policy.attempt_seconds:g} s")
            except RetryableError as error:
                failure = error
            else:
                gate.succeeded(began)
                return response, number
            gate_waits = False
            if failure.rate_limited:
                wait = failure.retry_after
                gate_waits = gate.rate_limited(began, None if wait is None else min(wait, policy.longest_wait_seconds))
            else:
                gate.faulted(began)
        starved = failure.rate_limited and gate.pace.fruitless >= policy.attempts
        if starved or number == policy.attempts:
            raise ExhaustedError(f"{failure} ({number} {plural(number, 'attempt')})", number, starved) from failure
        if not gate_waits:
            await asyncio.sleep(_wait(failure.retry_after, number, policy))
    raise AssertionError("unreachable")


def _wait(retry_after: float | None, number: int, policy: RetryPolicy) -> float:
    """Seconds: never less than the back-off, since a server may say 0 through a long outage."""
    backoff = min(30.0, policy.base_seconds * 2 ** (number - 1)) * random.uniform(0.5, 1.0)
    asked = (retry_after or 0.0) * random.uniform(1.0, 1.1)
    return min(max(backoff, asked), policy.longest_wait_seconds)
