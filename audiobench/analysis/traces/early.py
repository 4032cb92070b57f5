"""Early answering: does the answer hang on the reasoning? (Lanham et al., arXiv 2307.13702; for audio: 2509.22363.)

The trace is cut after a fraction of its words, the thought is closed, and the model answers by continuing its own turn.
If the answer is already the final one after a tenth of the trace, the rest did not decide it. Works where the backend
continues an assistant's turn (the model file declares a prefill for thinking on). Replies go into
`<task>/early_answers.jsonl`, append-only, beside the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from msgspec import Struct, structs

from audiobench.analysis.arms import Arm, chosen_text
from audiobench.analysis.comparable import OWN_CLIPS
from audiobench.ask.annotate import loaded
from audiobench.ask.prompt import generation_parameters
from audiobench.ask.stage import Reply, Stage, responses
from audiobench.core.errors import UsageError
from audiobench.core.parts import video_transform, words
from audiobench.core.types import (
    AudioPart,
    Clip,
    ImagePart,
    MediaPart,
    Message,
    Part,
    Request,
    Response,
    Sample,
    TextPart,
    VideoPart,
)
from audiobench.files import journal
from audiobench.files.annotations import EarlyAnswer
from audiobench.files.records import ClipFacts
from audiobench.model.spec import ModelSpec
from audiobench.model.think import split
from audiobench.results.runs import Scored
from audiobench.results.score import outcome
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.intervals import proportion
from audiobench.task.spec import Prompt

FRACTIONS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Cut:
    """One response, asked again with only the beginning of its reasoning."""

    folder: Path
    """Of the task."""
    arm: Arm
    scored: Scored
    fraction: float


def check(spec: ModelSpec) -> None:
    """Raise UsageError when the model's backend is not declared to continue an assistant's turn."""
    if spec.thinking.on.prefill is None:
        raise UsageError(
            f"--early: model {spec.name} declares no prefill for thinking on, so its turn cannot be continued "
            "(thinking.on.prefill in the model file)"
        )


def truncated(trace: str, fraction: float) -> str:
    """The first `fraction` of the trace's words, spacing kept."""
    words = trace.split()
    keep = round(fraction * len(words))
    if keep >= len(words):
        return trace
    end = 0
    for word in words[:keep]:
        end = trace.index(word, end) + len(word)
    return trace[:end]


def request_for(cut: Cut, spec: ModelSpec) -> Request:
    """The recorded request with the cut, closed thought as the start of the assistant's turn (audio not yet loaded)."""
    record, plan = cut.scored.record, cut.arm.task_run.plan
    messages: list[Message] = []
    for turn in record.prompt:
        if turn.role == "assistant":
            continue
        parts: list[Part] = [
            TextPart(part) if isinstance(part, str) else _clip(record.audio[part.place]) for part in turn.parts
        ]
        messages.append(Message(cast(Any, turn.role), tuple(parts)))
    thinking = spec.thinking
    opening = thinking.on.prefill or f"{thinking.open_tag}\n"
    thought = truncated(record.reasoning, cut.fraction)
    asked, seed = Prompt.model_validate(plan.prompt), plan.seed + cut.scored.epoch
    generation = generation_parameters(cut.arm.task_run.task, asked, spec, seed, plan.overrides)
    return Request(
        tuple(messages), {**generation, **thinking.on.generation}, prefill=words(f"{opening}{thought}\n{thinking.close_tag}\n"),
        extra_body=thinking.on.extra_body, think=cut.arm.how.think, sample_id=cut.scored.id, epoch=cut.scored.epoch,
        sample=_with_own_clips(cut),
    )  # fmt: skip


def _with_own_clips(cut: Cut) -> Sample:
    """The item with its own clips, for control models; with one that is in no request where the condition took them away."""
    sample = cut.scored.sample
    if cut.arm.how.audio not in OWN_CLIPS:
        return structs.replace(sample, clips=(Clip(Path("own clip, not sent")),))

    def of(kind: str) -> tuple[Clip, ...]:
        return tuple(Clip(Path(clip.path), clip.sha256) for clip in cut.scored.record.audio if clip.kind == kind)

    return structs.replace(sample, clips=of(AudioPart.kind), images=of(ImagePart.kind), videos=of(VideoPart.kind))


