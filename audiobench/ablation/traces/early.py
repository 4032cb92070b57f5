"""Early answering: does the answer hang on the reasoning? (Lanham et al., arXiv 2307.13702; for audio: 2509.22363.)

The trace is cut after a fraction of its words, the thought is closed, and the model answers by continuing its own turn.
If the answer is already the final one after a tenth of the trace, the rest did not decide it. Works where the backend
continues an assistant's turn (the model file declares a prefill for thinking on). Replies go into
`<task>/early_answers.jsonl`, append-only, beside the journal.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from msgspec import structs

from audiobench import audio, journal, video
from audiobench.ablation.arms import Arm, chosen_text
from audiobench.ablation.comparable import OWN_CLIPS
from audiobench.ablation.traces.asking import gather
from audiobench.annotations import EarlyAnswer
from audiobench.core.parts import words
from audiobench.errors import UsageError
from audiobench.prompt import generation_parameters
from audiobench.records import ClipFacts
from audiobench.results import Scored
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.retry import ExhaustedError, RetryPolicy, call
from audiobench.score import outcome
from audiobench.statistics.intervals import proportion
from audiobench.task.spec import Prompt
from audiobench.think import split
from audiobench.types import AudioPart, Clip, MediaPart, Message, Part, Request, Response, TextPart, VideoPart
from model_adapters.base import Adapter, SampleError
from model_adapters.spec import ModelSpec, VideoSupport

FRACTIONS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Cut:
    """One response, asked again with only the beginning of its reasoning."""

    file: Path
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
    messages = []
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
        sample=replace(cut.scored.sample, clips=_own_clips(cut)),
    )  # fmt: skip


def _own_clips(cut: Cut) -> tuple[Clip, ...]:
    """The item's own clips, for control models; one that is in no request where the condition took them away."""
    if cut.arm.how.audio not in OWN_CLIPS:
        return (Clip(Path("own clip, not sent")),)
    return tuple(Clip(Path(clip.path), clip.sha256) for clip in cut.scored.record.audio)


def _clip(facts: ClipFacts) -> MediaPart:
    clip = Clip(Path(facts.path), facts.sha256, facts.seconds)
    return VideoPart(clip) if facts.kind == VideoPart.kind else AudioPart(clip, facts.transform, span=facts.span)


def _loaded(request: Request, spec: ModelSpec) -> Request:
    def pieces(part: MediaPart) -> Sequence[MediaPart]:
        if isinstance(part, VideoPart):
            return [video.loaded(part, spec.video or VideoSupport())[0]]
        raw = audio.read(part.clip)
        if raw.sha256 != part.clip.sha256:
            raise UsageError(f"{part.clip.path}: the clip has changed since the run; ask early only of what was heard")
        return audio.parts(raw, part.clip, spec.audio, part.transform, part.span)[0]

    return request.with_media(pieces)


def read(folder: Path) -> dict[tuple[str, str, float], EarlyAnswer]:
    """Early answers of a task by sample id, journal key and fraction; a later line wins."""
    return {(x.id, x.key, x.fraction): x for x in journal.read(folder / EarlyAnswer.FILE, EarlyAnswer)}


def open_cuts(cuts: Iterable[Cut]) -> list[Cut]:
    """The cuts that have no early answer yet."""
    known: dict[Path, Any] = {}
    found = []
    for cut in cuts:
        if cut.file not in known:
            known[cut.file] = read(cut.file.parent)
        if (*cut.scored.slot, cut.fraction) not in known[cut.file]:
            found.append(cut)
    return found


def ask_all(
    adapter: Adapter, spec: ModelSpec, cuts: Sequence[Cut], *, concurrency: int = 64, policy: RetryPolicy | None = None
) -> Counter[str]:
    """Ask for every cut; returns why calls failed for good, counted.

    Raises:
        UsageError: no call can succeed, or a clip is not what it was.
    """
    gate, policy = Concurrency(concurrency, adaptive=False), policy or RetryPolicy()

    def ask(cut: Cut, writer: journal.Journal) -> Awaitable[Counter[str]]:
        return _ask(adapter, spec, cut, gate, policy, writer)

    return asyncio.run(gather(ask, cuts, adapter, f"model {spec.name}"))


async def _ask(
    adapter: Adapter, spec: ModelSpec, cut: Cut, gate: Concurrency, policy: RetryPolicy, writer: journal.Journal
) -> Counter[str]:
    request = request_for(cut, spec)

    async def attempt() -> Response:
        return await adapter.generate(_loaded(request, spec))

    try:
        response, _ = await call(attempt, gate, policy)
    except (ExhaustedError, SampleError) as error:
        return Counter([str(error)])
    response = split(response, f"{spec.thinking.close_tag}\n", spec.thinking)
    again = structs.replace(
        cut.scored.record, response=Response(response.text, finish_reason=response.finish_reason), error=None
    )
    result = outcome(again, cut.arm.task_run.task)
    answer = chosen_text(Scored(again, result))
    writer.append(
        EarlyAnswer(
            *cut.scored.slot, cut.fraction, response.text, response.finish_reason, result.status, result.value, answer,
            same=answer is not None and answer == chosen_text(cut.scored),
            prefill_sha256=hashlib.sha256((request.prefill_text or "").encode()).hexdigest(),
        )
    )  # fmt: skip
    return Counter()


def summary(arm: Arm, fractions: Sequence[float] | None = None) -> dict[str, Any] | None:
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
    units = [keys[sample] for sample, _ in whole]
    clusters = units if len(set(units)) < len(units) else None
    rows = []
    for fraction in points:
        found = [mine[(*trace, fraction)] for trace in whole]
        same = [float(line.same) for line in found]
        interval = proportion(same, clusters)
        values = [line.value or 0.0 for line in found]
        rows.append(
            {"fraction": fraction, "same": sum(same) / len(same), "ci": [interval.low, interval.high],
             "accuracy": sum(values) / len(values)}
        )  # fmt: skip
    width = points[-1] - points[0]
    area = sum((b["fraction"] - a["fraction"]) * (a["same"] + b["same"]) / 2 for a, b in pairwise(rows))
    return {"n": len(whole), "points": rows, "area": area / width, "incomplete": len(traces) - len(whole)}
