"""Gemini Live, `BidiGenerateContent` over a websocket (google-genai 3.4.0, live.py and types).

Client: setup, realtimeInput {activityStart | audio | activityEnd | audioStreamEnd}, clientContent. Server:
setupComplete, serverContent {modelTurn, outputTranscription, interrupted, generationComplete, turnComplete,
turnCompleteReason}, usageMetadata, goAway. PCM16: 16 kHz in, 24 kHz out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pybase64

from audiobench.core.json_values import object_in, objects_in, text_in
from audiobench.core.types import Request
from audiobench.model.adapter import RetryableError, SampleError
from model_adapters.dialects import merge, sampling_fields
from model_adapters.gemini import token_counts
from model_adapters.http import HttpClient
from model_adapters.realtime.failures import reported
from model_adapters.realtime.openai import system_text
from model_adapters.realtime.protocol import Frame
from model_adapters.realtime.turn import Turn

RATE = 16000
SERVICE = "google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
PARAMETERS = {
    "max_gen_toks": "maxOutputTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed",
}  # fmt: skip
_BLOCKED = re.compile(r"REJECTED|PROHIBITED|SAFETY|BLOCKLIST|SPII|RECITATION|_OTHER$")
_RATE = re.compile(r"rate=(\d+)")


class GeminiLive:
    """The protocol; `vad=False` marks the user's turn with activityStart and activityEnd."""

    input_rate = RATE

    def __init__(self, *, vad: bool, voice: str | None, version: str, extra: dict[str, Any], http: HttpClient) -> None:
        self.vad = vad
        self.voice = voice
        self.version = version
        self.extra = extra
        self.http = http
        self.turn_end = "activityEnd"

    def path(self, model: str) -> str:
        """Path of the service; the model is named in the setup."""
        del model
        return "/ws/" + SERVICE.format(version=self.version)

    def headers(self, key: str | None) -> dict[str, str]:
        """The key; never in the address."""
        return {"x-goog-api-key": key} if key else {}

    def setup(self, request: Request, model: str) -> Frame:
        """`setup`."""
        generation: dict[str, Any] = {"responseModalities": ["AUDIO"]}
        generation |= sampling_fields(request.generation, PARAMETERS, "gemini live")
        if self.voice:
            generation["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": self.voice}}}
        setup: dict[str, Any] = {
            "model": f"models/{model.removeprefix('models/')}",
            "generationConfig": generation,
            "outputAudioTranscription": {},
        }
        instructions = system_text(request)
        if instructions:
            setup["systemInstruction"] = {"parts": [{"text": instructions}], "role": "user"}
        if not self.vad:
            setup["realtimeInputConfig"] = {"automaticActivityDetection": {"disabled": True}}
        merge(setup, self.extra)
        merge(setup, request.extra_body)
        return {"setup": setup}

    def text(self, text: str, *, after_audio: bool) -> Frame:
        """Text before the clip, as content of a turn that is not complete."""
        if after_audio:
            raise SampleError("gemini live: text must come before the audio; use a prompt with that order")
        turn = {"role": "user", "parts": [{"text": text}]}
        return {"clientContent": {"turns": [turn], "turnComplete": False}}

    def begin(self) -> list[Frame]:
        """`activityStart`."""
        return [] if self.vad else [{"realtimeInput": {"activityStart": {}}}]

    def audio(self, pcm: bytes) -> Frame:
        """`realtimeInput.audio`."""
        blob = {"data": pybase64.b64encode(pcm).decode(), "mimeType": f"audio/pcm;rate={RATE}"}
        return {"realtimeInput": {"audio": blob}}

    def end(self) -> list[Frame]:
        """`activityEnd`; with the server's detector `audioStreamEnd`."""
        return [{"realtimeInput": {"audioStreamEnd": True} if self.vad else {"activityEnd": {}}}]

    def ask(self) -> list[Frame]:
        """Nothing: the end of the turn asks."""
        return []

    def wants_silence(self) -> bool:
        """No: `audioStreamEnd` says that nothing follows."""
        return False

    def receive(self, event: Mapping[str, Any], turn: Turn, now: float) -> None:
        """Take a server message; it may hold several things at once."""
        if event.get("usageMetadata"):
            turn.usage = token_counts(object_in(event, "usageMetadata"), said_as="response")
        if "setupComplete" in event:
            turn.configured = True
            if session := object_in(event, "setupComplete").get("sessionId"):
                turn.raw["session"] = session
        if event.get("goAway"):
            turn.raw["go_away"] = object_in(event, "goAway").get("timeLeft")
        if event.get("error"):
            raise reported(event["error"], where="gemini live", http=self.http)
        if content := object_in(event, "serverContent"):
            self._content(content, turn, now)

    def _content(self, content: Mapping[str, Any], turn: Turn, now: float) -> None:
        for part in objects_in(content.get("modelTurn"), "parts"):
            turn.responding = True
            blob = object_in(part, "inlineData")
            if data := text_in(blob, "data"):
                rate = _RATE.search(text_in(blob, "mimeType"))
                turn.rate = int(rate[1]) if rate else turn.rate
                turn.heard(pybase64.b64decode(data.translate(_STANDARD)), now)
            elif text := text_in(part, "text"):
                (turn.thoughts if part.get("thought") else turn.text).append(text)
        if said := text_in(content.get("outputTranscription"), "text"):
            turn.transcript.append(said)
        if content.get("interrupted"):
            raise RetryableError("gemini live: the answer was interrupted")
        if content.get("generationComplete"):
            turn.mark("generation_complete", now)
        if content.get("turnComplete"):
            reason = str(content.get("turnCompleteReason") or "")
            if reason:
                turn.raw["turn_complete_reason"] = reason
            if reason == "MALFORMED_FUNCTION_CALL":
                raise RetryableError("gemini live: the turn ended with MALFORMED_FUNCTION_CALL")
            turn.finish = (
                "content_filter" if _BLOCKED.search(reason) else "length" if "MAX_TOKENS" in reason else "stop"
            )


_STANDARD = str.maketrans("-_", "+/")
"""URL-safe base64 to the standard alphabet."""
