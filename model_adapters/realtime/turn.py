"""One turn of a session: what came back, when, and what the times mean.

All times are of one monotonic clock (`time.monotonic()`, seconds) in the client. Names of the moments:

- `connect_began`, `connected`, `configured`: opening the connection, handshake done, session set up. Their cost is
  reported apart (`latency.connect`) and is in no other figure;
- `first_audio_sent`, `end_of_audio_sent`: first and last chunk of the clip handed to the socket;
- `turn_end_sent`: the event that ends the user's turn handed to the socket (`input_audio_buffer.commit`,
  `activityEnd`);
- `first_audio_packet`: arrival (the bytes come from the socket) of the first event that holds audio, at least one
  sample;
- `first_sound`: when a player that starts with the first packet and plays in real time reaches the first sample
  louder than -50 dBFS (never before that sample has arrived);
- `done`: arrival of the event that ends the answer.

The zero of the clock is `turn_end_sent` where the client ends the turn, and `end_of_audio_sent` where the server
detects its end (which then includes the silence that the server waits for).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

SILENCE_DBFS = -50.0
"""Samples whose magnitude is above this level (relative to full scale) count as sound."""
TICK_SECONDS = 0.01


@dataclass(slots=True)
class Turn:
    """What one turn brought."""

    rate: int = 24000
    """Hz of the answer's audio, PCM16 mono."""
    times: dict[str, float] = field(default_factory=dict[str, float])
    """Moment -> seconds of the monotonic clock; the first of each name is kept."""
    packets: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    """(arrival, PCM16 bytes) of each audio event."""
    transcript: list[str] = field(default_factory=list[str])
    text: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    usage: dict[str, Any] = field(default_factory=dict[str, Any])
    served_model: str | None = None
    finish: str | None = None
    """Set when the answer is complete: stop | length | content_filter."""
    configured: bool = False
    responding: bool = False
    late: float = 0.0
    """By how many seconds, at worst, the client woke later than it wanted to: a moment may be noted so much too late."""
    raw: dict[str, Any] = field(default_factory=dict[str, Any])

    def mark(self, name: str, now: float) -> None:
        """Note a moment, unless it has been already."""
        self.times.setdefault(name, now)

    async def watch(self) -> None:
        """Keep `late`, until cancelled; on the loop that notes the moments."""
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self.late = max(self.late, time.monotonic() - due)

    def heard(self, pcm: bytes, now: float) -> None:
        """Take an audio event."""
        if pcm:
            self.mark("first_audio_packet", now)
            self.packets.append((now, pcm))

    @property
    def audio(self) -> bytes:
        """The answer's PCM16; a sample cut in two between packets is whole again."""
        pcm = b"".join(piece for _, piece in self.packets)
        return pcm[: len(pcm) & ~1]

    def first_sound(self, dbfs: float = SILENCE_DBFS) -> float | None:
        """When the first sample above `dbfs` is heard (see above); None when there is none."""
        import numpy

        samples = numpy.frombuffer(self.audio, "<i2").astype(numpy.int32)
        loud = numpy.abs(samples) > 32768 * 10 ** (dbfs / 20)
        if not loud.any():
            return None
        index = int(loud.argmax())
        ends = itertools.accumulate(len(piece) for _, piece in self.packets)
        arrival = next(now for (now, _), end in zip(self.packets, ends, strict=True) if end >= 2 * index + 2)
        return max(arrival, self.packets[0][0] + index / self.rate)

    def latency(self, zero: str) -> dict[str, float]:
        """Seconds: connect, first_audio, first_sound, answer (zero -> done), total (whole session)."""
        times = self.times
        origin = times[zero]
        found = {
            "connect": times["configured"] - times["connect_began"],
            "total": times["done"] - times["connect_began"],
        }
        found["answer"] = times["done"] - origin
        if "first_audio_packet" in times:
            found["first_audio"] = times["first_audio_packet"] - origin
        if "first_sound" in times:
            found["first_sound"] = times["first_sound"] - origin
        return found

    def clock(self, zero: str) -> dict[str, float]:
        """Every moment in seconds after the zero, as it stands in a journal."""
        origin = self.times[zero]
        return {name: round(at - origin, 4) for name, at in sorted(self.times.items(), key=lambda item: item[1])}
