"""The answer from the caption alone: is what a model wrote of the sound enough, or does its answer rest on more?

The part of a structured thought that the model file calls its caption is put in the place of the clip, in the very prompt that
the model had, and a text model answers. The model's own system turn, which asks for its format, is left out. Replies go into
`<task>/caption_answers.jsonl`, append-only, beside the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from msgspec import Struct, structs

from audiobench.analysis.arms import Arm, chosen_text
from audiobench.analysis.figure import Figure, share
from audiobench.analysis.measure import Difference, difference, row, score
from audiobench.analysis.traces.structure import declared
from audiobench.ask.prompt import generation_parameters
from audiobench.ask.protocols import read as read_reply
from audiobench.ask.stage import Reply, Stage, responses
from audiobench.core.errors import UsageError
from audiobench.core.sections import sections
from audiobench.core.types import Message, Part, Request, Response, TextPart
from audiobench.files import journal
from audiobench.files.annotations import CaptionAnswer, Slot
from audiobench.model import think
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results.runs import Run, Scored
from audiobench.results.score import metric_of, outcome, scorer_of
from audiobench.statistics.clusters import shared_clusters
from audiobench.task.spec import Prompt

IN_PLACE = "Description of the audio:\n{caption}\n"
"""What stands in the place of the first clip."""

Answers = dict[tuple[str, str, str], CaptionAnswer]
"""(text model, sample id, journal key) -> line."""


@dataclass(frozen=True, slots=True)
class Job:
    """One caption to answer from."""

    folder: Path
    """Of the task."""
    arm: Arm
    scored: Scored
    caption: str


class CaptionAlone(Struct, kw_only=True):
    """What a text model answers from the captions of one arm."""

    model: str
    served_models: list[str]
    n: int
    """Responses with a caption, its answer, and a value under both."""
    metric: str
    unit: str
    value: float | None
    """The text model's score, and on the same responses the model's own."""
    ci: tuple[float, float]
    own: float | None
    own_ci: tuple[float, float]
    against_own: Difference
    """Caption alone minus the model's own answers."""
    same: Figure
    """Share of the model's own answers that the text model gives too."""


def check(run: Run) -> None:
    """Raise UsageError where the model file declares no caption."""
    if declared(run).caption_section is None:
        raise UsageError(
            f"--captions: model {run.spec.name} declares no part of its thought that describes the sound "
            "(thinking.sections and thinking.caption_section in its model file)"
        )


def jobs(arm: Arm) -> list[Job]:
    """The responses of an arm that have a caption; conversations and judged tasks have none to answer from."""
    thinking, task = declared(arm.run), arm.task_run.task
    if thinking.caption_section is None or scorer_of(task).judge is not None:
        return []
    found: list[Job] = []
    for scored in arm:
        record = scored.record
        if record.sample is None or record.sample.turns or scored.outcome.value is None:
            continue
        caption = sections(record.reasoning, thinking.sections).get(thinking.caption_section)
        if caption is not None:
            found.append(Job(arm.task_run.folder, arm, scored, caption))
    return found


def request_for(job: Job, model: ModelSpec) -> Request:
    """The recorded question with the caption in the place of the sound."""
    record, plan = job.scored.record, job.arm.task_run.plan
    own_system = job.arm.run.spec.system
    messages: list[Message] = []
    place = 0
    for turn in record.prompt:
        if turn.role == "assistant" or (turn.role == "system" and turn.parts == [own_system]):
            continue
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, str):
                parts.append(TextPart(part))
            elif not place:
                parts.append(TextPart(IN_PLACE.format(caption=job.caption)))
            place += not isinstance(part, str)
        messages.append(Message(cast(Any, turn.role), tuple(parts)))
    if not place and messages:  # the model was asked without sound, and described one all the same
        last = messages[-1]
        messages[-1] = replace(last, parts=(TextPart(IN_PLACE.format(caption=job.caption)), *last.parts))
    asked = Prompt.model_validate(plan.prompt)
    generation = generation_parameters(job.arm.task_run.task, asked, model, plan.seed + job.scored.epoch, {})
    if model.system:
        messages.insert(0, Message("system", (TextPart(model.system),)))
    request = Request(
        tuple(messages), generation, sample_id=job.scored.id, epoch=job.scored.epoch,
        sample=structs.replace(job.scored.sample, clips=()),
    )  # fmt: skip
    return think.apply(request, think.resolve(model, "default"))


