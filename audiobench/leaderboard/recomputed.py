"""Does a summary entry agree with itself? The figures of one entry repeat each other: counts, value, interval, bounds,
breakdowns. Each is made again from the others here; what cannot be made again is held within what the others allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, isclose, isfinite

from audiobench.files.summary_entry import MetricScore, Score, SummaryEntry
from audiobench.scorers.metrics import Mean, Metric, Rate
from audiobench.statistics.intervals import By, binomial, wilson

NEAR = 1e-6


def contradictions(entry: SummaryEntry, made: Metric) -> Iterator[str]:
    """`field: what is there; what the rest of the entry makes of it`, for every figure that does not fit.

    Args:
        entry: with counts that add up.
        made: the metric of the task.
    """
    for name, score in entry.metrics.items():
        if score.value is None:
            continue
        where = f"metrics.{name}"
        yield from _about(where, score, made)
        yield from _counted(where, entry, score, made)
        yield from _interval(where, score, made, entry.condition.epochs)
        yield from _bounds(entry, score, score.value, made)
        yield from _breakdowns(entry, score, score.value, made)
        yield from _others(entry, score, score.value, made)


def _near(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and isclose(a, b, rel_tol=NEAR, abs_tol=NEAR))


def _about(where: str, score: MetricScore, made: Metric) -> Iterator[str]:
    if not score.unit:  # written by version 0.1
        return
    bounds = tuple(bound if isfinite(bound) else None for bound in made.bounds)
    facts = {"unit": made.unit, "higher_is_better": made.higher_is_better, "bounds": bounds}
    for name, right in facts.items():
        if getattr(score, name) != right:
            yield f"{where}.{name}: {getattr(score, name)!r}; the task's metric has {right!r}"


def _counted(where: str, entry: SummaryEntry, score: Score, made: Metric) -> Iterator[str]:
    epochs, answered = entry.condition.epochs, entry.n * entry.condition.epochs - entry.failed
    least = ceil(answered / epochs)
    most = min(entry.n, answered)
    if not least <= score.n <= most:
        yield f"{where}.n: {score.n}; the counts leave {least if least == most else f'{least} to {most}'} samples with a response"
    if made.is_share and score.value is not None and (epochs == 1 or not entry.failed):
        ceiling = entry.counts["scored"] / answered if answered else 0.0
        if score.value > ceiling + NEAR:
            yield f"{where}.value: {score.value:g}; {entry.counts['scored']} scored answers make {ceiling:g} at most"


def _interval(where: str, score: Score, made: Metric, epochs: int) -> Iterator[str]:
    """Made again for shares without clusters; never narrower than samples without clusters would make it."""
    low, high = score.ci
    if score.value is None or score.interval is By.NONE or low is None or high is None:
        if made.is_share and low is not None and score.interval is By.NONE:
            yield f"{where}.ci: [{low:g}, {high:g}]; there is none by `interval`: none"
        return
    if not made.is_share or not 0 <= score.value <= 1 or score.n < 1:
        return
    if score.interval in (By.WILSON, By.WILSON_EXACT):
        right = score.value * score.n
        if not _near(right, round(right)):
            yield f"{where}.value: {score.value:g}; no whole number of {score.n} samples makes it"
            return
        found = binomial(round(right), score.n)
        if not (_near(low, found.low) and _near(high, found.high)):
            yield f"{where}.ci: [{low:g}, {high:g}]; {right:g} of {score.n} make [{found.low:g}, {found.high:g}]"
        return
    most = score.n * epochs
    found = wilson(score.value * most, most)
    if low > found.low + NEAR or high < found.high - NEAR:
        yield f"{where}.ci: [{low:g}, {high:g}]; {most} answers make [{found.low:g}, {found.high:g}] at the narrowest"


def _bounds(entry: SummaryEntry, score: Score, value: float, made: Metric) -> Iterator[str]:
    bounds, epochs, expected = entry.bounds, entry.condition.epochs, entry.n * entry.condition.epochs
    if not bounds:
        yield "bounds: missing"
        return
    if not _near(bounds.errors_excluded, value):
        yield f"bounds.errors_excluded: {bounds.errors_excluded}; the metric's value is {value:g}"
    if made.is_share and (epochs == 1 or not entry.failed):
        right = value if not entry.failed else value * score.n / expected
        if not _near(bounds.errors_wrong, right):
            yield f"bounds.errors_wrong: {bounds.errors_wrong}; value and counts make {right:g}"


def _breakdowns(entry: SummaryEntry, score: Score, value: float, made: Metric) -> Iterator[str]:
    for column, labels in entry.breakdowns.items():
        where = f"breakdown.{column}"
        known = {label: part for label, part in labels.items() if part.value is not None}
        samples = sum(part.n for part in labels.values())
        if samples != score.n:
            yield f"{where}: {samples} samples in all; the metric has {score.n}"
            continue
        for label, part in known.items():
            yield from _interval(f"{where}.{label}", part, made, entry.condition.epochs)
        yield from _pooled(where, known, value, made)


def _pooled(where: str, labels: Mapping[str, Score], value: float, made: Metric) -> Iterator[str]:
    values = [part.value for part in labels.values() if part.value is not None]
    if isinstance(made, Mean) and labels:
        mean = sum((part.value or 0.0) * part.n for part in labels.values()) / sum(part.n for part in labels.values())
        if not _near(mean, value):
            yield f"{where}: its labels make {mean:g} together; the metric's value is {value:g}"
    elif isinstance(made, Rate) and values and not min(values) - NEAR <= value <= max(values) + NEAR:
        yield f"{where}: from {min(values):g} to {max(values):g}; the metric's value is {value:g}"


def _others(entry: SummaryEntry, score: Score, value: float, made: Metric) -> Iterator[str]:
    """What a reader, a judge, the official scorer and the server are said to have counted."""
    answered = entry.n * entry.condition.epochs - entry.failed
    if (read := entry.reader) and (read.unparsed != entry.counts["unparsed"] or read.read > read.unparsed):
        yield f"reader: read {read.read} of {read.unparsed}; the counts have {entry.counts['unparsed']} unparsed"
    if entry.speech and (judged := entry.speech.by_judge) and not (_near(judged.value, value) and judged.n == score.n):
        yield f"speech.by_judge: {judged.value} of {judged.n}; the metric has {value:g} of {score.n}"
    if entry.official and entry.official.n is not None and entry.official.n > answered:
        yield f"official.n: {entry.official.n}; the counts have {answered} responses"
    if (seen := entry.reasoning) and not 0 <= seen.reasoned <= seen.responses <= answered:
        yield f"reasoning: {seen.reasoned} of {seen.responses}; the counts have {answered} responses"
    told = {"usage.responses": int(entry.usage.get("responses", 0))}
    told |= {f"latency.{name}.n": found.n for name, found in entry.latency.items()}
    yield from (f"{name}: {n}; the counts have {answered} responses" for name, n in told.items() if n > answered)
    reasons = sum(reason.n for reason in entry.errors)
    if reasons > entry.counts["error"] + entry.counts["invalid_audio"]:
        yield f"errors: {reasons} in all; the counts have {entry.failed} without a response"
    if entry.chance is not None and not 0 <= entry.chance <= 1:
        yield f"chance: {entry.chance:g}; must lie between 0 and 1"
