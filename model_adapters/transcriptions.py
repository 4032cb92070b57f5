"""Speech recognisers behind `POST /v1/audio/transcriptions`: Whisper on vLLM, OpenAI's and Mistral's transcribers.

For recognition tasks, for the first half of a cascade, and for turning spoken answers into text. The request's words
are not sent: a recogniser has no prompt.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.json_values import counts, object_in
from audiobench.core.types import AudioPart, Request, Response
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.dialects import MIME, find_dialect, same_model
from model_adapters.http import HttpClient, find_key, json_object


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
        names = spec.api_key_env or list(self.dialect.key_env)
        required = self.dialect.key_required or bool(spec.api_key_env)
        self._key = find_key(names, required=required, model=spec.name)
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)

    def form(self, part: AudioPart, request: Request) -> tuple[str, bytes]:
        """(content type, body) of one clip's multipart form.

        Raises:
            SampleError: the clip has no bytes, or a container without a MIME type.
        """
        if not part.data or part.format not in MIME:
            what = "no bytes to send" if not part.data else f"{part.format!r} is not one of {', '.join(MIME)}"
            raise SampleError(f"audio {part.clip.path.name}: {what}")
        fields = {"model": self.spec.served_model, "response_format": "json", **self.options.fields}
        if self.options.language:
            fields["language"] = self.options.language
        if (temperature := request.generation.get("temperature")) is not None:
            fields["temperature"] = str(temperature)
        boundary = secrets.token_hex(16)
        lines = b""
        for name, value in fields.items():
            lines += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        lines += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="clip.{part.format}"\r\n'
            f"Content-Type: {MIME[part.format]}\r\n\r\n"
        ).encode()
        return f"multipart/form-data; boundary={boundary}", b"".join(
            (lines, part.data, f"\r\n--{boundary}--\r\n".encode())
        )

    async def generate(self, request: Request) -> Response:
        """The words of the request's clips, in order, joined by spaces; see `Adapter.generate` for errors."""
        if not request.audio:
            raise SampleError("a recogniser needs audio, and the request holds none")
        began = time.perf_counter()
        texts: list[str] = []
        usage: dict[str, Any] = {}
        served: str | None = None
        for part in request.audio:
            kind, body = self.form(part, request)
            headers = {"Content-Type": kind}
            if self._key is not None:
                name, before = self.dialect.auth
                headers[name] = before + self._key.get_secret_value()
            reply = await self._http.post(self._url, body, headers)
            self._http.check(reply)
            data = json_object(reply)
            self._http.check_answer(data, reply, holds="text")
            if not isinstance(data.get("text"), str):
                raise RetryableError(f"{reply.where}: the answer holds no text")
            texts.append(data["text"].strip())
            served = data.get("model") or served
            for name, count in _usage(data.get("usage")).items():
                usage[name] = usage.get(name, 0) + count
        raw: dict[str, Any] = {"requested_model": self.spec.served_model}
        if served and not same_model(self.spec.served_model, served):
            raw["model_differs"] = True
        took = {"total": time.perf_counter() - began}
        return Response(" ".join(t for t in texts if t), usage=usage, latency=took, served_model=served, raw=raw)

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()


def _usage(usage: Any) -> dict[str, float]:
    """Tokens, or seconds of audio where the model is charged by time."""
    if not isinstance(usage, dict):
        return {}
    found = {
        "prompt": usage.get("input_tokens", usage.get("prompt_tokens")),
        "audio": object_in(usage, "input_token_details").get("audio_tokens"),
        "completion": usage.get("output_tokens", usage.get("completion_tokens")),
        "total": usage.get("total_tokens"),
        "audio_seconds": usage.get("seconds", usage.get("prompt_audio_seconds")),
    }
    return counts(found)
