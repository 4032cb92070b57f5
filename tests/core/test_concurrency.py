"""The gate never lets more through than its limit, grows while healthy, and is cut on 429; retries wait as told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from audiobench.ask.concurrency import Concurrency
from audiobench.ask.retry import ExhaustedError, RetryPolicy, call
from audiobench.core.types import Response
from audiobench.model.adapter import RetryableError, SampleError
from tests import virtual_time


def test_never_more_than_the_limit() -> None:
    gate, peak = Concurrency(3, adaptive=False), 0

    async def one() -> None:
        nonlocal peak
        async with gate.turn():
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0.001)

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(many())
    assert (peak, gate.in_flight) == (3, 0)


def test_a_cancelled_waiter_passes_its_turn_on() -> None:
    async def scenario() -> bool:
        gate = Concurrency(1, adaptive=False)
        turns = [gate.turn() for _ in range(2)]
        async with gate.turn():
            first, second = (asyncio.create_task(turn.__aenter__()) for turn in turns)
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(second, 1)
        return gate.in_flight == 1

    assert asyncio.run(scenario())


def test_who_came_first_goes_in_first() -> None:
    async def scenario() -> None:
        gate = Concurrency(1, adaptive=False)
        one, three = gate.turn(), gate.turn()
        two = gate.turn()
        await one.__aenter__()
        first, gone = (asyncio.create_task(turn.__aenter__()) for turn in (two, gate.turn()))
        await asyncio.sleep(0)
        gone.cancel()
        await one.__aexit__(None, None, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await three.__aenter__()  # at once, before `first` has run again
        assert first.done() and gate.in_flight == 1
        await two.__aexit__(None, None, None)
        async with asyncio.timeout(1), gate.turn():
            assert gate.in_flight == 1

    asyncio.run(scenario())


def test_grows_while_busy_and_healthy_and_is_cut_once_by_429() -> None:
    async def scenario() -> None:
        gate = Concurrency(100, adaptive=True)
        gate.in_flight = gate.limit
        for _ in range(gate.limit):
            gate.succeeded(0.0)
        assert gate.limit == 32
        gate.rate_limited(0.0, None)
        gate.rate_limited(0.0, None)
        assert gate.limit == 25
        gate.in_flight = gate.limit
        for _ in range(100):
            gate.succeeded(0.0)
        assert gate.limit == 25, "no growth in the cool-down"

    virtual_time.run(scenario())


def test_an_idle_gate_does_not_grow() -> None:
    async def scenario() -> int:
        gate = Concurrency(100, adaptive=True)
        for _ in range(100):
            gate.succeeded(0.0)
        return gate.limit

    assert virtual_time.run(scenario()) == 16


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


@pytest.mark.parametrize(("told", "least"), [(7.0, 7.0), (0.0, 0.1), (None, 0.1)])
def test_who_is_refused_waits_as_long_as_told_and_never_not_at_all(told: float | None, least: float) -> None:
    async def scenario() -> None:
        loop, gate, times = asyncio.get_running_loop(), Concurrency(1, adaptive=False), list[float]()

        async def attempt() -> Response:
            times.append(loop.time())
            if len(times) == 1:
                raise RetryableError("429", retry_after=told, rate_limited=True)
            return Response("B")

        await call(attempt, gate, RetryPolicy())
        assert len(times) == 2 and times[1] >= least

    virtual_time.run(scenario())


def test_where_most_are_refused_every_request_waits_as_long_as_told() -> None:
    async def scenario() -> list[float]:
        loop, gate, times = asyncio.get_running_loop(), Concurrency(16, adaptive=False), list[float]()

        async def attempt() -> Response:
            times.append(loop.time())
            await asyncio.sleep(0.01)
            if len(times) <= 16:
                raise RetryableError("429", retry_after=7.0, rate_limited=True)
            return Response("B")

        await asyncio.gather(*(call(attempt, gate, RetryPolicy()) for _ in range(40)))
        return times

    assert sum(time < 7.0 for time in virtual_time.run(scenario())[16:]) <= 6, "what began before enough were refused"


def test_every_attempt_has_a_time_out() -> None:
    async def attempt() -> Response:
        await asyncio.sleep(30)
        return Response("B")

    with pytest.raises(ExhaustedError, match="no answer within"):
        policy = RetryPolicy(attempts=1, attempt_seconds=0.05)
        asyncio.run(call(attempt, Concurrency(1, adaptive=False), policy))


def test_a_lasting_storm_is_cut_again_after_each_cool_down() -> None:
    async def scenario() -> int:
        gate = Concurrency(256, adaptive=True)
        gate.limit = 256
        for _ in range(600):
            await asyncio.sleep(0.1)
            gate.rate_limited(0.0, None)
        return gate.limit

    assert virtual_time.run(scenario()) < 256 * 0.8**3


# -- the rate that a server lets through


def fixed_window(now: float, let_in: list[float]) -> bool:
    """Ten in each six seconds from a fixed moment on."""
    return sum(at // 6 == now // 6 for at in let_in) < 10


def sliding_window(now: float, let_in: list[float]) -> bool:
    """Ten in any six seconds."""
    return sum(at > now - 6 for at in let_in) < 10


def bucket(now: float, let_in: list[float]) -> bool:
    """A bucket of ten that fills by ten in six seconds."""
    level, last = 10.0, 0.0
    for at in let_in:
        level, last = min(10.0, level + (at - last) / 0.6) - 1, at
    return min(10.0, level + (now - last) / 0.6) >= 1


@pytest.mark.parametrize("limit", [fixed_window, sliding_window, bucket])
@pytest.mark.parametrize("told", [3.0, 1.0, None, "exactly"])
@pytest.mark.parametrize("latency", [0.05, 2.0])
@pytest.mark.parametrize("adaptive", [True, False])
def test_the_rate_that_a_server_allows_is_learnt(limit: Any, told: Any, latency: float, adaptive: bool) -> None:
    """Sixty requests at ten in six seconds take 30 s at best; fewer are refused than are let through."""

    async def scenario() -> tuple[float, int]:
        loop, gate = asyncio.get_running_loop(), Concurrency(256 if adaptive else 16, adaptive=adaptive)
        let_in: list[float] = []
        refused = 0

        async def attempt() -> Response:
            nonlocal refused
            await asyncio.sleep(0.02)
            now = loop.time()
            if not limit(now, let_in):
                refused += 1
                free = next(wait for n in range(1, 7000) if limit(now + (wait := n / 1000), let_in))
                raise RetryableError("429", retry_after=free if told == "exactly" else told, rate_limited=True)
            let_in.append(now)
            await asyncio.sleep(latency)
            return Response("B")

        await asyncio.gather(*(call(attempt, gate, RetryPolicy()) for _ in range(60)))
        return loop.time(), refused

    seconds, refused = virtual_time.run(scenario())
    assert seconds < 2 * 30
    assert refused < 60


@pytest.mark.parametrize(("share", "most"), [(0.02, 2.0), (0.1, 2.0), (0.2, 4.0)])
def test_a_server_that_refuses_at_random_is_not_asked_more_slowly(share: float, most: float) -> None:
    """A thousand requests of 200 ms, 64 at once, take 3.2 s at best; who is refused asks again after a second or so."""

    async def scenario() -> float:
        loop, draw, gate = asyncio.get_running_loop(), random.Random(7), Concurrency(64, adaptive=False)

        async def attempt() -> Response:
            await asyncio.sleep(0.003)
            if draw.random() < share:
                raise RetryableError("429", rate_limited=True)
            await asyncio.sleep(0.197)
            return Response("B")

        await asyncio.gather(*(call(attempt, gate, RetryPolicy()) for _ in range(1000)))
        return loop.time()

    random.seed(7)  # of the back-off
    assert virtual_time.run(scenario()) < most * 3.2


def served(refuses: Callable[[Concurrency], bool], seconds: float) -> list[int]:
    """The limit at the end of each minute of requests of 2 s that a server refuses so."""

    async def scenario() -> list[int]:
        loop, gate, limits = asyncio.get_running_loop(), Concurrency(64, adaptive=True), list[int]()

        async def ask() -> None:
            while loop.time() < seconds:
                async with gate.turn() as began:
                    refused = refuses(gate)
                    await asyncio.sleep(0.02 if refused else 2.0)
                if refused:
                    gate.rate_limited(began, None)
                    await asyncio.sleep(1.0)
                else:
                    gate.succeeded(began)

        async def watch() -> None:
            while loop.time() < seconds:
                await asyncio.sleep(60.0)
                limits.append(gate.limit)

        await asyncio.gather(watch(), *(ask() for _ in range(100)))
        return limits

    return virtual_time.run(scenario())


def test_where_cuts_do_not_lower_the_share_that_is_refused_no_more_are_made() -> None:
    draw = random.Random(7)
    limits = served(lambda _: draw.random() < 0.21, 900)
    assert limits[-1] == 64, limits
    assert limits == sorted(limits), "after the first minute it only grows"


def test_a_server_that_refuses_what_is_too_much_is_still_found_out() -> None:
    limits = served(lambda gate: gate.in_flight > 24, 900)
    assert all(15 <= limit <= 32 for limit in limits), limits


def test_a_server_that_begins_to_refuse_more_is_asked_less() -> None:
    draw = random.Random(7)
    limits = served(lambda gate: draw.random() < (0.1 if gate.in_flight <= 30 else 0.4), 900)
    assert max(limits) < 64 and min(limits) >= 8, limits


def test_a_rate_that_was_lifted_is_found_again() -> None:
    async def scenario() -> list[float]:
        loop, gate, times = asyncio.get_running_loop(), Concurrency(16, adaptive=False), list[float]()

        async def attempt() -> Response:
            if loop.time() < 60 and not fixed_window(loop.time(), times):
                raise RetryableError("429", retry_after=1.0, rate_limited=True)
            times.append(loop.time())
            return Response("B")

        await asyncio.gather(*(call(attempt, gate, RetryPolicy()) for _ in range(600)))
        return times

    times = virtual_time.run(scenario())
    assert times[-1] < 180, "at ten in six seconds it would be 360"
