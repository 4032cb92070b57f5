"""Margins from repeated runs: how much the scores of one model move from run to run when nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from statistics import mean, stdev

from msgspec import Struct

from audiobench.core.errors import NotComparableError, UsageError
from audiobench.core.plain_text import plural
from audiobench.core.sheet import Sheet
from audiobench.gate.arms import Arm
from audiobench.scorers.metrics import Metric
from audiobench.statistics.distributions import t_quantile

CHANCE = 0.05
"""At which two runs of an unchanged model differ by more than the margin."""


class Spread(Struct, kw_only=True):
    """One task and condition over several runs."""

    task: str
    condition: str
    metric: str
    n: int
    """Samples."""
    scores: list[float]
    """As the metric has its values, in the order of the runs."""
    sd: float
    """Standard deviation between the runs."""
    margin: float
    """t quantile for so many runs x sqrt(2) x `sd`: as far apart as two unchanged runs are in 19 of 20 cases."""


def spreads(runs: Sequence[Sequence[Arm]], names: Sequence[str]) -> list[Spread]:
    """What each task and condition, which all runs must have, does from run to run; `names` are the runs', for messages.

    Raises:
        UsageError: fewer than three runs, nothing in common, or a run without a score.
        NotComparableError: the runs do not rest on the same samples, prompt, scorer, ...
    """
    if len(runs) < 3:
        raise UsageError(
            f"--calibrate: {len(runs)} {plural(len(runs), 'run')}; at least 3 are needed to see how scores move, and 5 or more to see it well"
        )
    by_key = [{arm.key: arm for arm in arms} for arms in runs]
    shared = [key for key in by_key[0] if all(key in found for found in by_key)]
    if not shared:
        raise UsageError(f"--calibrate: {' and '.join(names)} have no task and condition in common")
    return [_spread([found[key] for found in by_key], names) for key in shared]


def _spread(arms: Sequence[Arm], names: Sequence[str]) -> Spread:
    first = arms[0]
    place = f"task {first.task}, {first.condition.label}"
    scores: list[float] = []
    for arm, name in zip(arms, names, strict=True):
        differing = sorted(
            part
            for part in first.fingerprint.keys() | arm.fingerprint.keys()
            if first.fingerprint.get(part) != arm.fingerprint.get(part)
        )
        if differing or arm.ids_sha256 != first.ids_sha256:
            what = ", ".join(differing) or "samples"
            raise NotComparableError(f"{name}: {place}: differs from {names[0]} in: {what}; repeat the very same run")
        if arm.score is None or arm.failures:
            raise UsageError(f"{name}: {place}: has requests without a response; finish the run first")
        scores.append(arm.score)
    sd = stdev(scores)
    quantile = t_quantile(1 - CHANCE / 2, len(scores) - 1)
    return Spread(
        task=first.task, condition=first.condition.label, metric=first.metric.name, n=len(first.rows), scores=scores,
        sd=sd, margin=quantile * sqrt(2) * sd,
    )  # fmt: skip


def margins(found: Sequence[Spread], metrics: Mapping[str, Metric]) -> dict[str, str]:
    """Task -> margin as a policy has it (`1.3pp`): the largest of its conditions, rounded up to a tenth."""
    written: dict[str, str] = {}
    for task in dict.fromkeys(spread.task for spread in found):
        unit = metrics[task].shown
        largest = max(spread.margin for spread in found if spread.task == task)
        amount = ceil(10 * unit.scale * largest - 1e-9) / 10
        word = unit.written[0]
        written[task] = f"{amount:g}{word}" if word == "pp" else f"{amount:g} {word}"
    return written


def policy_text(found: Sequence[Spread], metrics: Mapping[str, Metric], names: Sequence[str]) -> str:
    """A policy file with these margins, and where they are from."""
    lines = [f"# margins from {len(names)} runs of one model: {', '.join(names)}", "tasks:"]
    for task, margin in margins(found, metrics).items():
        unit = metrics[task].shown
        for spread in (spread for spread in found if spread.task == task):
            lines.append(
                f"  # {task}, {spread.condition}: {spread.metric} {unit.show(mean(spread.scores))} on {spread.n:,} samples, "
                f"standard deviation {unit.show(spread.sd)} between runs"
            )
        lines.append(f"  {task}: {{margin: {margin}}}")
    return "\n".join(lines) + "\n"


def spread_sheet(found: Sequence[Spread], metrics: Mapping[str, Metric]) -> Sheet:
    """A row for each task and condition."""
    sheet = Sheet("", ("task", "condition", "n", "runs", "mean", "least", "most", "sd", "margin"), left=2)
    for spread in found:
        show = metrics[spread.task].shown.show
        values = (mean(spread.scores), min(spread.scores), max(spread.scores), spread.sd, spread.margin)
        sheet.rows.append((spread.task, spread.condition, f"{spread.n:,}", str(len(spread.scores)), *map(show, values)))
    sheet.notes.append(
        "margin: two runs of the unchanged model differ by less in 19 of 20 cases, if scores are normally distributed"
    )
    if found and len(found[0].scores) < 5:
        sheet.notes.append(
            f"{len(found[0].scores)} runs say little about the spread, so the margins are wide; 5 or more are better"
        )
    return sheet
