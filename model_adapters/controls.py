"""Control subjects: what a score is worth. They need no server and may see the item itself (`Request.sample`).

- `random`: an option drawn by sample id and epoch: the chance level, measured.
- `first_choice`: always the first option: what a position bias is worth.
- `deaf`: an option chosen from the words of the prompt alone: the same answer whatever the audio.
- `oracle`: the right answer, but only when the item's own, untransformed audio (and images and video, where it has some) is
  really in the request; it shows that all of it reaches the model and that a right answer is scored as right.
"""

from __future__ import annotations

import asyncio
import hashlib
import re

from audiobench.core.parts import text_of
from audiobench.core.types import AudioPart, Clip, ImagePart, Request, Response, Sample, VideoPart
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import Capabilities
from audiobench.model.spec import ModelSpec

_LETTERED = re.compile(r"^\s*[(\[]?[A-Z][)\].:]\s")


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone (sha256)."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def shown_letter(request: Request, option: str) -> str | None:
    """The letter under which the prompt shows `option`, else its letter in the sample, else None.

    Of several turns the last one of the user counts: examples before it have letters of their own.
    """
    asked = next((text_of(m.parts) for m in reversed(request.messages) if m.role == "user"), "")
    line = re.search(rf"(?m)^[ \t]*[(\[]?([A-Z])[)\].:][ \t]*{re.escape(option)}[ \t]*$", asked)
    if line:
        return line[1]
    options = request.sample.options if request.sample else []
    return next((letter for letter, text in options if text == option), None)


def as_answer(request: Request, option: str) -> str:
    """`option` as an answer that letter rules and text rules both read: `(B) Woman`."""
    letter = shown_letter(request, option)
    return option if letter is None or _LETTERED.match(option) else f"({letter}) {option}"


def is_heard(request: Request, sample: Sample) -> bool:
    """Whether every clip, image and video of `sample` is in `request`, untransformed and with bytes."""
    parts = [part for part in request.media if part.transform == "full" and part.data]
    own = {AudioPart.kind: sample.clips, ImagePart.kind: sample.images, VideoPart.kind: sample.videos}

    def same(a: Clip, b: Clip) -> bool:
        return a.sha256 == b.sha256 if a.sha256 and b.sha256 else a.path == b.path

    return all(
        any(part.kind == kind and same(clip, part.clip) for part in parts)
        for kind, clips in own.items()
        for clip in clips
    )


def target_text(sample: Sample) -> str | None:
    """The right answer's text; the first one where there are several."""
    if isinstance(sample.target, tuple):
        return sample.target[0] if sample.target else None
    return sample.target


def item(request: Request) -> Sample:
    """The sample behind `request`.

    Raises:
        SampleError: the request does not carry it.
    """
    if request.sample is None:
        raise SampleError("a control needs the item itself: Request.sample is not set")
    return request.sample


class _Control:
    """What the controls share: no server, one answer."""

    capabilities = Capabilities(audio_out=False, in_process=True)

    def __init__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.spec = spec

    def answer(self, request: Request, sample: Sample) -> str:
        raise NotImplementedError("each control answers in its own way")

    async def generate(self, request: Request) -> Response:
        """Answer at once; raises SampleError when the request does not carry its item."""
        await asyncio.sleep(0)
        text = self.answer(request, item(request))
        return Response(text=text, served_model=self.spec.served_model, latency={"total": 0.0})

    async def close(self) -> None:
        """Nothing to release."""


def _pick(request: Request, sample: Sample, *seed: object) -> str:
    options = sample.options
    if not options:
        return f"control answer {int(draw('free', *seed) * 1000)}"
    return as_answer(request, options[int(draw(*seed) * len(options))][1])


class RandomChoice(_Control):
    """An option drawn by sample id and epoch; the same whatever the condition."""

    def answer(self, request: Request, sample: Sample) -> str:
        """One of the options."""
        return _pick(request, sample, "random", request.sample_id or sample.id, request.epoch)


class FirstChoice(_Control):
    """The first option."""

    def answer(self, request: Request, sample: Sample) -> str:
        """The first option, or words where there are none."""
        if not sample.options:
            return _pick(request, sample, "first")
        shown = sorted((shown_letter(request, text) or letter, text) for letter, text in sample.options)
        return as_answer(request, shown[0][1])


class Deaf(_Control):
    """An option chosen by a hash of the prompt's words; audio changes nothing."""

    def answer(self, request: Request, sample: Sample) -> str:
        """One of the options."""
        return _pick(request, sample, "deaf", request.text)


class Oracle(_Control):
    """The right answer when all that the item has to be heard and seen is in the request, else a guess by hash."""

    def answer(self, request: Request, sample: Sample) -> str:
        """The target, or a guess."""
        target = target_text(sample)
        if target is None or not is_heard(request, sample):
            return _pick(request, sample, "oracle", request.sample_id or sample.id, request.epoch)
        return as_answer(request, target)
