"""Structured thoughts: whether they have the form that the model file declares, and how long each part is."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from audiobench.analysis.arms import Arm
from audiobench.analysis.figure import Figure, share
from audiobench.analysis.spending import reasoning_tokens
from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.sections import sections, well_formed
from audiobench.model.registry import find_model, sha256_of
from audiobench.model.spec import ModelSpec, Thinking
from audiobench.results.condensed import quantile
from audiobench.results.runs import Run, Scored
from audiobench.statistics import intervals
from audiobench.statistics.clusters import shared_clusters


class Part(Struct, kw_only=True):
    """One part of the thoughts of an arm."""

    name: str
    present: Figure
    """Share of all responses."""
    tokens: Figure
    """Mean of those that have it and whose reasoning's tokens are known."""
    median: float | None
    words: float | None
    """Mean of those that have it."""


class Structure(Struct, kw_only=True):
    """One arm."""

    well_formed: Figure
    """Responses whose thought is the declared parts, each once, closed and in order, and which then give an answer."""
    acc_well_formed: Figure
    """The metric's value per response where they are, and where they are not (observational)."""
    acc_other: Figure
    parts: list[Part]
    tokens_estimated: bool
    """Some reasoning tokens are completion tokens shared out by characters; a part's are always shared out so."""


def declared(run: Run) -> Thinking:
    """What the model's thoughts are declared to be made of: as the run was made, or as the same model is declared today; of a
    run that holds no declaration (an imported one), nothing.
    """
    try:
        spec = run.spec
    except IncompleteError:
        return Thinking()
    if spec.thinking.sections:
        return spec.thinking
    try:
        today: ModelSpec = find_model(spec.name)
    except UsageError:
        return spec.thinking
    same = sha256_of(_bare(today)) == sha256_of(_bare(spec))
    return today.thinking if same else spec.thinking


def _bare(spec: ModelSpec) -> ModelSpec:
    """Without its sections, which a run may be older than."""
    return spec.model_copy(update={"thinking": spec.thinking.model_copy(update={"sections": []})})


def structure(arm: Arm) -> Structure | None:
    """None where the model file declares no parts, or nothing was answered."""
    names = declared(arm.run).sections
    answered = [scored for scored in arm if scored.record.response is not None]
    if not names or not answered:
        return None
    formed = [_formed(scored, names) for scored in answered]
    counted = [length for scored in answered if (length := reasoning_tokens(scored.record)) is not None]
    return Structure(
        well_formed=share([float(one) for one in formed], _clusters(answered)),
        acc_well_formed=_accuracy([s for s, one in zip(answered, formed, strict=True) if one]),
        acc_other=_accuracy([s for s, one in zip(answered, formed, strict=True) if not one]),
        parts=[_part(name, names, answered) for name in names],
        tokens_estimated=any(estimated for _, estimated in counted),
    )


def _formed(scored: Scored, names: Sequence[str]) -> bool:
    response = scored.record.response
    closed = response is not None and response.reasoning_closed and bool(response.text.strip())
    return closed and well_formed(scored.record.reasoning, names)


def _accuracy(found: Sequence[Scored]) -> Figure:
    values = [scored.outcome.value for scored in found if scored.outcome.value is not None]
    if not all(0 <= value <= 1 for value in values):
        return Figure(sum(values) / len(values), len(values), None)
    return share(values, _clusters([scored for scored in found if scored.outcome.value is not None]))


def _part(name: str, names: Sequence[str], answered: Sequence[Scored]) -> Part:
    having: list[tuple[Scored, str]] = []
    present: list[float] = []
    for scored in answered:
        text = sections(scored.record.reasoning, names).get(name)
        present.append(float(text is not None))
        if text is not None:
            having.append((scored, text))
    lengths: list[float] = []
    of: list[Scored] = []
    for scored, text in having:
        whole = reasoning_tokens(scored.record)
        if whole is not None:
            lengths.append(whole[0] * len(text) / len(scored.record.reasoning))
            of.append(scored)
    mean = sum(lengths) / len(lengths) if lengths else None
    return Part(
        name=name,
        present=share(present, _clusters(answered)),
        tokens=Figure.of(mean, intervals.mean(lengths, _clusters(of)), len(lengths)) if lengths else Figure(None, 0, None),
        median=quantile(lengths, 0.5) if lengths else None,
        words=sum(len(text.split()) for _, text in having) / len(having) if having else None,
    )  # fmt: skip


def _clusters(found: Sequence[Scored]) -> Sequence[str] | None:
    return shared_clusters([scored.record.cluster for scored in found])
