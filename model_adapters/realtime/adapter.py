"""The adapter: one session for each request. The clip is streamed, the answer's audio kept, every moment noted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError, install
from audiobench.core.json_values import decode
from audiobench.core.narrow import is_object
from audiobench.core.parts import AnswerAudio
from audiobench.core.types import AudioPart, Request, Response, TextPart
from audiobench.media.answers import keep
from audiobench.media.wav import pcm_wav
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.capabilities import Capabilities, check
from audiobench.model.spec import ModelSpec
from model_adapters.dialects import DIALECTS, who_answered
from model_adapters.gemini import BASE_URL_VARIABLE, DEVELOPER_API, KEY_VARIABLES
from model_adapters.http import CONNECT_SECONDS, HttpClient, address, find_key, where
from model_adapters.realtime import failures
from model_adapters.realtime.gemini_live import GeminiLive
from model_adapters.realtime.openai import SERVER_VAD, OpenAIRealtime
from model_adapters.realtime.protocol import Frame, Wire
from model_adapters.realtime.session_loop import SessionLoop
from model_adapters.realtime.turn import Turn
from model_adapters.waveforms import waveform

if TYPE_CHECKING:
    from model_adapters.realtime.stamped import StampedConnection

BURST_CHUNK_MS = 500
LONGEST_SILENCE_SECONDS = 10.0
"""In VAD mode the client sends silence behind the clip until the server answers, at most this long."""
MOST_EVENT_BYTES = 1 << 24
SERVERS: dict[str, tuple[str | None, str | None, tuple[str, ...]]] = {
    **{name: ((at := DIALECTS[name]).base_url, at.base_url_env, at.key_env) for name in ("openai", "stepfun")},
    "gemini_live": (DEVELOPER_API, BASE_URL_VARIABLE, KEY_VARIABLES),
}
"""Protocol -> default address, environment variable that may hold another, environment variables of the key."""


class Options(BaseModel):
    """What `options:` of a model file may say for `realtime`; all of it can change an answer or a time."""

    model_config = ConfigDict(extra="forbid")

    protocol: Literal["openai", "gemini_live", "stepfun"] = "openai"
    turn: Literal["manual", "vad"] = "manual"
    """manual: the client ends the turn (deterministic); vad: the server finds its end."""
    pace: Literal["realtime", "burst"] = "realtime"
    """realtime: as a microphone would deliver it; burst: as fast as the connection takes it."""
    chunk_ms: int = 20
    """Audio in one event at realtime pace."""
    voice: str | None = None
    """None = the server's own."""
    vad: dict[str, Any] = SERVER_VAD
    """`turn_detection` of OpenAI's protocol in VAD mode."""
    api_version: str = "v1"
    """Gemini Live's."""
    session: dict[str, Any] = {}
    """Fields put into the session (OpenAI) or the setup (Gemini)."""


