"""Loopback servers that speak the documented protocols, on a thread of their own with a loop of their own.

A `Script` says what a server does with a turn: how long it waits, which packets it sends and when, how it ends. What
it got and when is in `Heard`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from model_adapters.realtime.turn import Turn

Protocol = Literal["openai", "stepfun", "gemini_live"]


@dataclass
class Script:
    """What a server does."""

    delay: float = 0.0
    """Seconds from the end of the turn to the first packet."""
    packets: list[bytes] = field(default_factory=lambda: [b"\x00\x20" * 2400])
    gap: float = 0.0
    """Seconds between packets."""
    transcript: str = "The answer is seven."
    status: str = "completed"
    details: dict[str, Any] = field(default_factory=dict)
    error_event: dict[str, Any] | str | None = None
    """Sent instead of an answer."""
    close_with: tuple[int, str] | None = None
    """Close code and reason, instead of an answer; (1006, "") cuts the connection."""
    close_at: Literal["setup", "turn"] = "turn"
    refuse: tuple[int, bytes] | None = None
    """HTTP status and body of the handshake."""
    hang: bool = False
    early: bool = False
    """Answer at the first piece of audio (a detector that takes a pause for the end)."""
    vad_silence: int = 0
    """Pieces of silence after which a server that detects the end answers; 0 = it does not detect."""
    turn_reason: str | None = None
    """Gemini's turnCompleteReason."""
    interrupted: bool = False
    model: str = "gpt-realtime-2.1"


@dataclass
class Heard:
    """One session as the server saw it."""

    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    turn_ended: float = 0.0
    sent: list[float] = field(default_factory=list)
    """When each packet of the answer was."""
    clock: Turn = field(default_factory=Turn)
    """Knows how late this end was, as the client's does."""

    @property
    def pcm(self) -> bytes:
        """All audio that came."""
        pieces = []
        for frame in self.frames:
            data = frame.get("audio") or frame.get("realtimeInput", {}).get("audio", {}).get("data")
            if data:
                pieces.append(base64.b64decode(data))
        return b"".join(pieces)


