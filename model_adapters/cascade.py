"""Speech recognition, then a text model: two adapters in a row, as one model.

What such a cascade scores is what the words of a clip are worth; what an audio model scores above it is what it hears.
The transcript of each clip is kept in `Response.raw["transcripts"]`. A clip is transcribed once for all its
conditions and epochs.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from audiobench.core.errors import UsageError
from audiobench.core.modes import FinishReason
from audiobench.core.types import AudioPart, Message, Part, Request, Response, TextPart
from audiobench.model import transcription
from audiobench.model.adapter import Adapter
from audiobench.model.capabilities import WORDS, Capabilities
from audiobench.model.registry import build_adapter, capabilities, find_model
from audiobench.model.spec import ModelSpec
from audiobench.model.think import split

REMEMBERED = 4096


class Options(BaseModel):
    """What `options:` of a model file may say for `cascade`."""

    model_config = ConfigDict(extra="forbid")

    asr: str
    """Name (or path) of the model that transcribes."""
    llm: str
    """Name (or path) of the model that answers."""
    asr_base_url: str | None = None
    llm_base_url: str | None = None
    asr_prompt: str = transcription.PROMPT
    asr_generation: dict[str, Any] = transcription.GENERATION
    transcript: str = 'Transcript of the audio: "{transcript}"'
    """What stands in the prompt in the place of the audio."""
    asr_sha256: str | None = None
    llm_sha256: str | None = None
    """What the two models were when this one was read, put here by the registry: answers of others are not its own."""


class Cascade:
    """The adapter. A base URL given on the command line is the answering model's.

    Raises:
        UsageError: an option is missing or unknown, or a stage cannot be built.
    """

    capabilities = Capabilities(WORDS, audio_out=False, made_of=("asr", "llm"))

    def __init__(self, spec: ModelSpec, *, base_url: str | None, timeout: float) -> None:
        self.spec = spec
        self.options = spec.read_options(Options)
        asr, llm = find_model(self.options.asr), find_model(self.options.llm)
        if capabilities(asr).made_of or capabilities(llm).made_of:
            raise UsageError(f"model {spec.name}: options.asr and options.llm: a stage cannot be a cascade itself")
        self._asr_spec = asr
        self._asr_generation = {**asr.sampling, **self.options.asr_generation}
        self._llm_generation = llm.sampling
        self.asr: Adapter = build_adapter(asr, base_url=self.options.asr_base_url, timeout=timeout)
        self.llm: Adapter = build_adapter(llm, base_url=base_url or self.options.llm_base_url, timeout=timeout)
        self._heard: OrderedDict[str, asyncio.Task[Response]] = OrderedDict()

    async def generate(self, request: Request) -> Response:
        """Transcribe each clip, then ask about the words; raises what either stage raises.

        A transcript that was cut off or refused ends it there: the answer is truncated or refused, whatever a text
        model could have made of half of the words.
        """
        began = time.perf_counter()
        heard: list[Response] = []
        messages: list[Message] = []
        for message in request.messages:
            parts: list[Part] = []
            for part in message.parts:
                if isinstance(part, AudioPart):
                    said = await self._transcript(part, request)
                    heard.append(said)
                    part = TextPart(self.options.transcript.replace("{transcript}", said.text.strip()))
                parts.append(part)
            messages.append(replace(message, parts=tuple(parts)))
        asr_seconds = time.perf_counter() - began
        kept = {"transcripts": [said.text for said in heard], "asr": [self._about(said) for said in heard]}
        for said in heard:
            if said.finish_reason in (FinishReason.LENGTH, FinishReason.CONTENT_FILTER):
                latency = {"asr": asr_seconds, "total": asr_seconds}
                return Response("", finish_reason=said.finish_reason, latency=latency, raw=kept)
        generation = {**self._llm_generation, **request.generation}
        response = await self.llm.generate(replace(request, messages=tuple(messages), generation=generation))
        took = {**response.latency, "asr": asr_seconds, "total": time.perf_counter() - began}
        if first := took.get("first_token"):
            took["first_token"] = first + asr_seconds
        response.latency = took
        response.raw = {**response.raw, **kept}
        return response

    def _about(self, said: Response) -> dict[str, Any]:
        about = {"served_model": said.served_model, "finish_reason": said.finish_reason, "usage": said.usage}
        differs = {"asked": self._asr_spec.served_model, "model_differs": True}
        return {**about, **(differs if said.raw.get("model_differs") else {})}

    async def _transcript(self, part: AudioPart, request: Request) -> Response:
        key = hashlib.sha256(part.data).hexdigest() if part.data else f"{part.clip.path} {part.transform}"
        task = self._heard.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            ask = Request(
                messages=(Message("user", (TextPart(self.options.asr_prompt), part)),),
                generation=self._asr_generation,
                sample_id=request.sample_id,
                sample=request.sample,
            )
            task = self._heard[key] = asyncio.create_task(self._ask(ask))
            if len(self._heard) > REMEMBERED:
                self._heard.popitem(last=False)
        return await asyncio.shield(task)

    async def _ask(self, request: Request) -> Response:
        return split(await self.asr.generate(request), None, self._asr_spec.thinking)

    async def close(self) -> None:
        """Close both stages."""
        for task in self._heard.values():
            task.cancel()
        await asyncio.gather(self.asr.close(), self.llm.close())