class Realtime:
    """Speech in, speech out.

    `Response.text` is the provider's own transcript of the answer, `Response.parts` its sound. `Response.raw` says how
    the clip was sent, and when what happened (`clock`, seconds after `clock_zero`).
    `Response.latency["first_audio"]` is first audio packet - end of the turn (see `model_adapters.realtime.turn`).

    Raises:
        UsageError: an unknown option, no key, no `websockets`.
    """

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """One turn of the user's; several clips in it only where the client says where each ends."""
        many = spec.options.get("protocol") != "gemini_live" and spec.options.get("turn") != "vad"
        return Capabilities(frozenset({"several_clips"} if many else ()), audio_out=True, protocol="realtime")

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.timeout = timeout
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner; None = they are not kept."""
        self.options = options = spec.read_options(Options)
        if options.turn == "vad" and options.pace == "burst":
            raise UsageError(f"model {spec.name}: options.turn: vad needs pace: realtime (the server listens in time)")
        if find_spec("websockets") is None:
            raise UsageError(f"model {spec.name}: websockets is missing: {install('realtime')}")
        public, elsewhere, variables = SERVERS[options.protocol]
        default = (os.environ.get(elsewhere) if elsewhere else None) or public
        self._base = _address(base_url or default or "", spec.name)
        required = bool(spec.api_key_env) or base_url is None
        self._key = find_key(spec.api_key_env or variables, required=required, model=spec.name)
        self._http = HttpClient(timeout=timeout, secrets=[self._key])
        self.wire = self._wire()
        self._sessions = SessionLoop()

    def __repr__(self) -> str:
        return f"Realtime({self.spec.name}, {self.options.protocol})"

    def _wire(self) -> Wire:
        options, vad = self.options, self.options.turn == "vad"
        if options.protocol == "gemini_live":
            return GeminiLive(
                vad=vad, voice=options.voice, version=options.api_version, extra=options.session, http=self._http
            )
        return OpenAIRealtime(
            beta=options.protocol == "stepfun",
            vad=options.vad if vad else None,
            voice=options.voice,
            extra=options.session,
            http=self._http,
        )

    async def generate(self, request: Request) -> Response:
        """One session, one turn; see `Adapter.generate`."""
        check(self.spec, self.capabilities(self.spec), request)
        if not request.audio:
            raise SampleError("realtime: the request holds no audio")
        setup = self.wire.setup(request, self.spec.served_model)
        pcm = {id(part): await asyncio.to_thread(_pcm16, part, self.wire.input_rate) for part in request.audio}
        turn = Turn()
        pacer = _Pacer(self.options, self.wire.input_rate)
        session = self._session(setup, request, pcm, turn, pacer)
        try:
            await self._sessions.run(asyncio.wait_for(session, self.timeout))
        except TimeoutError:
            stage = "answer" if turn.packets else "audio" if turn.configured else "session"
            raise RetryableError(f"{where(self._base)}: no complete {stage} within {self.timeout:g} s") from None
        return await self._response(turn, request, pcm)

    # -- one session

    async def _session(self, setup: Frame, request: Request, pcm: dict[int, bytes], turn: Turn, pacer: _Pacer) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

        from model_adapters.realtime.stamped import StampedConnection

        shown = where(self._base)
        key = self._key.get_secret_value() if self._key else None
        turn.mark("connect_began", time.monotonic())
        try:
            opening = connect(
                self._base + self.wire.path(self.spec.served_model),
                additional_headers=self.wire.headers(key),
                user_agent_header="audiobench",
                create_connection=StampedConnection,
                compression=None,
                max_size=MOST_EVENT_BYTES,
                open_timeout=min(CONNECT_SECONDS, self.timeout),
                close_timeout=1.0,
                proxy=None if _is_loopback(self._base) else True,
            )
            async with opening as opened:
                socket = cast("StampedConnection", opened)  # what create_connection makes
                turn.mark("connected", time.monotonic())
                await _send(socket, setup)
                while not turn.configured:
                    await self._receive(socket, turn)
                turn.mark("configured", time.monotonic())
                await self._converse(socket, request, pcm, turn, pacer)
        except ConnectionClosed as error:
            frame = error.rcvd
            code = frame.code if frame else failures.ABNORMAL
            reason = frame.reason if frame else ""
            raise failures.closed(code, reason, configured=turn.configured, where=shown, http=self._http) from None
        except InvalidStatus as error:
            raise failures.refused(error.response, where=shown, http=self._http) from None
        except ssl.SSLCertVerificationError as error:
            raise RunError(f"{shown}: the certificate is refused: {error.verify_message}") from None
        except InvalidURI:
            raise RunError(f"{shown}: not a usable address") from None
        except (InvalidHandshake, OSError, EOFError) as error:
            text = self._http.scrub(" ".join(str(error).split()))[:300]
            raise RetryableError(f"{shown}: {type(error).__name__}: {text}") from None

    async def _converse(
        self, socket: StampedConnection, request: Request, pcm: dict[int, bytes], turn: Turn, pacer: _Pacer
    ) -> None:
        """Send and receive at the same time, until the answer is complete."""

        async def listen() -> None:
            while turn.finish is None:
                await self._receive(socket, turn)

        listener = asyncio.create_task(listen())
        speaker = asyncio.create_task(self._speak(socket, request, pcm, turn, pacer))
        watcher = asyncio.create_task(turn.watch())
        try:
            await asyncio.wait({listener, speaker}, return_when=asyncio.FIRST_COMPLETED)
            if listener.done():
                await listener
            await speaker
            await listener
        finally:
            for task in (listener, speaker, watcher):
                task.cancel()
            await asyncio.gather(listener, speaker, watcher, return_exceptions=True)

    async def _receive(self, socket: StampedConnection, turn: Turn) -> None:
        """Take one event."""
        data, now = await socket.receive()
        try:
            event = decode(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
        except ValueError:
            raise RetryableError(f"{where(self._base)}: an event is not valid JSON") from None
        if is_object(event):
            self.wire.receive(event, turn, now)
        if turn.finish is not None:
            turn.mark("done", now)

    async def _speak(
        self, socket: StampedConnection, request: Request, pcm: dict[int, bytes], turn: Turn, pacer: _Pacer
    ) -> None:
        """The user's turn; a connection that closes meanwhile is reported by the listener, with what came before."""
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            await self._say(socket, request, pcm, turn, pacer)

    async def _say(
        self, socket: StampedConnection, request: Request, pcm: dict[int, bytes], turn: Turn, pacer: _Pacer
    ) -> None:
        """The parts of the user's turn in order, then its end."""
        spoken = False
        for message in request.messages:
            if message.role != "user":  # a system turn is in the setup, and no other is taken
                continue
            for part in message.parts:
                if isinstance(part, TextPart):
                    await _send(socket, self.wire.text(part.text, after_audio=spoken))
                if not isinstance(part, AudioPart):
                    continue
                for frame in self.wire.begin():
                    await _send(socket, frame)
                await self._stream(socket, pcm[id(part)], turn, pacer)
                turn.times["end_of_audio_sent"] = time.monotonic()
                if turn.responding:
                    raise SampleError("realtime: the server ended the turn before the clip did (split turn)")
                ends = self.wire.end()
                if ends:
                    turn.times["turn_end_sent"] = time.monotonic()
                for frame in ends:
                    await _send(socket, frame)
                spoken = True
        for frame in self.wire.ask():
            await _send(socket, frame)
        if self.wire.wants_silence():
            await self._keep_silent(socket, turn, pacer)

    async def _stream(self, socket: StampedConnection, pcm: bytes, turn: Turn, pacer: _Pacer) -> None:
        pacer.start()
        for piece in pacer.pieces(pcm):
            await pacer.wait(len(piece))
            turn.mark("first_audio_sent", time.monotonic())
            await _send(socket, self.wire.audio(piece))

    async def _keep_silent(self, socket: StampedConnection, turn: Turn, pacer: _Pacer) -> None:
        silence = bytes(round(LONGEST_SILENCE_SECONDS * self.wire.input_rate) * 2)
        for piece in pacer.pieces(silence):
            if turn.responding:
                return
            await pacer.wait(len(piece))
            await _send(socket, self.wire.audio(piece))

    # -- the answer

    async def _response(self, turn: Turn, request: Request, pcm: dict[int, bytes]) -> Response:
        options = self.options
        manual = options.turn == "manual"
        zero = "turn_end_sent" if manual else "end_of_audio_sent"
        sound = await asyncio.to_thread(turn.first_sound) if turn.packets else None
        if sound is not None:
            turn.mark("first_sound", sound)
        said = "".join(turn.transcript) or "".join(turn.text)
        raw: dict[str, Any] = {
            **turn.raw,
            **who_answered(self.spec.served_model, turn.served_model),
            "protocol": options.protocol,
            "turn": options.turn,
            "pace": options.pace,
            "clock_zero": f"{self.wire.turn_end} sent" if manual else "last chunk of the clip sent",
            "clock": turn.clock(zero),
            "late_ms": round(turn.late * 1000, 1),
            "input": self._input(request, pcm),
        }
        text, parts = said, ()
        if turn.packets:
            raw["packets"] = len(turn.packets)
            parts = (await asyncio.to_thread(self._kept, turn, request),)
        elif turn.finish == "stop":
            raw["no_audio"] = True
            raw["provider_text"] = said
            text = ""
        return Response(
            text=text.strip(),
            reasoning="".join(turn.thoughts) or None,
            reasoning_is_summary=bool(turn.thoughts),
            finish_reason=turn.finish or "stop",
            usage=turn.usage,
            latency=turn.latency(zero),
            served_model=turn.served_model,
            parts=parts,
            raw=raw,
        )

    def _input(self, request: Request, pcm: dict[int, bytes]) -> dict[str, Any]:
        """What was sent: rate in Hz, seconds, and where the adapter itself had to resample."""
        rate = self.wire.input_rate
        about: dict[str, Any] = {"rate": rate, "seconds": round(sum(map(len, pcm.values())) / 2 / rate, 3)}
        changed = sorted({part.sample_rate for part in request.audio if part.sample_rate not in (None, rate)}, key=str)
        if changed:
            about |= {"resampled_from": changed, "resampler": "soxr HQ"}
        return about

    def _kept(self, turn: Turn, request: Request) -> AnswerAudio:
        """Write the answer's audio as WAV."""
        return keep(pcm_wav(turn.audio, turn.rate, 1), self.audio_folder, request.sample_id, request.epoch)

    async def close(self) -> None:
        """End the thread of the sessions; no connection stays open between requests."""
        await self._sessions.close()


