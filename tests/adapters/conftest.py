"""A loopback server that records what it gets, and small audio made on the spot."""

from __future__ import annotations

import asyncio
import io
import json
import math
import struct
import wave
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from audiobench.core.parts import words
from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.media.support import AudioSupport
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec

Handler = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A loopback server under test control: `answer` decides what comes back."""

    answer: Handler
    seen: list[Seen] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def serve() -> Callable[[Handler], Any]:
    """A context manager that answers with a handler on a free port of 127.0.0.1, and gives the server."""

    @asynccontextmanager
    async def start(answer: Handler):
        server = Server(answer)

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            server.seen.append(Seen(request.method, request.path_qs, dict(request.headers), body))
            return await server.answer(request, body)

        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield server
        finally:
            await runner.cleanup()

    return start


@pytest.fixture
def reply_with() -> Callable[..., Handler]:
    """A handler that always gives this status, body (JSON or bytes) and headers."""

    def make(body: Any, status: int = 200, **headers: str) -> Handler:
        async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            named = {k.replace("_", "-"): v for k, v in headers.items()}
            return web.Response(body=raw, status=status, headers={"Content-Type": "application/json", **named})

        return answer

    return make


@pytest.fixture
def stream_with() -> Callable[..., Handler]:
    """A handler that sends these blocks of bytes as an event stream, pausing `pause` seconds before each."""

    def make(*blocks: bytes, pause: float = 0.0) -> Handler:
        async def answer(request: web.Request, _body: bytes) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for block in blocks:
                await asyncio.sleep(pause)
                await response.write(block)
            await response.write_eof()
            return response

        return answer

    return make


def _wav(hertz: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i * hertz / 2546))) for i in range(1600)))
    return out.getvalue()


@pytest.fixture(scope="session")
def clips() -> list[AudioPart]:
    """Two audio parts of 0.1 s with bytes."""
    parts = []
    for hertz in (440, 660):
        parts.append(AudioPart(Clip(Path(f"{hertz}.wav"), sha256=f"{hertz:064x}"), data=_wav(hertz), format="wav"))
    return parts


@pytest.fixture
def ask(clips: list[AudioPart]) -> Callable[..., Request]:
    """A request: strings become text parts, numbers become clips, in the order given."""

    def make(*order: str | int | AudioPart, prefill: str | None = None, **fields: Any) -> Request:
        order = order or ("Which sound?", 0)
        parts = tuple(TextPart(x) if isinstance(x, str) else clips[x] if isinstance(x, int) else x for x in order)
        return Request(messages=(Message("user", parts),), prefill=words(prefill), **fields)

    return make


@pytest.fixture
def spec() -> Callable[..., ModelSpec]:
    """A model for `openai_chat` unless said otherwise."""

    def make(**fields: Any) -> ModelSpec:
        given: dict[str, Any] = {"name": "m", "adapter": "openai_chat", "served_model": "some-model"}
        return ModelSpec(**{**given, "audio": AudioSupport(), **fields})

    return make


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, address or proxy of the machine reaches a test."""
    import os

    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_BASE_URL", "_PROXY", "_proxy")) or name.startswith(("AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name in ("OPENAI", "AZURE_OPENAI", "DASHSCOPE", "STEP", "MISTRAL", "OPENROUTER", "GOOGLE"):
        monkeypatch.setenv(f"{name}_API_KEY", "FAKE")


@pytest.fixture
def attempt(serve, spec, ask):
    """Ask a server with this handler once; the error, or the response."""

    def run(handler, *, timeout: float = 20.0, path: str = "/v1", **fields):
        async def main():
            async with serve(handler) as server:
                adapter = build_adapter(spec(**fields), base_url=server.url + path, timeout=timeout)
                try:
                    return await adapter.generate(ask())
                except (RetryableError, SampleError, RunError) as error:
                    return error
                finally:
                    await adapter.close()

        return asyncio.run(main())

    return run
