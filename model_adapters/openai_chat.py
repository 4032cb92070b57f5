"""Any server that speaks OpenAI's chat completions; what differs between servers is in `model_adapters.dialects`.

The body is laid out with a mark where each clip goes, turned into JSON once, and the base64 is spliced in as bytes:
a 320 kB clip costs about 0.1 ms of CPU to put into its request.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pybase64
from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError
from audiobench.core.json_values import counts, object_in, objects_in, text_in
from audiobench.core.narrow import is_object
from audiobench.core.parts import AnswerAudio, ending_in_text, text_of
from audiobench.core.tools import as_openai, calling_message, from_openai, tool_message, with_calls, with_ids
from audiobench.core.types import (
    AudioPart,
    ImagePart,
    MediaPart,
    Message,
    Parts,
    Request,
    Response,
    TextPart,
    VideoPart,
)
from audiobench.media.answers import keep
from audiobench.model.adapter import RetryableError
from audiobench.model.capabilities import Capabilities, check
from audiobench.model.spec import ModelSpec
from model_adapters import openai_answer
from model_adapters.batch import OpenAIBatch
from model_adapters.bodies import first
from model_adapters.dialects import (
    DIALECTS,
    IMAGE_MIME,
    VIDEO_MIME,
    Dialect,
    find_dialect,
    merge,
    same_model,
    sampling_fields,
)
from model_adapters.http import HttpClient, Reply, json_object, where
from model_adapters.http_errors import FILTER_CODES, date_of, error_body, error_fields
from model_adapters.openai_stream import Stream
from model_adapters.splicing import mime_type, spliced
from model_adapters.step_audio import PROMPT_VERSION

NO_AUDIO_CHAT = (
    "OpenAI does not offer its audio chat models in batch jobs "
    "(https://developers.openai.com/api/docs/models/gpt-audio-1.5)"
)
TOLD = ("created", "root", "revision", "digest", "sha", "version")
"""Fields of a model's entry that change when another checkpoint is served under its name."""
CLOCK_SECONDS = 5


class Options(BaseModel):
    """What `options:` of a model file may say for `openai_chat`."""

    model_config = ConfigDict(extra="forbid")

    stream: bool = False
    """Stream even where the server does not need it, which gives the time to the first token."""
    extra_body: dict[str, Any] = {}
    """Fields of every request body; a request's own fields win."""
    api_version: str | None = None
    """Azure's `api-version`; else the environment variable OPENAI_API_VERSION."""
    model: str | None = None
    """The model behind an Azure deployment, to compare with what answers."""
    speaks: str | None = None
    """A voice: the model answers in sound too (`modalities: [text, audio]`), which is kept. Not for servers that must stream."""