class Loopback:
    """A running server; `script` may be exchanged between sessions."""

    def __init__(self, protocol: Protocol, script: Script) -> None:
        self.protocol = protocol
        self.script = script
        self.heard: list[Heard] = []
        self.url = ""

    # -- what all protocols share

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.script.refuse is None:
            return None
        status, body = self.script.refuse
        return Response(status, HTTPStatus(status).phrase, Headers({"Content-Type": "application/json"}), body)

    async def session(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        heard = Heard(socket.request.path, {k.lower(): v for k, v in socket.request.headers.raw_items()})
        self.heard.append(heard)
        answers = {asyncio.create_task(heard.clock.watch())}
        with contextlib.suppress(ConnectionClosed):
            if self.protocol != "gemini_live":
                await self.send(
                    socket, {"type": "session.created", "session": {"id": "s1", "model": self.script.model}}
                )
            async for data in socket:
                frame = json.loads(data)
                heard.frames.append(frame)
                heard.times.append(time.monotonic())
                if await self.react(socket, frame, heard):
                    heard.turn_ended = heard.turn_ended or time.monotonic()
                    task = asyncio.create_task(self.answer(socket, heard))
                    answers.add(task)
        for task in answers:
            task.cancel()

    async def react(self, socket: ServerConnection, frame: dict[str, Any], heard: Heard) -> bool:
        """Acknowledge what is to be; true when the turn has ended."""
        script = self.script
        if "setup" in frame or frame.get("type") == "session.update":
            if script.close_with and script.close_at == "setup":
                await self.close(socket)
            elif self.protocol == "gemini_live":
                await self.send(socket, {"setupComplete": {}})
            else:
                await self.send(socket, {"type": "session.updated", "session": {"model": script.model}})
            return False
        kind = frame.get("type", "")
        user = frame.get("realtimeInput", {})
        if kind == "input_audio_buffer.commit":
            heard.turn_ended = time.monotonic()
            await self.send(socket, {"type": "input_audio_buffer.committed", "item_id": "i1"})
            await self.send(socket, {"type": "conversation.item.added", "item": {"id": "i1"}})
        is_audio = kind == "input_audio_buffer.append" or "audio" in user
        if script.early and is_audio:
            return not heard.turn_ended
        if script.vad_silence and is_audio and not heard.turn_ended:
            tail = [base64.b64decode(f.get("audio", "")) for f in heard.frames[-script.vad_silence :]]
            return len(tail) == script.vad_silence and not any(any(piece) for piece in tail)
        return kind == "response.create" or "activityEnd" in user or "audioStreamEnd" in user

    async def send(self, socket: ServerConnection, event: dict[str, Any]) -> None:
        await socket.send(json.dumps(event))

    async def close(self, socket: ServerConnection) -> None:
        code, reason = self.script.close_with or (1000, "")
        if code == 1006:
            socket.transport.abort()
        else:
            await socket.close(code, reason)

    async def answer(self, socket: ServerConnection, heard: Heard) -> None:
        script = self.script
        with contextlib.suppress(ConnectionClosed):
            until = heard.turn_ended + script.delay
            if script.hang:
                await asyncio.sleep(3600)
            if script.close_with and not script.packets:
                return await self.close(socket)
            if script.error_event is not None:
                return await self.send(socket, self.error(script.error_event))
            for event in self.begins():
                await self.send(socket, event)
            for packet in script.packets:
                await asyncio.sleep(max(0.0, until - time.monotonic()))
                heard.sent.append(time.monotonic())
                await self.send(socket, self.audio(packet))
                until = time.monotonic() + script.gap
            if script.close_with:
                return await self.close(socket)
            for event in self.ends():
                await self.send(socket, event)

    # -- what they say

    def error(self, error: dict[str, Any]) -> dict[str, Any]:
        return {"error": error} if self.protocol == "gemini_live" else {"type": "error", "error": error}

    def begins(self) -> list[dict[str, Any]]:
        return [] if self.protocol == "gemini_live" else [{"type": "response.created", "response": {"id": "r1"}}]

    def audio(self, packet: bytes) -> dict[str, Any]:
        data = base64.b64encode(packet).decode()
        if self.protocol == "gemini_live":
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
            return {"serverContent": {"modelTurn": {"parts": [part]}}}
        return {
            "type": "response.audio.delta" if self.protocol == "stepfun" else "response.output_audio.delta",
            "delta": data,
        }

    def ends(self) -> list[dict[str, Any]]:
        script = self.script
        if self.protocol == "gemini_live":
            if script.interrupted:
                return [{"serverContent": {"interrupted": True}}]
            last: dict[str, Any] = {"turnComplete": True}
            if script.turn_reason:
                last["turnCompleteReason"] = script.turn_reason
            usage = {
                "promptTokenCount": 300, "responseTokenCount": 50, "thoughtsTokenCount": 7, "totalTokenCount": 357,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 290}],
                "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 45}],
            }  # fmt: skip
            return [
                {"serverContent": {"outputTranscription": {"text": script.transcript}}},
                {"serverContent": {"generationComplete": True}},
                {"serverContent": last, "usageMetadata": usage},
            ]
        prefix = "response." if self.protocol == "stepfun" else "response.output_"
        usage = {
            "input_tokens": 300, "output_tokens": 50, "total_tokens": 350,
            "input_token_details": {"audio_tokens": 290, "cached_tokens": 0, "text_tokens": 10},
            "output_token_details": {"audio_tokens": 45, "text_tokens": 5},
        }  # fmt: skip
        half = len(script.transcript) // 2
        return [
            {"type": f"{prefix}audio_transcript.delta", "delta": script.transcript[:half]},
            {"type": f"{prefix}audio_transcript.delta", "delta": script.transcript[half:]},
            {"type": f"{prefix}audio.done"},
            {"type": "rate_limits.updated", "rate_limits": []},
            {
                "type": "response.done",
                "response": {"id": "r1", "status": script.status, "status_details": script.details, "usage": usage},
            },
        ]


@contextlib.contextmanager
def loopback(protocol: Protocol, script: Script) -> Iterator[Loopback]:
    """A server on a free port of 127.0.0.1."""
    server = Loopback(protocol, script)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with serve(server.session, "127.0.0.1", 0, process_request=server.refuse, compression=None) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            server.url = f"ws://127.0.0.1:{port}" + ("" if protocol == "gemini_live" else "/v1")
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
