"""Accuracy over the thinking budget, from the arms of one audio condition.

The verdict is that of `audiobench.statistics.scaling`, over the samples and option orders that every budget has answered: `off` is a
budget of 0 tokens, `budget:N` of N; `on` has no limit and is shown beside the curve, never in it. Where a run has both
`off` and `budget:0`, the curve takes `off` and names the other in `left_out`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from audiobench.analysis.arms import Arm, by_think, clusters_of, common, paired
from audiobench.analysis.comparison import requests_of
from audiobench.analysis.measure import is_share, repeats, sample_values, score
from audiobench.analysis.spending import reasoning_tokens
from audiobench.core.modes import Think
from audiobench.statistics.scaling import length_strata, scaling


def budget_curve(arms: Sequence[Arm], *, margin: float = 0.05) -> dict[str, Any] | None:
    """The curve and its verdict (JSON-ready), or None with fewer than two budgets or a metric that is no share.

    Keys: those of `statistics.scaling.Scaling`, `reasoning_tokens` (mean at each budget), `unlimited` (the `on` arm:
    value, ci, reasoning_tokens; or null), `audio`, `lost` (samples), `requests` (what is missing of the
    others), `left_out` (labels of second arms of one budget).
    """
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
    return {
        **asdict(found),
        "audio": arms[0].how.audio,
        "labels": [arm.label for arm in limited],
        "reasoning_tokens": [_mean_length(arm, ids) for arm in limited],
        "unlimited": _unlimited(paired([limited[0], unlimited])[1]) if unlimited else None,
        "lost": len(everyone) - len(ids),
        "requests": requests_of(whole, limited),
        "left_out": left_out,
        "margin": margin,
    }


def natural_lengths(arm: Arm) -> list[dict[str, Any]]:
    """Accuracy by quantile of the reasoning length that the model chose. Observational: length was not set.

    A sample's length is the mean over its repetitions, in tokens. Empty where lengths are unknown or
    all within a quarter of each other.
    """
    ids = [sample for sample in common([arm]) if _lengths(arm, sample)]
    if len(ids) < 8 or not is_share(arm.task_run.task):
        return []
    lengths = [sum(found) / len(found) for found in (_lengths(arm, sample) for sample in ids)]
    if max(lengths) < 1.25 * min(lengths):
        return []
    strata = length_strata(lengths, sample_values(arm, ids), clusters_of(arm, ids))
    return [asdict(stratum) for stratum in strata] if len(strata) > 1 else []


def _lengths(arm: Arm, sample: str) -> list[float]:
    found = [reasoning_tokens(s.record) for s in arm.of_sample(sample) if s.outcome.value is not None]
    return [length[0] for length in found if length is not None]


def _mean_length(arm: Arm, ids: Sequence[str]) -> float | None:
    found = [length for sample in ids for length in _lengths(arm, sample)]
    return sum(found) / len(found) if found else None


def _unlimited(arm: Arm) -> dict[str, Any] | None:
    ids = list(arm.slots)
    if not ids:
        return None
    value, interval = score(arm, ids)
    return {
        "label": arm.label, "value": value, "ci": [interval.low, interval.high], "n": len(ids),
        "reasoning_tokens": _mean_length(arm, ids),
    }  # fmt: skip


def in_order(arms: Sequence[Arm]) -> list[Arm]:
    """Thinking off (else the default) first, then budgets, then no limit: the first is what the others are held to."""
    ordered = sorted(arms, key=by_think)
    off = next((arm for arm in ordered if arm.how.think == "off"), None)
    return [off, *(arm for arm in ordered if arm is not off)] if off else ordered