def read(folder: Path) -> Answers:
    """Answers of a task's folder; a later line wins."""
    return {(x.model, x.id, x.key): x for x in journal.read(folder / CaptionAnswer.FILE, CaptionAnswer)}


class CaptionStage(Stage[Job]):
    """The captions that this text model has not answered from."""

    def __init__(self, model: ModelSpec, jobs: Iterable[Job]) -> None:
        super().__init__(model)
        self.who = f"text model {model.name}"
        self.jobs = list(jobs)

    def open(self) -> Iterator[Job]:
        """Those without a line of this model about this request."""
        known = {folder: read(folder) for folder in {job.folder for job in self.jobs}}
        for job in self.jobs:
            line = known[job.folder].get((self.model.name, *job.scored.slot))
            if line is None or line.model_sha256 != sha256_of(self.model) or line.prompt_sha256 != self._digest(job):
                yield job

    def path(self, item: Job) -> Path:
        """The task's caption_answers.jsonl."""
        return item.folder / CaptionAnswer.FILE

    def requests(self, item: Job) -> list[Request]:
        """The question with the caption."""
        return [request_for(item, self.model)]

    def line(self, item: Job, replies: Sequence[Reply]) -> CaptionAnswer | None:
        """The answer, without its thought."""
        plan = think.resolve(self.model, "default")
        for response in responses(replies):
            said = read_reply(response, request_for(item, self.model).prefill_text, plan)
            return CaptionAnswer(
                *item.scored.slot, self.model.name, sha256_of(self.model), said.served_model, said.text, said.finish_reason,
                said.reasoning_closed, self._digest(item),
            )  # fmt: skip
        return None

    def _digest(self, job: Job) -> str:
        return hashlib.sha256(request_for(job, self.model).canonical("")).hexdigest()


def summaries(arm: Arm) -> list[CaptionAlone]:
    """One for each text model that has answered from captions of this arm."""
    asked = jobs(arm)
    by_model: dict[str, dict[Slot, CaptionAnswer]] = {}
    for (model, sample, key), line in read(arm.task_run.folder).items():
        by_model.setdefault(model, {})[sample, key] = line
    return [found for model in sorted(by_model) if (found := _summary(arm, asked, by_model[model], model))]


def _summary(arm: Arm, asked: Sequence[Job], lines: dict[Slot, CaptionAnswer], model: str) -> CaptionAlone | None:
    """None where this model has answered from no caption of the arm."""
    task = arm.task_run.task
    own: list[Scored] = []
    alone: list[Scored] = []
    for job in asked:
        line = lines.get(job.scored.slot)
        if line is None:
            continue
        said = Response(line.text, finish_reason=line.finish_reason, reasoning_closed=line.reasoning_closed)
        again = structs.replace(job.scored.record, response=said, turns=[])
        own.append(job.scored)
        alone.append(Scored(again, outcome(again, task)))
    if not own:
        return None
    first, second = _only(arm, own), _only(arm, alone)
    ids = list(first.slots)
    (value, ci), (own_value, own_ci) = score(second, ids), score(first, ids)
    same = [
        float((text := chosen_text(b)) is not None and text == chosen_text(a)) for a, b in zip(own, alone, strict=True)
    ]
    made = metric_of(task)
    return CaptionAlone(
        model=model, served_models=sorted({line.served_model for line in lines.values() if line.served_model}), n=len(own),
        metric=made.name, unit=made.unit, value=value, ci=(ci.low, ci.high), own=own_value, own_ci=(own_ci.low, own_ci.high),
        against_own=row(difference(first, second, ids)),
        same=share(same, shared_clusters([scored.record.cluster for scored in own])),
    )  # fmt: skip


def _only(arm: Arm, kept: Iterable[Scored]) -> Arm:
    """The arm as if these were its answers."""
    slots: dict[str, dict[int, dict[int, Scored]]] = {}
    for one in kept:
        slots.setdefault(one.id, {}).setdefault(one.condition.option_order, {})[one.epoch] = one
    return replace(arm, slots=slots)
