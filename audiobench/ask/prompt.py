"""From a sample and a condition to a request: pure, and the only place that decides what a model is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.core.types import (
    AudioPart,
    Clip,
    Condition,
    DialogueTurn,
    ImagePart,
    Message,
    Part,
    Request,
    Sample,
    TextPart,
    VideoPart,
)
from audiobench.model.spec import ModelSpec
from audiobench.model.think import ThinkPlan, apply
from audiobench.task import generation as generation_names
from audiobench.task.spec import Prompt, TaskSpec

TRANSCRIPT = "Transcript of the audio:\n{transcript}\n"
"""What stands in the audio's place under the `transcript` condition."""


def option_orders(sample: Sample) -> int:
    """How many orders its options have by rotation: as many as there are options; 1 for an open question."""
    return max(1, len(sample.choices) - sample.choices.count(None))


def arrange(sample: Sample, order: int) -> Sample:
    """`sample` with its options rotated by `order` places (0 = as published); padded slots stay where they are."""
    if not order or not sample.options:
        return sample
    texts = [text for _, text in sample.options]
    shift = order % len(texts)
    turned = iter(texts[shift:] + texts[:shift])
    return structs.replace(sample, choices=tuple(None if choice is None else next(turned) for choice in sample.choices))


def build(
    sample: Sample,
    task: TaskSpec,
    prompt: Prompt,
    condition: Condition,
    model: ModelSpec,
    think: ThinkPlan,
    *,
    epoch: int = 0,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    swap: Mapping[str, Sample] | None = None,
    protocol: str = "",
    shots: Sequence[Sample] = (),
) -> Request:
    """The request that asks `sample` (already arranged) under `condition`; `protocol` as in `Request`.

    `shots`: samples that stand before it with their answers (`num_fewshot`). The audio condition holds for their sound
    too, but for `swap`, which is about the item.

    Generation parameters, weakest first: the task's, the model's published ones, the prompt's own, the command line's
    (see `generation_parameters`).

    Raises:
        UsageError: the condition leaves nothing to ask, or needs a transcript that the data set does not have.
    """
    heard = _Heard(sample, task, condition, seed, swap)
    if sample.turns:
        turns = [Message(turn.role, _turn(turn, prompt, sample, heard)) for turn in sample.turns]
    else:
        turns = [Message("user", _parts(prompt, sample, heard, heard.clips(sample.clips, sample.transcript), {}))]
    for turn in turns:
        if not turn.parts:
            raise UsageError(
                f"task {task.task}: prompt {prompt.name} is audio only: nothing is left to ask under "
                f"audio={condition.audio}"
            )
    first = answered_at(turns)
    system = model.system if prompt.system is None else _system(prompt.system, sample)
    opening = [Message("system", (TextPart(system),))] if system else []
    for shot in shots:
        opening += _shot(arrange(shot, condition.option_order), task, prompt, condition, seed)
    generation = generation_parameters(task, prompt, model, seed + epoch, overrides or {})
    request = Request(
        (*opening, *turns[:first]),
        {name: _of_sample(value, sample) for name, value in generation.items()},
        extra_body=_for_sound_in_video(model, (*opening, *turns)),
        protocol=protocol,
        following=tuple(turns[first:]),
        tools=sample.tools if prompt.tools else (),
        toolbox=sample.toolbox,
        sample_id=sample.id,
        epoch=epoch,
        sample=sample,
    )
    return apply(request, think)


def _system(written: str, sample: Sample) -> str:
    """The system turn of a prompt, which may be a template."""
    return template.render(written, template.variables(sample)) if "{{" in written else written


def _shot(shot: Sample, task: TaskSpec, prompt: Prompt, condition: Condition, seed: int) -> list[Message]:
    """An example with its answer."""
    if condition.audio == AudioCondition.SWAP:
        condition = structs.replace(condition, audio=AudioCondition.FULL.value)
    heard = _Heard(shot, task, condition, seed, None)
    asked = _parts(prompt, shot, heard, heard.clips(shot.clips, shot.transcript), {})
    target = shot.target[0] if isinstance(shot.target, tuple) else shot.target
    letter = next((letter for letter, text in shot.options if text == target), "")
    answer = template.render(task.fewshot_answer, {**template.variables(shot), "target": target, "letter": letter})
    return [Message("user", asked), Message("assistant", (TextPart(answer),))]


def answered_at(turns: Sequence[Message]) -> int:
    """How many turns come before the model's next answer: up to one of the user that no given answer follows."""
    return next(
        number
        for number, turn in enumerate(turns, 1)
        if turn.role == "user" and (number == len(turns) or turns[number].role == "user")
    )


def _turn(turn: DialogueTurn, prompt: Prompt, sample: Sample, heard: _Heard) -> tuple[Part, ...]:
    """The parts of one turn of a conversation: the prompt says how the user's turns with sound are shown."""
    if not turn.clips:
        return (TextPart(turn.text),)
    sound = heard.clips(turn.clips, turn.text or None)
    return _parts(prompt, sample, heard, sound, {"turn": turn.text}) if turn.role == "user" else tuple(sound)


