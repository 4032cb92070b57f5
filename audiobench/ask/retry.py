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

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(message)
        self.attempts = attempts


async def call(
    attempt: Callable[[], Awaitable[Response]], gate: Concurrency, policy: RetryPolicy
) -> tuple[Response, int]:
    """Run `attempt` inside the gate until it succeeds; waiting happens outside the gate.

    Returns:
        The response and how many calls it took.

    Raises:
        ExhaustedError: `policy.attempts` calls failed in ways that could have passed.
    """
    for number in range(1, policy.attempts + 1):
        try:
            async with gate:
                async with asyncio.timeout(policy.attempt_seconds):
                    response = await attempt()
                gate.succeeded()
            return response, number
        except TimeoutError:
            failure = RetryableError(f"no answer within {policy.attempt_seconds:g} s")
        except RetryableError as error:
            failure = error
        if failure.rate_limited:
            gate.rate_limited(failure.retry_after)
        else:
            gate.faulted()
        if number == policy.attempts:
            raise ExhaustedError(f"{failure} ({number} {plural(number, 'attempt')})", number) from failure
        await asyncio.sleep(_wait(failure.retry_after, number, policy))
    raise AssertionError("unreachable")


def _wait(retry_after: float | None, number: int, policy: RetryPolicy) -> float:
    """Seconds: never less than the back-off, since a server may say 0 through a long outage."""
    backoff = min(30.0, policy.base_seconds * 2 ** (number - 1)) * random.uniform(0.5, 1.0)
    asked = (retry_after or 0.0) * random.uniform(1.0, 1.1)
    return min(max(backoff, asked), policy.longest_wait_seconds)
