"""Text to speech behind `POST /v1/audio/speech`: OpenAI's, vLLM-Omni's and SGLang-Omni's servers.

The text of the user's turn is what to say, a system turn how to say it (`instructions`), and sound in the user's turn the voice to
say it in (`ref_audio`, with its words as `ref_text`: generation parameter `voice_text`), where the server clones voices.
Sources: OpenAI's request types; vLLM-Omni docs/serving/speech_api.md @0a76363.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pybase64
from pydantic import BaseModel, ConfigDict

from audiobench.core.parts import text_of
from audiobench.core.types import Request, Response, TextPart
from audiobench.media.answers import keep
from audiobench.media.wav import pcm_wav
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import Capabilities, check
from audiobench.model.spec import ModelSpec
from model_adapters.dialects import MIME, find_dialect
from model_adapters.http import HttpClient
from model_adapters.splicing import mime_type

PCM_RATE = 24_000
"""Hz of OpenAI's format `pcm` (16 bits, mono)."""
PARAMETERS = ("seed", "voice_text", "max_gen_toks", "temperature", "top_p", "top_k", "repetition_penalty", "until")
"""Generation parameters that may be there; those that speech has no use for are left out, and `sends` says which go."""


class Options(BaseModel):
    """What `options:` of a model file may say for `speech`."""

    model_config = ConfigDict(extra="forbid")

    voice: str | None = "alloy"
    """None = none is named (a server that clones voices)."""
    response_format: str = "wav"
    clones: bool = False
    """Whether the server takes a voice as sound (`ref_audio`, `ref_text`)."""
    sends: list[str] = []
    """Generation parameters that the server knows, under our names: `seed`, `temperature`, ..."""
    fields: dict[str, Any] = {}
    """Further fields of every body (`language`, `task_type`, `speed`)."""


class Speech:
    """The adapter; `spec.dialect` gives the address, the key and its header.

    Raises:
        UsageError: unknown dialect or option, no address, no key.
    """

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """One turn; sound in it only where the server clones voices, which the model file says (`audio:`)."""
        return Capabilities(frozenset(), "speech", PARAMETERS, audio_out=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.dialect = find_dialect(spec.dialect, spec.name)
        self.options = spec.read_options(Options)
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""
        self._url = self.dialect.address(base_url, spec.name) + "/audio/speech"
        self._key = self.dialect.key(spec)
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)

    def body(self, request: Request) -> bytes:
        """The JSON body.

        Raises:
            SampleError: no text to say, or sound for a server that clones no voice.
        """
        check(self.spec, self.capabilities(self.spec), request)
        said = "".join(text_of(message.parts) for message in request.messages if message.role == "user").strip()
        if not said:
            raise SampleError("speech: the request holds no text to say")
        system = "\n".join(text_of(message.parts) for message in request.messages if message.role == "system")
        options = self.options
        frame: dict[str, Any] = {"model": self.spec.served_model, "input": said}
        frame["response_format"] = options.response_format
        if options.voice is not None:
            frame["voice"] = options.voice
        if system:
            frame["instructions"] = system
        if request.audio:
            if not options.clones:
                raise SampleError("speech: the request holds a voice, and options.clones is false")
            part = request.audio[0]
            mime = mime_type(part, MIME, self.dialect.name)
            frame["ref_audio"] = f"data:{mime};base64,{pybase64.b64encode(part.data).decode()}"
            if words := request.generation.get("voice_text"):
                frame["ref_text"] = words
        frame |= {name: request.generation[name] for name in options.sends if request.generation.get(name) is not None}
        return orjson.dumps({**frame, **options.fields, **request.extra_body})

    async def generate(self, request: Request) -> Response:
        """The sound of the request's text; see `Adapter.generate` for errors. Anything that comes is kept."""
        began = time.perf_counter()
        reply = await self._http.call(self._url, self.dialect.headers(self._key), self.body(request))
        data = reply.body
        if self.options.response_format == "pcm":
            data = pcm_wav(data, PCM_RATE, 1)
        part = keep(data, self.audio_folder, request.sample_id, request.epoch)
        return Response("", parts=(part,), latency={"total": time.perf_counter() - began})

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()


def prompt_text(request: Request) -> str:
    """All text of the user's turns, in order: what a sound is made from."""
    texts = [part.text for m in request.messages if m.role == "user" for part in m.parts if isinstance(part, TextPart)]
    return "\n".join(texts).strip()