def _clip(facts: ClipFacts) -> MediaPart:
    clip = Clip(Path(facts.path), facts.sha256, facts.seconds)
    if facts.kind == ImagePart.kind:
        return ImagePart(clip)
    if facts.kind == VideoPart.kind:
        donor = None if facts.donor is None else Clip(Path(facts.donor[0]), facts.donor[1])
        return VideoPart(clip, transform=video_transform(facts.transform), donor=donor)
    return AudioPart(clip, facts.transform, span=facts.span)


def read(folder: Path) -> dict[tuple[str, str, float], EarlyAnswer]:
    """Early answers of a task by sample id, journal key and fraction; a later line wins."""
    return {(x.id, x.key, x.fraction): x for x in journal.read(folder / EarlyAnswer.FILE, EarlyAnswer)}


class EarlyStage(Stage[Cut]):
    """The cuts that have no early answer yet."""

    def __init__(self, model: ModelSpec, cuts: Iterable[Cut]) -> None:
        super().__init__(model)
        self.who = f"model {model.name}"
        self.cuts = list(cuts)

    def open(self) -> Iterator[Cut]:
        """In the order given."""
        known = {folder: read(folder) for folder in {cut.folder for cut in self.cuts}}
        yield from (cut for cut in self.cuts if (*cut.scored.slot, cut.fraction) not in known[cut.folder])

    def path(self, item: Cut) -> Path:
        """The task's early_answers.jsonl."""
        return item.folder / EarlyAnswer.FILE

    def requests(self, item: Cut) -> list[Request]:
        """The recorded request, with the cut thought."""
        return [request_for(item, self.model)]

    async def load(self, item: Cut, request: Request) -> Request:
        """Raises UsageError when a clip has changed since the run."""
        return loaded(request, self.model)

    def line(self, item: Cut, replies: Sequence[Reply]) -> EarlyAnswer | None:
        """The early answer, and whether it is the final one."""
        for response in responses(replies):
            thinking = self.model.thinking
            response = split(response, f"{thinking.close_tag}\n", thinking)
            said = Response(response.text, finish_reason=response.finish_reason)
            again = structs.replace(item.scored.record, response=said, error=None)
            result = outcome(again, item.arm.task_run.task)
            answer = chosen_text(Scored(again, result))
            return EarlyAnswer(
                *item.scored.slot,
                item.fraction,
                response.text,
                response.finish_reason,
                result.status,
                result.value,
                answer,
                same=answer is not None and answer == chosen_text(item.scored),
                prefill_sha256=hashlib.sha256((request_for(item, self.model).prefill_text or "").encode()).hexdigest(),
            )
        return None


class Point(Struct):
    """The answers after a fraction of the reasoning."""

    fraction: float
    same: float
    """Share of them that are the final answer."""
    ci: tuple[float, float]
    accuracy: float


class Early(Struct):
    """How the answer hangs on the reasoning."""

    n: int
    """Traces."""
    points: list[Point]
    area: float
    """Under `same` over the fraction."""
    incomplete: int
    """Traces without an answer at some fraction."""


def summary(arm: Arm, fractions: Sequence[float] | None = None) -> Early | None:
    """Share of the final answer and accuracy at each fraction, and the area under the former; None without answers.

    Only traces that have an early answer at every fraction that occurs. Samples that share a clip are one unit, as are
    the traces of one sample.
    """
    lines = read(arm.task_run.folder)
    slots = {s.slot for s in arm}
    mine = {slot: line for slot, line in lines.items() if slot[:2] in slots}
    points = sorted({fraction for _, _, fraction in mine} if fractions is None else fractions)
    traces = {slot[:2] for slot in mine}
    whole = [t for t in traces if all((*t, f) in mine for f in points)]
    if not whole or len(points) < 2:
        return None
    keys = {s.id: s.record.cluster for s in arm}
    clusters = shared_clusters([keys[sample] for sample, _ in whole])
    rows: list[Point] = []
    for fraction in points:
        found = [mine[(*trace, fraction)] for trace in whole]
        same = [float(line.same) for line in found]
        interval = proportion(same, clusters)
        values = [line.value or 0.0 for line in found]
        accuracy = sum(values) / len(values)
        rows.append(Point(fraction, sum(same) / len(same), (interval.low, interval.high), accuracy))
    width = points[-1] - points[0]
    area = sum((b.fraction - a.fraction) * (a.same + b.same) / 2 for a, b in pairwise(rows))
    return Early(len(whole), rows, area / width, len(traces) - len(whole))
