"""From a sample and a condition to a request: pure, and the only place that decides what a model is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.core.types import (
    AudioPart,
    Clip,
    Condition,
    Message,
    Part,
    Request,
    Sample,
    TextPart,
    VideoPart,
)
from audiobench.model.spec import ModelSpec
from audiobench.model.think import ThinkPlan, apply
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
    return replace(sample, choices=tuple(None if choice is None else next(turned) for choice in sample.choices))


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
) -> Request:
    """The request that asks `sample` (already arranged) under `condition`; `protocol` as in `Request`.

    Generation parameters, weakest first: the task's, the model's published ones, the prompt's own, the command line's
    (see `generation_parameters`).

    Raises:
        UsageError: the condition leaves nothing to ask, or needs a transcript that the data set does not have.
    """
    parts: list[Part] = []
    for kind in prompt.order:
        if kind == "audio":
            parts.extend(_audio(sample, task, condition, seed, swap))
        elif kind == "video":
            parts.extend(map(VideoPart, sample.videos))
        elif prompt.text is not None:
            parts.append(TextPart(template.render(prompt.text, template.variables(sample))))
    if not parts:
        raise UsageError(
            f"task {task.task}: prompt {prompt.name} is audio only: nothing is left to ask under audio={condition.audio}"
        )
    system = prompt.system if prompt.system is not None else model.system
    messages = [Message("system", (TextPart(system),))] if system else []
    messages.append(Message("user", tuple(parts)))
    generation = generation_parameters(task, prompt, model, seed + epoch, overrides or {})
    request = Request(tuple(messages), generation, protocol=protocol, sample_id=sample.id, epoch=epoch, sample=sample)
    return apply(request, think)


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


def _audio(
    sample: Sample, task: TaskSpec, condition: Condition, seed: int, swap: Mapping[str, Sample] | None
) -> list[Part]:
    kind = AudioCondition(condition.audio)
    if kind is AudioCondition.NONE:
        return []
    if kind is AudioCondition.TRANSCRIPT:
        if sample.transcript is None:
            raise UsageError(
                f"task {task.task}: audio=transcript: sample {sample.id} has no transcript (doc_to_transcript)"
            )
        return [TextPart(TRANSCRIPT.format(transcript=sample.transcript))]
    clips: tuple[Clip, ...] = sample.clips
    if kind is AudioCondition.SWAP:
        clips = (swap or {})[sample.id].clips
    change = str(kind.transform(_noise_seed(sample.id, seed)))
    return [AudioPart(clip, change) for clip in clips]


def _noise_seed(sample_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample_id}".encode()).digest()[:4], "big")
