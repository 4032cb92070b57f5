"""OpenAI Realtime, names of the general-availability interface (openai 3.54.0, types/realtime); and the same with the
names of its beta, which StepFun's Realtime uses.

Client: session.update, input_audio_buffer.append, .commit, conversation.item.create, response.create. Server:
session.created, session.updated, response.created, response.output_audio.delta, response.output_audio_transcript.delta,
response.done, error. PCM16 at 24 kHz both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pybase64

from audiobench.core.json_values import counts, object_in, text_in
from audiobench.core.types import Request, TextPart
from audiobench.model.adapter import RetryableError, SampleError
from model_adapters.dialects import merge, sampling_fields
from model_adapters.http import HttpClient
from model_adapters.realtime.failures import reported
from model_adapters.realtime.protocol import Frame
from model_adapters.realtime.turn import Turn

RATE = 24000
MOST_OUTPUT_TOKENS = 4096
"""Largest number that `max_output_tokens` takes; more is `inf`."""
SERVER_VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
NOT_SENT = ("seed", "until", "max_gen_toks")
"""`seed` and `until` have no field; `max_gen_toks` is `max_output_tokens`."""


class OpenAIRealtime:
    """The protocol.

    Args:
        beta: the older names and session fields.
        vad: None = the client ends the turn; else the `turn_detection` object.
    """

    input_rate = RATE

    def __init__(
        self, *, beta: bool, voice: str | None, vad: dict[str, Any] | None, extra: dict[str, Any], http: HttpClient
    ) -> None:
        self.beta = beta
        self.voice = voice
        self.vad = vad
        self.extra = extra
        self.http = http
        self.turn_end = "input_audio_buffer.commit"
        prefix = "response." if beta else "response.output_"
        self._audio_delta = f"{prefix}audio.delta"
        self._transcript_delta = f"{prefix}audio_transcript.delta"
        self._text_delta = f"{prefix}text.delta"

    def path(self, model: str) -> str:
        """`/realtime?model=...`."""
        return f"/realtime?model={quote(model, safe='')}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def setup(self, request: Request, model: str) -> Frame:
        """`session.update`."""
        session = self._beta_session() if self.beta else self._session()
        instructions = system_text(request)
        if instructions:
            session["instructions"] = instructions
        generation = {k: v for k, v in request.generation.items() if k not in NOT_SENT or (k == "until" and v)}
        session.update(sampling_fields(generation, {"temperature": "temperature"} if self.beta else {}, "realtime"))
        limit = request.generation.get("max_gen_toks")
        if limit is not None:
            field = "max_response_output_tokens" if self.beta else "max_output_tokens"
            session[field] = limit if limit <= MOST_OUTPUT_TOKENS else "inf"
        merge(session, self.extra)
        merge(session, request.extra_body)
        return {"type": "session.update", "session": session}

    def _session(self) -> dict[str, Any]:
        output: dict[str, Any] = {"format": {"type": "audio/pcm", "rate": RATE}}
        if self.voice:
            output["voice"] = self.voice
        return {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": self.vad},
                "output": output,
            },
        }

    def _beta_session(self) -> dict[str, Any]:
        session: dict[str, Any] = {
            "modalities": ["text", "audio"],
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "turn_detection": self.vad,
        }
        if self.voice:
            session["voice"] = self.voice
        return session

    def text(self, text: str, *, after_audio: bool) -> Frame:
        """A user message of its own; order is kept."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        if after_audio and self.vad is not None:
            raise SampleError("realtime: text after the audio needs turn: manual (the server ends the turn)")
        return {"type": "conversation.item.create", "item": item}

    def begin(self) -> list[Frame]:
        """Nothing."""
        return []

    def audio(self, pcm: bytes) -> Frame:
        """`input_audio_buffer.append`."""
        return {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(pcm).decode()}

    def end(self) -> list[Frame]:
        """`input_audio_buffer.commit`."""
        return [] if self.vad is not None else [{"type": "input_audio_buffer.commit"}]

    def ask(self) -> list[Frame]:
        """`response.create`."""
        return [] if self.vad is not None else [{"type": "response.create"}]

    def wants_silence(self) -> bool:
        """The server's detector hears the end in the silence behind the clip."""
        return self.vad is not None

    def receive(self, event: Mapping[str, Any], turn: Turn, now: float) -> None:
        """Take a server event; ones that are not needed are passed over."""
        kind = event.get("type")
        if kind == self._audio_delta:
            turn.heard(pybase64.b64decode(text_in(event, "delta")), now)
        elif kind == self._transcript_delta:
            turn.transcript.append(text_in(event, "delta"))
        elif kind == self._text_delta:
            turn.text.append(text_in(event, "delta"))
        elif kind in ("session.created", "session.updated"):
            session = object_in(event, "session")
            turn.served_model = text_in(session, "model") or turn.served_model
            if session.get("id"):
                turn.raw["session"] = session["id"]
            turn.configured = turn.configured or kind == "session.updated"
        elif kind == "response.created":
            turn.responding = True
            turn.mark("response_created", now)
        elif kind == "input_audio_buffer.speech_stopped":
            turn.mark("speech_stopped", now)
        elif kind == "response.done":
            self._done(object_in(event, "response"), turn)
        elif kind == "error":
            raise reported(event.get("error"), where="realtime", http=self.http)

    def _done(self, response: Mapping[str, Any], turn: Turn) -> None:
        turn.usage = _usage(object_in(response, "usage"))
        if response.get("id"):
            turn.raw["id"] = response["id"]
        details = object_in(response, "status_details")
        reason = text_in(details, "reason")
        match response.get("status"):
            case "completed":
                turn.finish = "stop"
            case "incomplete":
                turn.raw["incomplete"] = reason
                turn.finish = "content_filter" if reason == "content_filter" else "length"
            case "failed":
                error = details.get("error") or "the response failed"
                raise reported(error, where="realtime", http=self.http)
            case status:
                raise RetryableError(
                    f"realtime: the response was interrupted ({status}{': ' + reason if reason else ''})"
                )


def system_text(request: Request) -> str:
    """Text of the system turn; the user's turn is the only other one that a session is given.

    Raises:
        SampleError: there are more turns.
    """
    if sum(message.role == "user" for message in request.messages) != 1:
        raise SampleError("realtime: one user turn can be sent")
    parts = [part for message in request.messages if message.role == "system" for part in message.parts]
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts under our names; there is no count of reasoning tokens."""
    asked, said = object_in(usage, "input_token_details"), object_in(usage, "output_token_details")
    found = {
        "prompt": usage.get("input_tokens"),
        "audio": asked.get("audio_tokens"),
        "cached": asked.get("cached_tokens"),
        "cached_audio": object_in(asked, "cached_tokens_details").get("audio_tokens"),
        "completion": usage.get("output_tokens"),
        "audio_output": said.get("audio_tokens"),
        "total": usage.get("total_tokens"),
    }
    return counts(found)
