"""From scored records to what the page shows of them: nothing formatted, nothing escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import asdict

from audiobench.analysis.traces.structure import declared
from audiobench.core.sections import sections
from audiobench.core.types import LETTERS, STATUSES
from audiobench.files.embeddings import COLUMNS
from audiobench.files.records import ClipFacts, Record, ShownSample
from audiobench.results.heard import answer_audio
from audiobench.results.runs import Scored
from audiobench.results.sounds import Measurements
from audiobench.view.clips import ClipIndex
from audiobench.view.collect import Arm, TaskPage, mean_value

STATUS_BIT = {status: 1 << place for place, status in enumerate(STATUSES)}
SNIPPET = 160
"""Characters of a question in the search index."""
SNIPPET_ANSWER = 60


class Labels(Struct, frozen=True):
    """A breakdown column of the sample list."""

    labels: list[str]
    of: list[int]
    """Place in `labels`, for each sample."""


class ArmCells(Struct, frozen=True):
    """What an arm made of the samples, each a list in their order."""

    mask: list[int]
    """`STATUS_BIT` of its epochs together."""
    value: list[float | None]
    """Mean of its epochs."""
    answer: list[str]
    """Of the first epoch, cut."""


class TaskIndex(Struct, frozen=True):
    """What the sample list needs of every sample: column by column, so that 10,000 samples stay small."""

    ids: list[str]
    questions: list[str]
    columns: list[tuple[str, Labels]]
    arms: list[ArmCells]
    blocks: list[int]
    """Where each file of samples starts: place of its first sample."""


def index(page: TaskPage, ids: Sequence[str], blocks: list[int]) -> TaskIndex:
    """The sample list of a task; `blocks` as in `TaskIndex`."""
    columns: list[tuple[str, Labels]] = []
    for name in page.task_run.task.breakdown:
        labels: dict[str, int] = {}
        places: list[int] = []
        for sample in ids:
            value = _facts(page.samples[sample]).metadata.get(name)
            places.append(labels.setdefault("(none)" if value is None else str(value), len(labels)))
        columns.append((name, Labels(list(labels), places)))
    return TaskIndex(
        ids=list(ids),
        questions=[_cut(_gist(_facts(page.samples[sample])), SNIPPET) for sample in ids],
        columns=columns,
        arms=[_cells(page, ids, at) for at in range(len(page.arms))],
        blocks=blocks,
    )


def _cells(page: TaskPage, ids: Sequence[str], at: int) -> ArmCells:
    cells = [page.samples[sample][at] for sample in ids]
    masks = [0] * len(cells)
    for place, epochs in enumerate(cells):
        for scored in epochs:
            masks[place] |= STATUS_BIT[scored.outcome.counted_as]
    values = [mean_value(epochs) for epochs in cells]
    return ArmCells(
        mask=masks,
        value=[None if v is None else round(v, 4) for v in values],
        answer=[_cut(epochs[0].outcome.answer or "", SNIPPET_ANSWER) if epochs else "" for epochs in cells],
    )


def _gist(facts: ShownSample) -> str:
    """The question; where it is only heard (or there is none, as in transcription) the target."""
    target = facts.target or ""
    return facts.question or (target if isinstance(target, str) else " | ".join(target))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _facts(cells: Sequence[Sequence[Scored]]) -> ShownSample:
    """The item as the arm with the published option order saw it; empty where every request failed early."""
    known = [(s.condition.option_order, s.record.sample) for epochs in cells for s in epochs if s.record.sample]
    return min(known, key=lambda pair: pair[0])[1] if known else ShownSample("", (), None, {})


def sample(page: TaskPage, id: str, clips: ClipIndex, folders: Sequence[Any]) -> dict[str, Any]:
    """Everything the page shows of one sample; `folders` are the run directories by run index."""
    cells = page.samples[id]
    facts = _facts(cells)
    heard: dict[str, dict[str, Any]] = {}
    arms: list[list[dict[str, Any]]] = []
    for arm, epochs in zip(page.arms, cells, strict=True):
        parts = declared(page.runs[arm.run]).sections
        arms.append(
            [
                _epoch(scored, arm, facts, clips, folders[arm.run], heard, parts, page.measured.get(arm.run))
                for scored in epochs
            ]
        )
    return {
        "id": id,
        "question": facts.question,
        "choices": facts.choices,
        "target": facts.target,
        "metadata": facts.metadata,
        "cluster": facts.cluster,
        "clips": list(heard.values()),
        "arms": arms,
    }


def _epoch(
    scored: Scored,
    arm: Arm,
    facts: ShownSample,
    clips: ClipIndex,
    run: Any,
    heard: dict[str, dict[str, Any]],
    parts: Sequence[str],
    measured: Measurements | None,
) -> dict[str, Any]:
    record, outcome = scored.record, scored.outcome
    audio: list[dict[str, Any]] = []
    sounds = sounds_of(record)
    for (role, fact), clip in zip(sounds, clips.find([fact for _, fact in sounds], run), strict=True):
        if clip is not None:
            known = heard.setdefault(
                clip.sha256,
                {"sha256": clip.sha256, "path": str(clip.path), "state": clip.state, "seconds": clip.seconds},
            )
            known["kind"] = clip.kind  # a video that another arm only heard is shown as one
        audio.append(
            {
                "clip": clip.sha256 if clip else None,
                "role": role,
                **_without(asdict(fact), ("sha256", "mtime_ns", "ctime_ns", "inode")),
            }
        )
    shown = record.sample or facts
    return {
        "epoch": scored.epoch,
        "status": outcome.counted_as,
        "value": outcome.value,
        "answer": outcome.answer,
        "pick": _pick(outcome.answer, shown.choices),
        "rule": outcome.rule,
        "official": outcome.official,
        "detail": {name: value for name, value in outcome.detail.items() if name not in COLUMNS},
        "measured": dict(measured.values_of(record)) if measured is not None else {},
        "sections": list(sections(record.reasoning, parts).items()) if parts else [],
        "choices": shown.choices if shown.choices != facts.choices else None,
        "audio": audio,
        **{
            key: to_builtins(getattr(record, key))
            for key in ("prompt", "response", "turns", "error", "attempts", "time", "key")
        },
    }


def sounds_of(record: Record) -> list[tuple[str, ClipFacts]]:
    """(role, facts) of every sound of a record that can be found: `sent`, the `answer`'s own, and its `reference`."""
    found = [("sent", fact) for fact in record.audio]
    part = answer_audio(record)
    if part is not None and part.path is not None and not part.problem:
        found.append(("answer", ClipFacts(part.sha256, part.path, seconds=part.seconds)))
    of = record.sample.reference if record.sample is not None else None
    if of is not None and of.sha256:
        found.append(("reference", of))
    return found


def _pick(answer: str | None, choices: Sequence[str | None]) -> str | None:
    """The option text that an answer such as `B. a dog` stands for."""
    for letter, choice in zip(LETTERS, choices, strict=False):
        if choice is not None and answer in (f"{letter}. {choice}", letter, choice):
            return choice
    return None


def _without(fact: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in fact.items() if key not in keys}
