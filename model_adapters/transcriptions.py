"""Speech recognisers behind `POST /v1/audio/transcriptions`: Whisper on vLLM, OpenAI's and Mistral's transcribers.

For recognition tasks, for the first half of a cascade, and for turning spoken answers into text. The request's words
are not sent: a recogniser has no prompt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.json_values import counts, object_in
from audiobench.core.types import AudioPart, Request, Response
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.dialects import MIME, find_dialect, who_answered
from model_adapters.http import HttpClient, json_object
from model_adapters.splicing import form, mime_type


class Options(BaseModel):
    """What `options:` of a model file may say for `transcriptions`."""

    model_config = ConfigDict(extra="forbid")

    language: str | None = None
    """ISO 639-1 code; None = the model finds out."""
    fields: dict[str, str] = {}
    """Further form fields (`prompt`, `chunking_strategy`)."""


class Transcriptions:
    """The adapter; `spec.dialect` gives the address, the key and its header.

    Raises:
        UsageError: unknown dialect or option, no address, no key.
    """

    capabilities = Capabilities(WORDS, audio_out=False)

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.dialect = find_dialect(spec.dialect, spec.name)
        self.options = spec.read_options(Options)
        self._url = self.dialect.address(base_url, spec.name) + "/audio/transcriptions"
        self._key = self.dialect.key(spec)
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)

    def form(self, part: AudioPart, request: Request) -> tuple[str, bytes]:
        """(content type, body) of one clip's multipart form; raises as `mime_type`."""
        mime = mime_type(part, MIME, self.dialect.name)
        fields = {"model": self.spec.served_model, "response_format": "json", **self.options.fields}
        if self.options.language:
            fields["language"] = self.options.language
        if (temperature := request.generation.get("temperature")) is not None:
            fields["temperature"] = str(temperature)
        return form(fields, f"clip.{part.format}", mime, part.data)

    async def generate(self, request: Request) -> Response:
        """The words of the request's clips, in order, joined by spaces; see `Adapter.generate` for errors."""
        if not request.audio:
            raise SampleError("a recogniser needs audio, and the request holds none")
        began = time.perf_counter()
        texts: list[str] = []
        usage: dict[str, float] = {}
        served: str | None = None
        for part in request.audio:
            kind, body = self.form(part, request)
            reply = await self._http.call(self._url, self.dialect.headers(self._key, kind), body)
            data = json_object(reply)
            self._http.check_answer(data, reply, holds="text")
            if not isinstance(data.get("text"), str):
                raise RetryableError(f"{reply.where}: the answer holds no text")
            texts.append(data["text"].strip())
            served = data.get("model") or served
            for name, count in _usage(object_in(data, "usage")).items():
                usage[name] = usage.get(name, 0) + count
        raw = who_answered(self.spec.served_model, served)
        took = {"total": time.perf_counter() - began}
        return Response(" ".join(t for t in texts if t), usage=usage, latency=took, served_model=served, raw=raw)

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()


def _usage(usage: Mapping[str, Any]) -> dict[str, float]:
    """Tokens, or seconds of audio where the model is charged by time."""
    found = {
        "prompt": usage.get("input_tokens", usage.get("prompt_tokens")),
        "audio": object_in(usage, "input_token_details").get("audio_tokens"),
        "completion": usage.get("output_tokens", usage.get("completion_tokens")),
        "total": usage.get("total_tokens"),
        "audio_seconds": usage.get("seconds", usage.get("prompt_audio_seconds")),
    }
    return counts(found)
