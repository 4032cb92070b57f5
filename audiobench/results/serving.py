"""How a server did while it was evaluated: throughput, latency and time to first token, from the journals alone.

A record says when its answer was written and how long the call took, so that what was in flight at any moment is known
afterwards. Time in which nothing was in flight (between two starts of a run) does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
from msgspec import Struct

from audiobench.files.records import Record
from audiobench.results.condensed import quantile

QUANTILES = (0.5, 0.95, 0.99)


class Spread(Struct, frozen=True):
    """Percentiles of what was measured."""

    n: int
    p50: float
    p95: float
    p99: float


class AtOnce(Struct, frozen=True):
    """Calls that began while so many were in flight, themselves included."""

    least: int
    most: int
    latency: Spread
    """Seconds."""
    first_token: Spread | None
    real_time: Spread | None


class Serving(Struct, frozen=True):
    """What a server did for some requests."""

    answers: int
    again: int
    """Calls beyond the first of a request."""
    seconds: float
    """In which at least one call was in flight."""
    in_flight: float
    """Mean over that time."""
    most_in_flight: int
    requests_per_second: float
    tokens_per_second: float | None
    """Output tokens; None where the server does not count them."""
    audio_per_second: float | None
    """Seconds of sound heard in a second; None where nothing was sent as sound."""
    latency: Spread
    """Seconds of a call (of all turns, where there were several)."""
    first_token: Spread | None
    """Seconds to the first token; None where it was not measured (the answer was not streamed)."""
    between_tokens: Spread | None
    """Seconds between two tokens, after the first."""
    real_time: Spread | None
    """Real-time factor: seconds of a call for each second of sound in its request; below 1 is faster than listening."""
    by_concurrency: list[AtOnce]


class _Call(Struct, frozen=True, gc=False):
    began: float
    ended: float
    seconds: float
    first: float | None
    tokens: float | None
    sound: float
    again: int


def serving(records: Iterable[Record]) -> Serving | None:
    """The figures of one condition, or of several together; None where nothing was measured."""
    calls = [call for record in records if (call := _call(record)) is not None]
    if not calls:
        return None
    calls.sort(key=lambda call: call.began)
    counts = _in_flight(calls)
    busy = _busy(calls)
    spent = sum(call.seconds for call in calls)
    tokens = [call.tokens for call in calls if call.tokens is not None]
    sound = sum(call.sound for call in calls)
    return Serving(
        answers=len(calls),
        again=sum(call.again for call in calls),
        seconds=busy,
        in_flight=spent / busy,
        most_in_flight=max(counts),
        requests_per_second=len(calls) / busy,
        tokens_per_second=sum(tokens) / busy if tokens else None,
        audio_per_second=sound / busy if sound else None,
        latency=_spread(call.seconds for call in calls) or Spread(0, 0.0, 0.0, 0.0),
        first_token=_first(calls),
        between_tokens=_spread(
            (call.seconds - call.first) / (call.tokens - 1)
            for call in calls
            if call.first is not None and call.tokens is not None and call.tokens > 1
        ),
        real_time=_real_time(calls),
        by_concurrency=_by_concurrency(calls, counts),
    )


def _call(record: Record) -> _Call | None:
    response = record.response
    if response is None or record.batch is not None or not record.time:
        return None
    seconds = response.latency.get("total")
    if not seconds:
        return None
    completion = response.usage.get("completion")
    return _Call(
        record.time - seconds,
        record.time,
        seconds,
        response.latency.get("first_token"),
        float(completion) if completion else None,
        sum(_heard(clip.seconds, clip.span) for clip in record.audio if clip.kind == "audio"),
        max(0, record.attempts - 1),
    )


def _heard(seconds: float | None, span: tuple[float, float] | None) -> float:
    return span[1] - span[0] if span else seconds or 0.0


def _in_flight(calls: Sequence[_Call]) -> list[int]:
    """How many were in flight as each began, itself included; `calls` in order of their begin."""
    ends = np.sort([call.ended for call in calls])
    begins = np.array([call.began for call in calls])
    return [int(n) for n in np.arange(1, len(calls) + 1) - np.searchsorted(ends, begins, side="right")]


def _busy(calls: Sequence[_Call]) -> float:
    """Seconds that at least one of them covers."""
    reached = list(accumulate((call.ended for call in calls), max))
    idle = sum(max(0.0, after.began - before) for before, after in zip(reached, calls[1:], strict=False))
    return reached[-1] - calls[0].began - idle


def _spread(values: Iterable[float]) -> Spread | None:
    found = sorted(values)
    return Spread(len(found), *(quantile(found, q) for q in QUANTILES)) if found else None


def _first(calls: Iterable[_Call]) -> Spread | None:
    return _spread(call.first for call in calls if call.first is not None)


def _real_time(calls: Iterable[_Call]) -> Spread | None:
    return _spread(call.seconds / call.sound for call in calls if call.sound)


def _by_concurrency(calls: Sequence[_Call], counts: Sequence[int]) -> list[AtOnce]:
    """By powers of two: 1, 2, 3 to 4, 5 to 8, ..."""
    groups: dict[int, list[_Call]] = {}
    for call, count in zip(calls, counts, strict=True):
        groups.setdefault((count - 1).bit_length(), []).append(call)
    found: list[AtOnce] = []
    for power, group in sorted(groups.items()):
        latency = _spread(call.seconds for call in group)
        assert latency is not None
        least = 2 ** (power - 1) + 1 if power else 1
        found.append(AtOnce(least, 2**power, latency, _first(group), _real_time(group)))
    return found
