"""Google Gemini by `generateContent` over REST: Developer API (key) or Vertex AI (bearer token).

The body equals the official SDK's field by field (google-genai 3.4.0). Clips go inline; when together they pass
`options.inline_bytes` they are uploaded once through the Files API and referred to.

- Thought parts are summaries, never the raw thought: `reasoning_is_summary` is True.
- `usage.completion` includes thoughts, as with other servers (Google counts them apart).
- Models are silently rerouted when they are retired: `served_model` is Google's `modelVersion`; where it is not what
  was asked, `raw["model_differs"]` is True, and the caller decides.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from audiobench.core.errors import UsageError, install
from audiobench.core.json_values import counts, object_in, objects_in, text_in
from audiobench.core.parts import text_of
from audiobench.core.tools import as_gemini, from_gemini, gemini_call, gemini_result, with_calls
from audiobench.core.types import MediaPart, Message, Request, Response, TextPart
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.capabilities import WORDS, Capabilities, check
from audiobench.model.spec import ModelSpec
from model_adapters.batch import GeminiBatch
from model_adapters.bodies import first
from model_adapters.dialects import GEMINI_PARAMETERS, merge, sampling_fields, who_answered
from model_adapters.gemini_files import Files
from model_adapters.http import HttpClient, Reply, address, find_key, json_object
from model_adapters.splicing import mime_type, spliced

MIME = {
    "audio": {
        "wav": "audio/wav", "mp3": "audio/mp3", "aiff": "audio/aiff", "aac": "audio/aac", "ogg": "audio/ogg",
        "flac": "audio/flac", "m4a": "audio/m4a", "webm": "audio/webm",
    },
    "image": {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"},
    "video": {"mp4": "video/mp4", "mov": "video/mov", "webm": "video/webm"},
}  # fmt: skip
SAFETY = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
FINISH = {"STOP": "stop", "MAX_TOKENS": "length", "CONTINUATION": "length"}
BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "JAILBREAK", "MODEL_ARMOR"}
)
DEVELOPER_API = "https://generativelanguage.googleapis.com"
BASE_URL_VARIABLE = "GOOGLE_GEMINI_BASE_URL"

KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")


class Vertex(BaseModel):
    """Where a model is served on Vertex AI; unset fields come from GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = None
    location: str | None = None


class Options(BaseModel):
    """What `options:` of a model file may say for `gemini`."""

    model_config = ConfigDict(extra="forbid")

    api_version: str | None = None
    """None = v1 (Developer API), v1beta1 (Vertex)."""
    safety: str | None = "BLOCK_NONE"
    """Threshold for the four harm categories; null = the server's own."""
    stream: bool = False
    extra_body: dict[str, Any] = {}
    inline_bytes: int = 15_000_000
    """Clips of a request that are together larger are uploaded through the Files API."""
    vertex: Vertex | None = None


