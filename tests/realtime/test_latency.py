"""The clock: injected delays come back within 20 ms, whatever the pace, the packets and the protocol.

Client and server share the machine's monotonic clock. What is to be recovered is the delay that the server really
made, from the arrival of the turn's end to the moment before it sends. On a busy machine either end may be woken late,
at the turn's end and at the packet; both say by how much at worst (`late_ms`), and the tolerance is counted from there.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from audiobench.core.types import Response
from tests.realtime.servers import Heard, Script, loopback

TOLERANCE = 0.020
LOUD = b"\x00\x20" * 240  # 10 ms at 24 kHz, -12 dBFS
QUIET = b"\x40\x00" * 240  # 10 ms at -54 dBFS


def recovered(found: Response, name: str, heard: Heard, *, packet: int = 0) -> bool:
    """Whether a wait measured in the client is the one that the server made: never shorter, hardly longer."""
    made = heard.sent[packet] - heard.turn_ended
    late = found.raw["late_ms"] / 1000 + heard.clock.late
    return made <= found.latency[name] <= made + TOLERANCE + 2 * late


@pytest.mark.parametrize("protocol", ["openai", "stepfun", "gemini_live"])
@pytest.mark.parametrize("pace", ["realtime", "burst"])
@pytest.mark.parametrize("delay", [0.15, 0.4])
def test_the_delay_of_the_first_packet_is_recovered(protocol, pace, delay, ask):
    with loopback(protocol, Script(delay=delay, packets=[LOUD] * 5, gap=0.01)) as server:
        found = ask(server, pace=pace)
    (heard,) = server.heard
    assert recovered(found, "first_audio", heard)
    assert found.latency["first_audio"] >= delay
    assert found.latency["answer"] >= heard.sent[4] - heard.turn_ended
    assert 0 < found.latency["connect"] < 0.5
    moments = list(found.raw["clock"])
    order = ["connect_began", "connected", "configured", "first_audio_sent", "end_of_audio_sent", "turn_end_sent", "first_audio_packet", "first_sound", "done"]  # fmt: skip
    assert [name for name in moments if name in order] == order
    assert found.raw["clock"]["turn_end_sent"] == 0


def test_a_busy_runner_does_not_move_the_clock(asking):
    """Work on the loop that waits for the answer (a clip that is read, a journal that is synced) blocks it for 0.5 s."""

    async def main(server):
        async def busy():
            while True:
                time.sleep(0.5)
                await asyncio.sleep(0)

        work = asyncio.create_task(busy())
        try:
            return await asking(server, pace="realtime")
        finally:
            work.cancel()

    with loopback("openai", Script(delay=0.2, packets=[LOUD] * 5)) as server:
        found = asyncio.run(main(server))
    assert recovered(found, "first_audio", server.heard[0])
    assert found.raw["late_ms"] < 250


@pytest.mark.parametrize("protocol", ["openai", "gemini_live"])
def test_a_silent_beginning_is_told_from_the_first_packet(protocol, ask):
    """Packets come faster than they play: sound is when it is heard, 300 ms into the answer."""
    with loopback(protocol, Script(delay=0.15, packets=[QUIET] * 30 + [LOUD] * 10)) as server:
        found = ask(server, pace="burst")
    assert recovered(found, "first_audio", server.heard[0])
    assert found.latency["first_sound"] - found.latency["first_audio"] == pytest.approx(0.3, abs=0.001)


def test_sound_is_never_heard_before_it_has_arrived(ask):
    with loopback("openai", Script(delay=0.1, packets=[QUIET, LOUD], gap=0.25)) as server:
        found = ask(server, pace="burst")
    assert recovered(found, "first_sound", server.heard[0], packet=1)


def test_an_answer_of_silence_has_no_first_sound(ask):
    with loopback("openai", Script(packets=[QUIET])) as server:
        found = ask(server, pace="burst")
    assert "first_sound" not in found.latency and "first_audio" in found.latency


def test_real_time_takes_the_clips_time_and_a_burst_does_not(ask):
    with loopback("openai", Script()) as server:
        slow = ask(server, seconds=0.6)
        fast = ask(server, seconds=0.6, pace="burst")
    times, late = slow.raw["clock"], slow.raw["late_ms"] / 1000 + server.heard[0].clock.late
    assert times["end_of_audio_sent"] - times["first_audio_sent"] == pytest.approx(0.58, abs=TOLERANCE + late)
    sent = [at for frame, at in zip(server.heard[0].frames, server.heard[0].times, strict=True) if "audio" in frame]
    assert len(sent) == 30, "20 ms a piece"
    assert max(b - a for a, b in itertools.pairwise(sent)) < 0.02 + TOLERANCE + late
    times = fast.raw["clock"]
    assert times["end_of_audio_sent"] - times["first_audio_sent"] < 0.1 + fast.raw["late_ms"] / 1000
    assert (slow.raw["pace"], fast.raw["pace"]) == ("realtime", "burst")


def test_the_servers_detector_is_timed_from_the_end_of_the_clip(ask):
    """20 pieces of 20 ms of silence, then 150 ms: what a listener waits for is 550 ms."""
    with loopback("openai", Script(delay=0.15, vad_silence=20)) as server:
        found = ask(server, turn="vad")
    heard = server.heard[0]
    waited = found.raw["clock"]["first_audio_packet"]
    assert waited == pytest.approx(found.latency["first_audio"], abs=0.001)
    late = found.raw["late_ms"] / 1000 + heard.clock.late
    assert 0.54 <= waited <= 0.4 + (heard.sent[0] - heard.turn_ended) + TOLERANCE + late
    assert found.raw["clock_zero"] == "last chunk of the clip sent"
    detection = heard.frames[0]["session"]["audio"]["input"]["turn_detection"]
    assert (detection["type"], detection["silence_duration_ms"]) == ("server_vad", 500)
    kinds = {frame["type"] for frame in heard.frames}
    assert kinds == {"session.update", "input_audio_buffer.append"}


def test_geminis_detector_is_told_that_the_stream_ended(ask):
    with loopback("gemini_live", Script(delay=0.15)) as server:
        found = ask(server, turn="vad")
    assert recovered(found, "first_audio", server.heard[0])
    frames = server.heard[0].frames
    assert frames[-1] == {"realtimeInput": {"audioStreamEnd": True}}
    assert "realtimeInputConfig" not in frames[0]["setup"]
