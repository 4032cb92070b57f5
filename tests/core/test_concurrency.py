"""The gate never lets more through than its limit, grows while healthy, and is cut on 429; retries wait as told."""

from __future__ import annotations

import asyncio
import time

import pytest

from audiobench.ask.concurrency import Concurrency
from audiobench.ask.retry import ExhaustedError, RetryPolicy, call
from audiobench.core.types import Response
from audiobench.model.adapter import RetryableError, SampleError


def test_never_more_than_the_limit() -> None:
    gate, peak = Concurrency(3, adaptive=False), 0

    async def one() -> None:
        nonlocal peak
        async with gate:
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0.001)

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(many())
    assert (peak, gate.in_flight) == (3, 0)


def test_a_cancelled_waiter_passes_its_turn_on() -> None:
    async def scenario() -> bool:
        gate = Concurrency(1, adaptive=False)
        await gate.__aenter__()
        first, second = (asyncio.create_task(gate.__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
        await gate.__aexit__()
        first.cancel()
        await asyncio.wait_for(second, 1)
        return gate.in_flight == 1

    assert asyncio.run(scenario())


def test_who_came_first_goes_in_first() -> None:
    async def scenario() -> None:
        gate = Concurrency(1, adaptive=False)
        await gate.__aenter__()
        first, gone = (asyncio.create_task(gate.__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await gate.__aexit__()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await gate.__aenter__()  # at once, before `first` has run again
        assert first.done() and gate.in_flight == 1
        await gate.__aexit__()
        async with asyncio.timeout(1):
            await gate.__aenter__()
        assert gate.in_flight == 1

    asyncio.run(scenario())


def test_grows_while_busy_and_healthy_and_is_cut_once_by_429() -> None:
    gate = Concurrency(100, adaptive=True)
    gate.in_flight = gate.limit
    for _ in range(gate.limit):
        gate.succeeded()
    assert gate.limit == 32
    gate.rate_limited(None)
    gate.rate_limited(None)
    assert gate.limit == 25
    gate.in_flight = gate.limit
    for _ in range(100):
        gate.succeeded()
    assert gate.limit == 25, "no growth in the cool-down"


def test_an_idle_gate_does_not_grow() -> None:
    gate = Concurrency(100, adaptive=True)
    for _ in range(100):
        gate.succeeded()
    assert gate.limit == 16


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_retries_until_it_works(failures: int) -> None:
    calls = 0

    async def attempt() -> Response:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise RetryableError("not now", retry_after=0.0)
        return Response("B")

    policy = RetryPolicy(base_seconds=0.001)
    response, attempts = asyncio.run(call(attempt, Concurrency(1, adaptive=False), policy))
    assert (response.text, attempts) == ("B", failures + 1)


def test_gives_up_with_the_last_reason() -> None:
    async def attempt() -> Response:
        raise RetryableError("503 from the server", retry_after=0.0)

    with pytest.raises(ExhaustedError, match=r"503 from the server \(3 attempts\)"):
        asyncio.run(call(attempt, Concurrency(1, adaptive=False), RetryPolicy(attempts=3, base_seconds=0.001)))


def test_what_can_never_work_is_not_repeated() -> None:
    calls = 0

    async def attempt() -> Response:
        nonlocal calls
        calls += 1
        raise SampleError("400")

    with pytest.raises(SampleError):
        asyncio.run(call(attempt, Concurrency(1, adaptive=False), RetryPolicy()))
    assert calls == 1


def test_retry_after_is_honoured_and_the_gate_is_free_meanwhile() -> None:
    gate, times = Concurrency(1, adaptive=False), []

    async def attempt() -> Response:
        times.append(time.monotonic())
        if len(times) == 1:
            raise RetryableError("429", retry_after=0.2, rate_limited=True)
        return Response("B")

    async def scenario() -> None:
        waiting = asyncio.create_task(call(attempt, gate, RetryPolicy()))
        await asyncio.sleep(0.05)
        assert gate.in_flight == 0
        await waiting

    asyncio.run(scenario())
    assert times[1] - times[0] >= 0.2


def test_a_server_that_says_0_s_does_not_cancel_the_back_off() -> None:
    times: list[float] = []

    async def attempt() -> Response:
        times.append(time.monotonic())
        if len(times) == 1:
            raise RetryableError("429", retry_after=0.0, rate_limited=True)
        return Response("B")

    asyncio.run(call(attempt, Concurrency(1, adaptive=False), RetryPolicy(base_seconds=0.2)))
    assert times[1] - times[0] >= 0.1


def test_every_attempt_has_a_time_out() -> None:
    async def attempt() -> Response:
        await asyncio.sleep(30)
        return Response("B")

    with pytest.raises(ExhaustedError, match="no answer within"):
        policy = RetryPolicy(attempts=1, attempt_seconds=0.05)
        asyncio.run(call(attempt, Concurrency(1, adaptive=False), policy))


def test_a_lasting_storm_is_cut_again_after_each_cool_down(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("audiobench.ask.concurrency.time.monotonic", lambda: now)
    gate = Concurrency(256, adaptive=True)
    gate.limit = 256
    for _ in range(600):
        now += 0.1
        gate.rate_limited(None)
    assert gate.limit < 256 * 0.8**3