class Gemini:
    """`POST {base}/v1/models/{model}:generateContent`.

    Raises:
        UsageError: no key, no project, an unknown option.
    """

    key_variables = KEY_VARIABLES

    @staticmethod
    def keys(spec: ModelSpec) -> tuple[str, ...]:
        """Variables one of which must hold a key, where the model file names none; Vertex AI takes Google's credentials."""
        return () if spec.read_options(Options).vertex else KEY_VARIABLES

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """Batch jobs are the Developer API's only."""
        vertex = spec.options.get("vertex") is not None
        return Capabilities(
            WORDS - {"prefill"} | {"tools", "image", "video"},
            "gemini",
            GEMINI_PARAMETERS,
            audio_out=False,
            batch=not vertex,
            no_batch="only Gemini's Developer API, not Vertex AI, is supported" if vertex else "",
        )

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.options = spec.read_options(Options)
        self._google: _GoogleToken | None = None
        if self.options.vertex is None:
            variables = spec.api_key_env or list(KEY_VARIABLES)
            self._key = find_key(variables, required=True, model=spec.name)
            base = base_url or os.environ.get(BASE_URL_VARIABLE) or DEVELOPER_API
            self._base, version = _version(address(base, spec.name), self.options.api_version or "v1")
            self._api = f"{self._base}/{version}"
            self._model_url = f"{self._api}/models/{spec.served_model}"
        else:
            self._key = find_key(spec.api_key_env, required=bool(spec.api_key_env), model=spec.name)
            if self._key is None:
                self._google = _GoogleToken(spec.name)
            project = self.options.vertex.project or os.environ.get("GOOGLE_CLOUD_PROJECT")
            place = self.options.vertex.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or "global"
            if not project:
                raise UsageError(f"model {spec.name}: set options.vertex.project or GOOGLE_CLOUD_PROJECT")
            host = "" if place == "global" else f"{place}-"
            base = base_url or os.environ.get("GOOGLE_VERTEX_BASE_URL") or f"https://{host}aiplatform.googleapis.com"
            self._base, version = _version(address(base, spec.name), self.options.api_version or "v1beta1")
            self._api = f"{self._base}/{version}"
            self._model_url = (
                f"{self._api}/projects/{project}/locations/{place}/publishers/google/models/{spec.served_model}"
            )
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)
        self._mark = f"@@audio {secrets.token_hex(16)}@@"
        self.files = Files(self._http, self._base, self._api.removeprefix(self._base), self._headers)

    def __repr__(self) -> str:
        return f"Gemini({self.spec.name}{', vertex' if self.options.vertex else ''})"

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Server-Timeout": str(math.ceil(self._http.timeout))}
        if self.options.vertex is None:
            assert self._key is not None
            headers["x-goog-api-key"] = self._key.get_secret_value()
            return headers
        token = self._key
        if self._google is not None:
            token = await self._google.token()
            self._http.hide(token)
        headers["Authorization"] = f"Bearer {token.get_secret_value() if token else ''}"
        return headers

    # -- the request

    def body(self, request: Request, files: Mapping[int, str] | None = None) -> bytes:
        """The JSON body of `request`; takes and raises what `pieces` does."""
        return b"".join(self.pieces(request, files))

    def pieces(self, request: Request, files: Mapping[int, str] | None = None) -> list[bytes]:
        """The JSON body; `files` gives the address of each clip (by its place) that was uploaded instead.

        Raises:
            SampleError: the API has no way to say something that the request holds.
        """
        check(self.spec, self.capabilities(self.spec), request)
        clips: list[MediaPart] = []
        contents: list[dict[str, Any]] = []
        frame: dict[str, Any] = {"contents": contents}
        for message in request.messages:
            parts = self._parts(message, clips, files or {})
            if message.role == "system":
                frame["systemInstruction"] = {"role": "user", "parts": parts}
            elif message.answers is not None and "functionResponse" in contents[-1]["parts"][0]:
                contents[-1]["parts"] += parts  # the results of calls that were made together
            else:
                contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        if request.tools:
            frame["tools"] = as_gemini(request.tools)
        if self.options.safety:
            frame["safetySettings"] = [{"category": c, "threshold": self.options.safety} for c in SAFETY]
        if generation := sampling_fields(request.generation, GEMINI_PARAMETERS, "gemini"):
            frame["generationConfig"] = generation
        merge(frame, self.options.extra_body)
        merge(frame, request.extra_body)
        inline = [clip for place, clip in enumerate(clips) if place not in (files or {})]
        return spliced(frame, self._mark, inline, place="contents")

    def _parts(self, message: Message, clips: list[MediaPart], files: Mapping[int, str]) -> list[dict[str, Any]]:
        if message.answers is not None:
            return [gemini_result(message.answers, text_of(message.parts))]
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                parts.append({"text": part.text})
                continue
            mime = mime_type(part, MIME[part.kind], "gemini")
            if len(clips) in files:
                parts.append({"fileData": {"fileUri": files[len(clips)], "mimeType": mime}})
            else:
                parts.append({"inlineData": {"mimeType": mime, "data": self._mark}})
            clips.append(part)
        return parts + [gemini_call(call) for call in message.calls]

    # -- the answer

    async def generate(self, request: Request) -> Response:
        """Ask once; see `audiobench.model.adapter.Adapter.generate`."""
        headers = await self._headers()
        body = self.pieces(request, await self._uploaded(request))
        chunks: list[tuple[float, bytes]] = []
        method = "streamGenerateContent?alt=sse" if self.options.stream else "generateContent"
        reply = await self._http.post(
            f"{self._model_url}:{method}",
            body,
            headers,
            on_event=lambda data: chunks.append((time.perf_counter(), data)),
        )
        self._http.check(reply)
        data = (
            _joined([json_object(replace(reply, body=chunk)) for _, chunk in chunks])
            if reply.streamed
            else json_object(reply)
        )
        response = self._response(data, reply)
        response.latency = {"total": time.perf_counter() - reply.sent}
        if chunks:
            response.latency["first_token"] = chunks[0][0] - reply.sent
        return response

    def _response(self, data: dict[str, Any], reply: Reply) -> Response:
        self._http.check_answer(data, reply, holds="candidates")
        served = data.get("modelVersion") or None
        raw = who_answered(self.spec.served_model, served)
        if data.get("responseId"):
            raw["id"] = data["responseId"]
        usage = token_counts(object_in(data, "usageMetadata"))
        feedback = object_in(data, "promptFeedback")
        candidate = first(data.get("candidates"))
        if candidate is None:
            if feedback.get("blockReason"):
                raw["block_reason"] = feedback["blockReason"]
                return Response("", finish_reason="content_filter", usage=usage, served_model=served, raw=raw)
            raise RetryableError(f"{reply.where}: the answer holds no candidates")
        reason = str(candidate.get("finishReason") or "unknown").upper()
        finish = "content_filter" if reason in BLOCKED else FINISH.get(reason, reason.lower())
        if finish not in ("stop", "length"):
            raw["finish_reason"] = reason
            if candidate.get("safetyRatings"):
                raw["safety_ratings"] = [r for r in objects_in(candidate, "safetyRatings") if r.get("blocked")]
        if reason == "CONTINUATION":
            raw["finish_reason"] = reason
        parts = objects_in(candidate.get("content"), "parts")
        texts = [text_in(part, "text") for part in parts if not part.get("thought")]
        thoughts = [text_in(part, "text") for part in parts if part.get("thought")]
        calls = from_gemini(parts)
        return Response(
            text=with_calls("".join(texts), calls),
            calls=calls,
            reasoning="".join(thoughts) or None,
            reasoning_is_summary=bool(thoughts),
            finish_reason=finish,
            usage=usage,
            served_model=served,
            raw=raw,
        )

    def parsed(self, data: dict[str, Any], where: str) -> Response:
        """The response that a GenerateContentResponse (of a batch, say) is; raises as `generate`."""
        return self._response(data, Reply(200, {}, b"", where))

    async def send(self, path: str, body: bytes | None = None, *, file: bool = False) -> Reply:
        """A call of another part of this API (`/batches/...`) with this model's key; GET without a body. `file`: the answer
        is a file.

        Raises:
            RetryableError, SampleError, RunError: as `generate`.
        """
        return await self._http.call(self._api + path, await self._headers(), body, file=file)

    async def identity(self) -> dict[str, list[str]]:
        """As `TellsItself`; Vertex AI says nothing."""
        if self.options.vertex is not None:
            return {}
        version = json_object(await self.send(f"/models/{self.spec.served_model}")).get("version")
        return {"version": [version]} if isinstance(version, str) and version else {}

    async def _uploaded(self, request: Request) -> dict[int, str]:
        """Place -> address, for the clips of a request that are together too large to go inline."""
        if sum(len(part.data) for part in request.media) <= self.options.inline_bytes:
            return {}
        if self.options.vertex is not None:
            limit = self.options.inline_bytes
            raise SampleError(f"the clips are larger than {limit} bytes, and Vertex AI has no Files API")
        clips = [(part, mime_type(part, MIME[part.kind], "gemini")) for part in request.media]
        return {place: await self.files.clip(part, mime) for place, (part, mime) in enumerate(clips)}

    def batch_api(self) -> GeminiBatch:
        """Its provider's batch jobs."""
        return GeminiBatch(self)

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()


