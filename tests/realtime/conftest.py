"""A model, a clip and a call."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audiobench.core.types import AudioPart, Clip, Message, Request, Response, TextPart
from audiobench.media.wav import pcm_wav
from audiobench.model.spec import ModelSpec
from model_adapters.realtime import Realtime
from tests.realtime.servers import Loopback

NAMES = {"openai": "gpt-realtime-2.1", "gemini_live": "gemini-3.8-live", "stepfun": "step-audio-r1.1"}


def tone(seconds: float, rate: int, amplitude: int = 9000) -> bytes:
    """PCM16 of a 440 Hz tone; no sample of it is 0 except by chance."""
    count = round(seconds * rate)
    return struct.pack(f"<{count}h", *(int(amplitude * math.sin(i * 880 * math.pi / rate + 0.5)) for i in range(count)))


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "STEP", "GOOGLE", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", "FAKE-key-for-tests")


@pytest.fixture
def ask(asking: Callable[..., Awaitable[Response]]) -> Callable[..., Response]:
    """`asking` on a loop of its own."""
    return lambda *arguments, **options: asyncio.run(asking(*arguments, **options))  # type: ignore[arg-type]


@pytest.fixture
def asking() -> Callable[..., Awaitable[Response]]:
    """Ask a server about a clip; `parts` in order (strings are text, None is the clip)."""

    async def call(
        server: Loopback,
        *,
        seconds: float = 0.1,
        pcm: bytes | None = None,
        rate: int | None = None,
        folder: Path | None = None,
        parts: tuple[str | None, ...] = (None,),
        system: str | None = None,
        timeout: float = 10.0,
        request: dict[str, Any] | None = None,
        **options: Any,
    ) -> Response:
        rate = rate or (16000 if server.protocol == "gemini_live" else 24000)
        spec = ModelSpec(
            name="m",
            adapter="realtime",
            served_model=NAMES[server.protocol],
            options={"protocol": server.protocol, **options},
        )
        adapter = Realtime(spec, base_url=server.url, timeout=timeout)
        adapter.audio_folder = folder
        data = pcm_wav(pcm or tone(seconds, rate), rate, 1)
        clip = AudioPart(Clip(Path("q.wav")), data=data, format="wav", seconds=seconds, sample_rate=rate)
        messages = [Message("user", tuple(clip if part is None else TextPart(part) for part in parts))]
        if system:
            messages.insert(0, Message("system", (TextPart(system),)))
        try:
            return await adapter.generate(Request(tuple(messages), sample_id="q/1", **(request or {})))
        finally:
            await adapter.close()

    return call
