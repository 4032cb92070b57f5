"""Accuracy over the thinking budget, from the arms of one audio condition.

The verdict is that of `audiobench.statistics.scaling`, over the samples and option orders that every budget has answered: `off` is a
budget of 0 tokens, `budget:N` of N; `on` has no limit and is shown beside the curve, never in it. Where a run has both
`off` and `budget:0`, the curve takes `off` and names the other in `left_out`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict

from audiobench.analysis.arms import Arm, by_think, clusters_of, common, paired
from audiobench.analysis.comparison import Requests, requests_of
from audiobench.analysis.measure import is_share, repeats, sample_values, score
from audiobench.analysis.spending import reasoning_tokens
from audiobench.core.modes import Think
from audiobench.statistics.scaling import Scaling, Stratum, length_strata, scaling


class Unlimited(Struct):
    """The arm without a limit, beside the curve."""

    label: str
    value: float | None
    ci: tuple[float, float]
    n: int
    reasoning_tokens: float | None


class BudgetCurve(Scaling, kw_only=True, frozen=True):
    """The curve under one audio condition, with what was really thought."""

    audio: str
    labels: list[str]
    reasoning_tokens: list[float | None]
    """Mean at each budget."""
    unlimited: Unlimited | None
    lost: int
    """Samples that not every budget answered."""
    requests: dict[str, Requests]
    left_out: list[str]
    """Labels of second arms of one budget."""
    margin: float


class NaturalLength(Struct, kw_only=True):
    """Accuracy of one arm by quantile of the reasoning length that the model chose."""

    arm: str
    think: str
    audio: str
    prompt: str
    protocol: str
    observational: bool = True
    """Length was not set: hard questions get long reasoning."""
    strata: list[Stratum]


def budget_curve(arms: Sequence[Arm], *, margin: float = 0.05) -> BudgetCurve | None:
    """The curve and its verdict, or None with fewer than two budgets or a metric that is no share."""
    known = [(budget, arm) for arm in arms if (budget := Think.parse(arm.how.think).limit) is not None]
    chosen: dict[int, Arm] = {}
    for budget, arm in sorted(known, key=lambda pair: (pair[0], pair[1].how.think != "off")):
        chosen.setdefault(budget, arm)
    left_out = [arm.label for budget, arm in known if chosen[budget] is not arm]
    if len(chosen) < 2 or not is_share(arms[0].task_run.task):
        return None
    whole = list(chosen.values())
    limited = paired(whole)
    ids = list(limited[0].slots)
    if not ids:
        return None
    found = scaling(
        list(zip(*(sample_values(arm, ids) for arm in limited), strict=True)),
        sorted(chosen),
        clusters_of(limited[0], ids),
        margin=margin,
        epochs=repeats(limited[0], ids),
    )
    unlimited = next((arm for arm in arms if arm.how.think == "on"), None)
    everyone = {sample for arm in whole for sample in arm.slots}
    return BudgetCurve(
        **asdict(found),
        audio=arms[0].how.audio,
        labels=[arm.label for arm in limited],
        reasoning_tokens=[_mean_length(arm, ids) for arm in limited],
        unlimited=_unlimited(paired([limited[0], unlimited])[1]) if unlimited else None,
        lost=len(everyone) - len(ids),
        requests=requests_of(whole, limited),
        left_out=left_out,
        margin=margin,
    )


def natural_lengths(arm: Arm) -> NaturalLength | None:
    """A sample's length is the mean over its repetitions, in tokens. None where lengths are unknown or all within a
    quarter of each other.
    """
    ids = [sample for sample in common([arm]) if _lengths(arm, sample)]
    if len(ids) < 8 or not is_share(arm.task_run.task):
        return None
    lengths = [sum(found) / len(found) for found in (_lengths(arm, sample) for sample in ids)]
    if max(lengths) < 1.25 * min(lengths):
        return None
    strata = length_strata(lengths, sample_values(arm, ids), clusters_of(arm, ids))
    return NaturalLength(arm=arm.label, **arm.how._asdict(), strata=strata) if len(strata) > 1 else None


def _lengths(arm: Arm, sample: str) -> list[float]:
    found = [reasoning_tokens(s.record) for s in arm.of_sample(sample) if s.outcome.value is not None]
    return [length[0] for length in found if length is not None]


def _mean_length(arm: Arm, ids: Sequence[str]) -> float | None:
    found = [length for sample in ids for length in _lengths(arm, sample)]
    return sum(found) / len(found) if found else None


def _unlimited(arm: Arm) -> Unlimited | None:
    ids = list(arm.slots)
    if not ids:
        return None
    value, interval = score(arm, ids)
    return Unlimited(arm.label, value, (interval.low, interval.high), len(ids), _mean_length(arm, ids))


def in_order(arms: Sequence[Arm]) -> list[Arm]:
    """Thinking off (else the default) first, then budgets, then no limit: the first is what the others are held to."""
    ordered = sorted(arms, key=by_think)
    off = next((arm for arm in ordered if arm.how.think == "off"), None)
    return [off, *(arm for arm in ordered if arm is not off)] if off else ordered