class _GoogleToken:
    """Application default credentials, refreshed when they run out (needs `google-auth`)."""

    def __init__(self, model: str) -> None:
        try:
            import google.auth
            import google.auth.transport.requests
        except ImportError:
            raise UsageError(
                f"model {model}: Vertex AI needs a token in a variable named by api_key_env, or google-auth: "
                f"{install('vertex')}"
            ) from None
        try:
            self._credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        except Exception as error:
            raise UsageError(f"model {model}: no Google credentials: {type(error).__name__}") from None
        self._request = google.auth.transport.requests.Request()
        self._lock = asyncio.Lock()

    async def token(self) -> SecretStr:
        """A token that is valid now."""
        async with self._lock:
            if not self._credentials.valid:
                try:
                    await asyncio.to_thread(self._credentials.refresh, self._request)
                except Exception as error:
                    raise RetryableError(f"Google credentials could not be refreshed: {type(error).__name__}") from None
            return SecretStr(self._credentials.token)


def _version(base: str, wanted: str) -> tuple[str, str]:
    """(base without API version, version); a version at the end of a base URL wins."""
    head, _, last = base.rpartition("/")
    return (head, last) if last in ("v1", "v1beta", "v1alpha", "v1beta1") else (base, wanted)


def _joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """A streamed answer in the shape of one in one piece; without an end it has no candidates."""
    data: dict[str, Any] = {}
    parts: list[Mapping[str, Any]] = []
    last: dict[str, Any] = {}
    for chunk in chunks:
        data.update({k: v for k, v in chunk.items() if k != "candidates"})
        if candidate := first(chunk.get("candidates")):
            parts += objects_in(candidate.get("content"), "parts")
            last.update(candidate)
    if last.get("finishReason"):
        data["candidates"] = [{**last, "content": {"parts": parts}}]
    return data


def token_counts(usage: Mapping[str, Any], said_as: str = "candidates") -> dict[str, Any]:
    """Google's token counts under our names: `completion` = answer + thoughts. `said_as`: what the answer's begin with."""

    def of_audio(name: str) -> float | None:
        entries = [d for d in objects_in(usage, name) if d.get("modality") == "AUDIO"]
        found = [n for d in entries for n in counts({"n": d.get("tokenCount", 0)}).values()]
        return sum(found) if found else None

    told = counts(usage)
    said, thought = told.get(f"{said_as}TokenCount"), told.get("thoughtsTokenCount")
    found = {
        "prompt": usage.get("promptTokenCount"),
        "audio": of_audio("promptTokensDetails"),
        "cached": usage.get("cachedContentTokenCount"),
        "cached_audio": of_audio("cacheTokensDetails"),
        "completion": None if said is None and thought is None else (said or 0) + (thought or 0),
        "reasoning": thought,
        "audio_output": of_audio(f"{said_as}TokensDetails"),
        "total": usage.get("totalTokenCount"),
    }
    return counts(found)