class _Pacer:
    """Cuts PCM16 into pieces and says when each is due: when a microphone would have delivered all of it."""

    def __init__(self, options: Options, rate: int) -> None:
        self.paced = options.pace == "realtime"
        self.rate = rate
        self.step = max(1, round((options.chunk_ms if self.paced else BURST_CHUNK_MS) * rate / 1000)) * 2
        self.due = 0.0

    def start(self) -> None:
        """The clip begins now."""
        self.due = time.monotonic()

    def pieces(self, pcm: bytes) -> list[bytes]:
        """Consecutive pieces."""
        return [pcm[at : at + self.step] for at in range(0, len(pcm), self.step)]

    async def wait(self, size: int) -> None:
        """Until a piece of `size` bytes is due; not at all in a burst."""
        if not self.paced:
            return
        self.due += size / 2 / self.rate
        await asyncio.sleep(max(0.0, self.due - time.monotonic()))


async def _send(socket: StampedConnection, frame: Frame) -> None:
    await socket.send(orjson.dumps(frame).decode())


def _pcm16(part: AudioPart, rate: int) -> bytes:
    """The clip as PCM16 mono at `rate` Hz; the samples of a 16-bit clip of that rate stay as they are.

    Raises:
        SampleError: it does not decode.
    """
    import numpy

    scaled = numpy.rint(numpy.clip(waveform(part, rate), -1.0, 1.0) * numpy.float32(32768.0))
    return numpy.minimum(scaled, 32767.0).astype("<i2").tobytes()


def _address(url: str, model: str) -> str:
    """A base URL (http, https, ws or wss) as a websocket address.

    Raises:
        UsageError: it is not one.
    """
    scheme, colon, rest = url.partition("://")
    http = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
    checked = address(f"{http}{colon}{rest}", model)
    return "ws" + checked.removeprefix("http")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
