"""Sound effects from a text, by ElevenLabs (`/v1/sound-generation`) and Stability (`stable-audio-2/text-to-audio`).

The wire facts were read in several independent public clients, not in the providers' own specifications, and nothing was run
against them: ElevenLabs: JSON `text, duration_seconds (0.5 to 30), prompt_influence, model_id`, header `xi-api-key`, `output_format`
in the query, the answer is the file. Stability: multipart form `prompt, duration, output_format, model, seed, steps, cfg_scale`, header
`Authorization: Bearer`, `Accept: audio/*`, the answer is the file.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict

from audiobench.core.types import Request, Response
from audiobench.media.answers import keep
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.http import HttpClient, address, find_key
from model_adapters.speech import prompt_text

SERVERS = {
    "elevenlabs": ("https://api.elevenlabs.io", "/v1/sound-generation", ("ELEVENLABS_API_KEY",)),
    "stability": ("https://api.stability.ai", "/v2beta/audio/stable-audio-2/text-to-audio", ("STABILITY_API_KEY",)),
}
"""Service -> address, path, environment variables of the key."""
SHORTEST, LONGEST = 0.5, 30.0
"""Seconds that ElevenLabs makes."""


class Options(BaseModel):
    """What `options:` of a model file may say for `sound_service`."""

    model_config = ConfigDict(extra="forbid")

    service: Literal["elevenlabs", "stability"]
    output_format: str | None = None
    """ElevenLabs: `mp3_44100_128` and the like; Stability: `wav` or `mp3`. None = theirs, for Stability `wav`."""
    fields: dict[str, Any] = {}
    """Further fields (`prompt_influence`; `steps`, `cfg_scale`)."""


class SoundService:
    """The adapter; `served_model` is the service's name of the model.

    Raises:
        UsageError: unknown option, no key.
    """

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """A text in, a sound out."""
        known = ("seconds", "seed") if spec.options.get("service") == "stability" else ("seconds",)
        return Capabilities(frozenset(), "sound_service", (*known, "seed"), audio_out=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.options = options = spec.read_options(Options)
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""
        public, self._path, variables = SERVERS[options.service]
        self._base = address(base_url or public, spec.name)
        self._key = find_key(spec.api_key_env or variables, required=base_url is None, model=spec.name)
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)

    def call(self, request: Request) -> tuple[str, dict[str, str], bytes]:
        """(URL, headers, body) of a request.

        Raises:
            SampleError: no text, or a length that the service does not make.
        """
        text, seconds = prompt_text(request), request.generation.get("seconds")
        if not text:
            raise SampleError("the request holds no text to make a sound from")
        key = self._key.get_secret_value() if self._key else ""
        if self.options.service == "elevenlabs":
            if seconds is not None and not SHORTEST <= seconds <= LONGEST:
                raise SampleError(f"seconds {seconds:g}: elevenlabs makes {SHORTEST:g} to {LONGEST:g}")
            fields = {
                "text": text,
                "model_id": self.spec.served_model,
                "duration_seconds": seconds,
                **self.options.fields,
            }
            query = "?" + urlencode({"output_format": self.options.output_format}) if self.options.output_format else ""
            body = orjson.dumps({name: value for name, value in fields.items() if value is not None})
            return self._base + self._path + query, {"xi-api-key": key, "Content-Type": "application/json"}, body
        fields = {
            "prompt": text, "model": self.spec.served_model, "duration": seconds, "seed": request.generation.get("seed"),
            "output_format": self.options.output_format or "wav", **self.options.fields,
        }  # fmt: skip
        kind, body = _form({name: f"{value}" for name, value in fields.items() if value is not None})
        headers = {"Authorization": f"Bearer {key}", "Accept": "audio/*", "Content-Type": kind}
        return self._base + self._path, headers, body

    async def generate(self, request: Request) -> Response:
        """The sound of the request's text; see `Adapter.generate` for errors."""
        began = time.perf_counter()
        url, headers, body = self.call(request)
        reply = await self._http.call(url, headers, body)
        part = keep(reply.body, self.audio_folder, request.sample_id, request.epoch)
        return Response("", parts=(part,), latency={"total": time.perf_counter() - began})

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()


def _form(fields: Mapping[str, str]) -> tuple[str, bytes]:
    """(content type, body) of a multipart form of text fields."""
    boundary = secrets.token_hex(16)
    part = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(part.format(boundary, name, value) for name, value in fields.items()) + f"--{boundary}--\r\n"
    return f"multipart/form-data; boundary={boundary}", body.encode()
