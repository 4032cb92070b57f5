"""Controls that answer in sound: what a figure of sound is worth, without any model.

- `synthesiser`: a sound for a caption. `options.makes`: `right` (what the caption says), `wrong` (what another caption says),
  `silence`, `noise`; `copy` gives back the item's own reference.
- `tone_speaker`: says a text in tones (`audiobench.media.tone_speech`). `options.says`: `request` (the words of the request, for a
  task that has them spoken), `target` (the right answer, when the item's own audio is in the request or there is none), `wrong`.
- `tone_listener`: a recogniser for that speech.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from audiobench.core.types import AudioPart, Request, Response
from audiobench.media.answers import keep, pcm16_wav
from audiobench.media.made_sounds import captions, events, render
from audiobench.media.tone_speech import RATE, listen, speak
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import WORDS, Capabilities
from audiobench.model.spec import ModelSpec
from model_adapters.controls import as_answer, draw, is_heard, item, target_text
from model_adapters.waveforms import waveform

if TYPE_CHECKING:
    import numpy as np

OTHERS = captions(97, seed=7)
"""Captions of wrong sounds."""
DEFAULT_SECONDS = 2.0


class SynthesiserOptions(BaseModel):
    """What `options:` of a model file may say for `synthesiser`."""

    model_config = ConfigDict(extra="forbid")

    makes: Literal["right", "wrong", "silence", "noise", "copy"] = "right"
    sample_rate: int = 16_000
    """Hz."""


class SpeakerOptions(BaseModel):
    """What `options:` of a model file may say for `tone_speaker`."""

    model_config = ConfigDict(extra="forbid")

    says: Literal["request", "target", "wrong"] = "request"


class _Sounding:
    """What controls share that answer in sound."""

    capabilities = Capabilities(WORDS, parameters=None, audio_out=True, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.spec = spec
        self.audio_folder: Path | None = None
        """Where answers are kept, set by the runner."""

    def sound(self, request: Request) -> bytes:
        raise NotImplementedError("each control makes its own sound")

    async def generate(self, request: Request) -> Response:
        """Answer at once."""
        data = await asyncio.to_thread(self.sound, request)
        part = keep(data, self.audio_folder, request.sample_id, request.epoch)
        return Response("", parts=(part,), served_model=self.spec.served_model, latency={"total": 0.0})

    async def close(self) -> None:
        """Nothing to release."""


class Synthesiser(_Sounding):
    """A sound for the words of the request, `seconds` long (a generation parameter)."""

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        super().__init__(spec)
        self.options = spec.read_options(SynthesiserOptions)

    def sound(self, request: Request) -> bytes:
        """As `options.makes` says, WAV of 16 bits."""
        makes, rate = self.options.makes, self.options.sample_rate
        if makes == "copy":
            reference = item(request).reference
            if reference is None:
                raise SampleError("options.makes: copy: the item has no reference")
            return reference.path.read_bytes()
        seconds = float(request.generation.get("seconds") or DEFAULT_SECONDS)
        seed = int(request.generation.get("seed") or 0) + 100
        caption = request.text
        if makes == "wrong":
            caption = self._other(caption)
        wave = render(caption, seconds, rate, seed=seed)
        if makes == "silence":
            wave = wave * 0
        if makes == "noise":
            wave = _noise(len(wave), request.sample_id, request.epoch)
        return pcm16_wav(wave, rate)

    @staticmethod
    def _other(caption: str) -> str:
        """A caption that shares no event with this one."""
        own = {*events(caption)}
        fitting = [other for other in OTHERS if not own & {*events(other)}]
        return fitting[int(draw("other", caption) * len(fitting))]


class ToneSpeaker(_Sounding):
    """Words in tones."""

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        super().__init__(spec)
        self.options = spec.read_options(SpeakerOptions)

    def sound(self, request: Request) -> bytes:
        """As `options.says` says, WAV of 16 bits."""
        return pcm16_wav(speak(self._words(request)), RATE)

    def _words(self, request: Request) -> str:
        says = self.options.says
        if says == "request":
            return request.text
        sample = item(request)
        target = target_text(sample)
        if says == "wrong" or target is None or not is_heard(request, sample):
            others = [text for _, text in sample.options if text != target]
            return as_answer(request, others[0]) if others else "something else"
        return as_answer(request, target)


class ToneListener:
    """A recogniser: the words that were spoken in tones."""

    capabilities = Capabilities(WORDS, audio_out=False, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.spec = spec

    async def generate(self, request: Request) -> Response:
        """What the request's clips say, joined by spaces."""
        if not request.audio:
            raise SampleError("a recogniser needs audio, and the request holds none")
        said = [await asyncio.to_thread(_words_in, part) for part in request.audio]
        return Response(" ".join(said), served_model=self.spec.served_model, latency={"total": 0.0})

    async def close(self) -> None:
        """Nothing to release."""


def _words_in(part: AudioPart) -> str:
    return listen(waveform(part, RATE), RATE)


def _noise(size: int, *seed: object) -> np.ndarray:
    import numpy as np

    rng = np.random.default_rng(int(draw("noise", *seed) * 2**32))
    return 0.1 * rng.standard_normal(size)