def _parts(
    prompt: Prompt, sample: Sample, heard: _Heard, sound: Sequence[Part], also: Mapping[str, Any]
) -> tuple[Part, ...]:
    """The user's turn as the prompt lays it out."""
    parts: list[Part] = []
    for kind in prompt.order:
        if kind == "audio":
            parts.extend(_labelled(prompt, sample, sound, also))
        elif kind == "image":
            parts.extend(heard.images())
        elif kind == "video":
            parts.extend(heard.videos())
        elif prompt.text is not None:
            parts.append(TextPart(template.render(prompt.text, {**template.variables(sample), **also})))
    return tuple(parts)


def _labelled(prompt: Prompt, sample: Sample, sound: Sequence[Part], also: Mapping[str, Any]) -> list[Part]:
    """The clips, each behind its label where the prompt has one for it."""
    parts: list[Part] = []
    for number, part in enumerate(sound, 1):
        if prompt.clip_label is not None and isinstance(part, AudioPart):
            names = {**template.variables(sample), **also, "number": number, "clips": len(sound)}
            if label := template.render(prompt.clip_label, names):
                parts.append(TextPart(label))
        parts.append(part)
    return parts


def _for_sound_in_video(model: ModelSpec, turns: Sequence[Message]) -> Mapping[str, Any]:
    """Fields of the body without which the server would not hear the sound of a video (`video.sound` of the model file)."""
    videos = [part for turn in turns for part in turn.parts if isinstance(part, VideoPart)]
    return model.video.sound if model.video and any(part.transform != "muted" for part in videos) else {}


def _of_sample(value: Any, sample: Sample) -> Any:
    """A generation parameter; a template says what it is for this sample."""
    return template.evaluate(value, sample.doc) if generation_names.by_sample(value) else value


def generation_parameters(
    task: TaskSpec, prompt: Prompt, model: ModelSpec, seed: int, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Generation parameters of a request; a null leaves a parameter out.

    `max_gen_toks` is the smaller of the task's and the model's: one is what a benchmark allows, the other what a
    server takes.
    """
    merged = {**task.generation_kwargs, **model.sampling, **prompt.generation_kwargs}
    limits = [
        kwargs["max_gen_toks"]
        for kwargs in (task.generation_kwargs, model.sampling, prompt.generation_kwargs)
        if kwargs.get("max_gen_toks") is not None
    ]
    if limits:
        merged["max_gen_toks"] = min(limits)
    merged = {**merged, "seed": seed, **overrides}
    return {name: value for name, value in merged.items() if value is not None}


class _Heard:
    """What an audio condition makes of a sample's clips, one turn after another, and of its pictures."""

    def __init__(
        self, sample: Sample, task: TaskSpec, condition: Condition, seed: int, swap: Mapping[str, Sample] | None
    ) -> None:
        self._sample, self._task = sample, task
        self._kind = AudioCondition(condition.audio)
        self._seed = seed
        other = (swap or {})[sample.id] if self._kind is AudioCondition.SWAP else None
        self._others = list(other.clips) if other else []
        self._donors = other.videos if other else ()

    def images(self) -> list[Part]:
        """The sample's images, where the condition shows them."""
        return [ImagePart(clip) for clip in self._sample.images] if self._kind.shows_picture else []

    def videos(self) -> list[Part]:
        """What stands in the place of the sample's videos.

        Where the sound is in them, the condition is about that sound. Where it is a clip beside them, it is about the clip,
        and they are mute under every condition but `full`.
        """
        films, apart = self._sample.videos, bool(self._sample.clips)
        if self._kind is AudioCondition.FULL:
            return [VideoPart(film) for film in films]
        if not self._kind.shows_picture:
            return [] if apart or not self._kind.sends_sound else [AudioPart(film) for film in films]
        if self._kind is AudioCondition.SWAP and not apart:
            donors = self._donors
            return [
                VideoPart(film, transform="swapped", donor=donors[number % len(donors)])
                for number, film in enumerate(films)
            ]
        shown: list[Part] = [VideoPart(film, transform="muted") for film in films]
        if self._kind is AudioCondition.TRANSCRIPT and not apart:
            shown.append(self._words(self._sample.transcript))
        return shown

    def _words(self, transcript: str | None) -> TextPart:
        if transcript is None:
            raise UsageError(
                f"task {self._task.task}: audio=transcript: sample {self._sample.id} has no transcript "
                "(doc_to_transcript)"
            )
        return TextPart(TRANSCRIPT.format(transcript=transcript))

    def clips(self, clips: Sequence[Clip], transcript: str | None) -> list[Part]:
        """The parts in place of these clips, of which `transcript` are the words."""
        if self._kind in (AudioCondition.NONE, AudioCondition.TEXT_ONLY):
            return []
        if self._kind is AudioCondition.TRANSCRIPT:
            return [self._words(transcript)]
        if self._kind is AudioCondition.SWAP:
            clips = self._swapped(clips)
        seed = _noise_seed(self._sample.id, self._seed) if self._kind is AudioCondition.NOISE else 0
        change = str(self._kind.transform(seed))
        return [AudioPart(clip, change, span=clip.span) for clip in clips]

    def _swapped(self, clips: Sequence[Clip]) -> Sequence[Clip]:
        """The other sample's clips; turn by turn in a conversation, from the first again where it has fewer."""
        if not self._sample.turns:
            return self._others
        taken = [self._others[number % len(self._others)] for number in range(len(clips))] if self._others else []
        self._others = self._others[len(clips) :] + self._others[: len(clips)]
        return taken


def _noise_seed(sample_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample_id}".encode()).digest()[:4], "big")