class OpenAIChat:
    """`POST {base_url}/chat/completions`.

    Args:
        spec: the model; `spec.dialect` chooses the server's ways.
        base_url: up to and including `/v1`; None = the dialect's environment variable or its own address.
        timeout: seconds for one attempt.

    Raises:
        UsageError: unknown dialect or option, no address, no key.
    """

    key_variables = tuple(name for dialect in DIALECTS.values() for name in dialect.key_env)

    @staticmethod
    def keys(spec: ModelSpec) -> tuple[str, ...]:
        """Variables one of which must hold a key, where the model file names none."""
        dialect = find_dialect(spec.dialect, spec.name)
        return dialect.key_env if dialect.key_required else ()

    @staticmethod
    def capabilities(spec: ModelSpec) -> Capabilities:
        """What the dialect can say."""
        dialect = find_dialect(spec.dialect, spec.name)
        no_batch = NO_AUDIO_CHAT if dialect.batch and spec.served_model.startswith("gpt-audio") else ""
        return Capabilities(
            dialect.can if dialect.prefill else dialect.can - {"prefill", "prefill_audio"},
            dialect.name,
            dialect.parameters,
            audio_out=bool(spec.options.get("speaks")),
            startable=True,
            batch=dialect.batch and not no_batch,
            no_batch=no_batch,
            tells_cost=dialect.tells_cost,
            prompt_version=PROMPT_VERSION if dialect.own_prompts or (spec.serve and spec.serve.plugin) else None,
        )

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.dialect: Dialect = find_dialect(spec.dialect, spec.name)
        self.options = spec.read_options(Options)
        self.base_url = self.dialect.address(base_url, spec.name)
        self._key = self.dialect.key(spec)
        self._http = HttpClient(timeout=timeout, secrets=[self._key], limits=spec.reply)
        self.audio_folder: Path | None = None
        """Where answers in sound are kept, set by the runner."""
        if self.options.speaks is not None and (self.options.stream or self.dialect.must_stream):
            raise UsageError(f"model {spec.name}: options.speaks: sound is taken from whole answers, not from a stream")
        self._url = self.base_url + self._path()
        # cannot stand in any prompt: drawn anew for each adapter
        self._mark = f"@@audio {secrets.token_hex(16)}@@"

    def __repr__(self) -> str:
        return f"OpenAIChat({self.spec.name}, {self.dialect.name})"

    def _path(self) -> str:
        if "{" not in self.dialect.path:
            return self.dialect.path
        from urllib.parse import quote

        version = self.options.api_version or os.environ.get("OPENAI_API_VERSION")
        if not version:
            raise UsageError(f"model {self.spec.name}: set options.api_version or OPENAI_API_VERSION")
        return self.dialect.path.format(model=quote(self.spec.served_model, safe=""), api_version=quote(version))

    # -- the request

    def body(self, request: Request) -> bytes:
        """The JSON body of `request`, clips included; raises as `pieces` does."""
        return b"".join(self.pieces(request))

    def pieces(self, request: Request) -> list[bytes]:
        """The JSON body of `request`, cut before and after the base64 of each clip.

        Raises:
            SampleError: the server has no way to say something that the request holds.
        """
        check(self.spec, self.capabilities(self.spec), request)
        frame: dict[str, Any] = {"model": self.spec.served_model}
        clips: list[MediaPart] = []
        messages = [self._message(message, clips) for message in request.messages]
        with_ids(messages)
        if request.prefill is not None:
            messages.append(self._prefill(request.prefill, clips, frame))
        frame["messages"] = messages
        if request.tools:
            frame["tools"] = as_openai(request.tools)
        frame.update(sampling_fields(request.generation, self.dialect.parameters, self.dialect.name))
        if self.options.stream or self.dialect.must_stream:
            frame["stream"] = True
        for extra in (self.dialect.body, self.options.extra_body, request.extra_body):
            merge(frame, extra)
        if self.options.speaks is not None:
            frame |= {"modalities": ["text", "audio"], "audio": {"voice": self.options.speaks, "format": "wav"}}
        if frame.get("stream") and self.dialect.usage_on_stream:
            frame.setdefault("stream_options", {"include_usage": True})
        return spliced(frame, self._mark, clips, place="messages")

    def _message(self, message: Message, clips: list[MediaPart]) -> dict[str, Any]:
        role = self.dialect.user_role if message.role == "user" else message.role
        if message.answers is not None:
            return tool_message(message.answers, text_of(message.parts))
        if message.calls:
            return calling_message(message.calls, text_of(message.parts))
        return {"role": role, "content": self._content(message.parts, clips)}

    def _content(self, parts: Parts, clips: list[MediaPart]) -> str | list[dict[str, Any]]:
        """A turn's content: a text that stands alone as it is, else a list; `clips` gets what is put in at the marks."""
        if len(parts) == 1 and isinstance(parts[0], TextPart):
            return parts[0].text
        content: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, TextPart):
                content.append({"type": "text", "text": part.text})
            else:
                content.append(self._audio(part) if isinstance(part, AudioPart) else self._seen(part))
                clips.append(part)
        return content

    def _seen(self, part: ImagePart | VideoPart) -> dict[str, Any]:
        mime = mime_type(part, VIDEO_MIME if isinstance(part, VideoPart) else IMAGE_MIME, self.dialect.name)
        kind = f"{part.kind}_url"
        return {"type": kind, kind: {"url": f"data:{mime};base64,{self._mark}"}}

    def _audio(self, part: AudioPart) -> dict[str, Any]:
        uri = f"data:{mime_type(part, self.dialect.mime_types, self.dialect.name)};base64,{self._mark}"
        match self.dialect.audio:
            case "input_audio":
                return {"type": "input_audio", "input_audio": {"data": self._mark, "format": part.format}}
            case "input_audio_uri":
                return {"type": "input_audio", "input_audio": {"data": uri, "format": part.format}}
            case "input_audio_string":
                return {"type": "input_audio", "input_audio": self._mark}
            case "audio_url":
                return {"type": "audio_url", "audio_url": {"url": uri}}

    def _prefill(self, parts: Parts, clips: list[MediaPart], frame: dict[str, Any]) -> dict[str, Any]:
        begun = ending_in_text(parts) if self.dialect.prefill == "continue" else parts
        message: dict[str, Any] = {"role": "assistant", "content": self._content(begun, clips)}
        match self.dialect.prefill:
            case "continue":
                # both are needed: add_generation_prompt is true by default, and the two exclude each other
                frame.update(continue_final_message=True, add_generation_prompt=False)
            case "eot":  # the official client sends both; the server itself reads only the two fields
                message["eot"] = False
                frame.update(continue_final_message=True, add_generation_prompt=False)
            case "trailing":
                pass
            case None:
                pass  # refused above
        return message

    # -- the answer

    async def generate(self, request: Request) -> Response:
        """Ask once; see `audiobench.model.adapter.Adapter.generate`. `text` is the content as the server gave it."""
        parts = Stream(where(self._url))
        body = self.pieces(request)
        asked = request.sample_id, request.epoch
        del request  # and with it the clip: from here on only its base64 is in memory
        reply = await self._http.post(self._url, body, self.dialect.headers(self._key), on_event=parts.event)
        if reply.status == 400 and (blocked := self._blocked(reply)) is not None:
            return blocked
        self._http.check(reply)
        data = parts.assembled() if reply.streamed else json_object(reply)
        response = self._response(data, reply)
        if self.options.speaks is not None:
            response.parts = self._sound(data, asked, reply)
        response.latency = {"total": time.perf_counter() - reply.sent}
        if parts.first is not None:
            response.latency["first_token"] = parts.first - reply.sent
        return response

    def _sound(self, data: Mapping[str, Any], asked: tuple[str, int], reply: Reply) -> tuple[AnswerAudio, ...]:
        """The sound of an answer; none where it holds none."""
        choice = first(data.get("choices")) or {}
        encoded = text_in(object_in(choice, "message").get("audio"), "data")
        if not encoded:
            return ()
        try:
            sound = pybase64.b64decode(encoded, validate=True)
        except ValueError:
            raise RetryableError(f"{reply.where}: the answer's audio is not base64") from None
        return (keep(sound, self.audio_folder, *asked),)

    def _blocked(self, reply: Reply) -> Response | None:
        code, text, _ = error_fields(error_body(reply.body))
        if code.lower() not in FILTER_CODES:
            return None
        blocked = self._filtered(text)
        blocked.latency = {"total": time.perf_counter() - reply.sent}
        return blocked

    def _filtered(self, text: str) -> Response:
        raw = {"blocked": self._http.scrub(text)[:300], **self._asked()}
        return Response(text="", finish_reason="content_filter", raw=raw)

    def _asked(self) -> dict[str, Any]:
        name = self.options.model if self.dialect.name == "azure" else self.spec.served_model
        return {"requested_model": name} if name else {}

    def _response(self, data: dict[str, Any], reply: Reply) -> Response:
        code, text, _ = error_fields(data)
        if data.get("error") and code.lower() in FILTER_CODES:  # of a stream that began well
            return self._filtered(text)
        self._http.check_answer(data, reply, holds="choices")
        choice = first(data.get("choices"))
        if choice is None or not is_object(message := choice.get("message")):
            raise RetryableError(f"{reply.where}: the answer holds no choices")
        self._http.check_answer(choice, reply, holds="message")
        finish = openai_answer.finish_reason(choice)
        if finish in ("error", "abort"):
            raise RetryableError(f"{reply.where}: the server gave up (finish_reason {finish})")
        text, thought = openai_answer.content(message)
        try:
            calls = from_openai(message)
        except (ValueError, AttributeError, TypeError) as error:  # the model's own fault: what it said stands
            calls, text = (), f"{text}{message.get('tool_calls')}"
            unread = {"tool_calls_unread": str(error)[:200]}
        else:
            unread = {}
        if calls:
            text = with_calls(text, calls)
            finish = "stop" if finish == "tool_calls" else finish
        raw = unread | {k: data[k] for k in ("id", "system_fingerprint", "provider") if data.get(k)} | self._asked()
        if not text and (refusal := text_in(message, "refusal")):
            text, finish = refusal, "content_filter"
        served = text_in(data, "model") or None
        if served and "requested_model" in raw and not same_model(raw["requested_model"], served):
            raw["model_differs"] = True
        usage = object_in(data, "usage")
        if stopped_by := text_in(choice, "stop_reason"):  # vLLM names the stop string
            raw["stop_reason"] = stopped_by
        raw |= counts({"cost": usage.get("cost")})
        return Response(
            text=text,
            reasoning=thought,
            finish_reason=finish,
            usage=openai_answer.usage(usage),
            served_model=served,
            raw=raw,
            calls=calls,
        )

    def parsed(self, data: dict[str, Any], where: str) -> Response:
        """The response that a completion object of this API is (of a batch's output, say); raises as `generate`."""
        return self._response(data, Reply(200, {}, b"", where))

    async def send(
        self, path: str, body: bytes | None = None, content_type: str = "application/json", *, file: bool = False
    ) -> Reply:
        """A call of another part of this API (`/files`, `/batches`) with this model's key; GET without a body. `file`: the
        answer is a file.

        Raises:
            RetryableError, SampleError, RunError: as `generate`.
        """
        headers = self.dialect.headers(self._key, content_type)
        return await self._http.call(self.base_url + path, headers, body, file=file)

    async def served_models(self) -> list[str]:
        """The names that the server knows (`GET /models`); empty where it has no such list."""
        if self.dialect.models_path is None:
            return []
        return [str(card["id"]) for card in (await self._cards())[0]]

    async def _cards(self) -> tuple[list[Mapping[str, Any]], float]:
        """The entries of the server's list of models, and the server's clock (seconds since 1970)."""
        if self.dialect.models_path is None:
            return [], 0.0
        reply = await self.send(self.dialect.models_path)
        listed = objects_in(json_object(reply), "data")
        clock = date_of(reply.headers.get("Date", "")) or time.time()
        return [card for card in listed if "id" in card], clock

    async def identity(self) -> dict[str, list[str]]:
        """As `TellsItself`, from the model's entry in the list of models; a `created` that is the time of the request, as
        vLLM's is, says nothing.
        """
        cards, clock = await self._cards()
        card = next((c for c in cards if c["id"] == self.spec.served_model), None)
        if card is None:
            return {}
        said = {name: card[name] for name in TOLD if isinstance(card.get(name), str | int | float) and card[name]}
        if isinstance(created := said.get("created"), int | float) and abs(created - clock) < CLOCK_SECONDS:
            del said["created"]
        return {name: [str(value)] for name, value in said.items()}

    def batch_api(self) -> OpenAIBatch:
        """Its provider's batch jobs."""
        return OpenAIBatch(self)

    async def close(self) -> None:
        """Let go of the shared connections."""
        await self._http.close()
