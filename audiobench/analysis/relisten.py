"""Does it help to listen again, and is it what is heard that helps? Arms of `--protocol relisten` beside each other.

Each arm's listening is described; then the arm that heard what it named is compared with each control (`hear=off`,
`text_only`, `random_segment`), paired by sample, as every other pair of conditions here. Inline and turn-based arms are
never set beside each other: they are two experiments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import asdict

from audiobench.analysis import comparable
from audiobench.analysis.arms import Arm, paired
from audiobench.analysis.figure import Figure, share
from audiobench.analysis.listening import MARGIN
from audiobench.analysis.measure import Difference, difference, is_share, row, value_of
from audiobench.core.types import Sample
from audiobench.results.relistened import Trace, settings, trace
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.scorers import echo
from audiobench.statistics import intervals
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.intervals import By
from audiobench.statistics.multiplicity import benjamini_hochberg

CONTROLS = ("off", "text_only", "random_segment")
MOST_APART = 3
"""Re-listens up to which accuracy is shown one by one; the rest stand together."""


class Times(Struct):
    """Accuracy of the responses that heard so many spans."""

    times: int
    or_more: bool
    accuracy: Figure


class HeardArm(Struct, kw_only=True):
    """How the responses of one arm listened; rates and means are over responses unless they say otherwise."""

    hear: str
    n: int
    relisten_rate: Figure | None
    """Responses that heard a span."""
    spans: Figure | None
    """Spans named."""
    named: int
    heard: int
    """Spans, over all responses."""
    invalid_rate: Figure | None
    """Of the spans."""
    dangling_rate: Figure | None
    """Of the spans, as Echo's reward counts them."""
    coverage: Figure | None
    """Of the clip, over responses that listened."""
    overlap: Figure | None
    """Of the listened seconds, over responses that listened."""
    added_seconds: Figure | None
    added_tokens: Figure | None
    """Of the turns after the first."""
    cut_off: int
    """Thoughts that were not done after the last turn."""
    by_relistens: list[Times]
    """Observational: hard items are listened to more often."""
    official: Figure | None
    """Accuracy as Echo's script reads the responses; None for items without options or with several right answers."""


class HeardControl(Difference, kw_only=True):
    """The arm that heard what it named (b) against a control (a)."""

    hear: str
    p_adjusted: float = 1.0
    """Benjamini-Hochberg over the controls."""
    verdict: str = "no samples in common"
    """helps | hurts (p adjusted below 0.05) | no difference (the interval lies within the margin) | inconclusive."""


class Relistening(Struct, kw_only=True):
    """One form, number of turns, think mode and audio condition."""

    form: str
    turns: int
    think: str
    audio: str
    unit: str
    arms: list[HeardArm]
    controls: list[HeardControl]


def relistening(arms: Sequence[Arm], *, allowed: Collection[str] = ()) -> list[Relistening]:
    """What the arms of relisten say; empty where there are none.

    Raises:
        NotComparableError: the arms do not rest on the same samples, audio or prompt.
    """
    groups: dict[tuple[str, ...], dict[str, Arm]] = defaultdict(dict)
    for arm in arms:
        chosen = settings(arm.how.protocol)
        if chosen is not None:
            same = (chosen["form"], chosen["turns"], arm.how.think, arm.how.audio, arm.how.prompt)
            groups[same][chosen["hear"]] = arm
    found: list[Relistening] = []
    for (form, turns, think, audio, _), by_hearing in groups.items():
        order = [hear for hear in ("span", *CONTROLS) if hear in by_hearing]
        unit = metric_of(by_hearing[order[0]].task_run.task).unit
        found.append(
            Relistening(
                form=form, turns=int(turns), think=think, audio=audio, unit=unit,
                arms=[described(hear, by_hearing[hear]) for hear in order],
                controls=_controls(by_hearing, order, allowed),
            )
        )  # fmt: skip
    return found


def _controls(arms: dict[str, Arm], order: Sequence[str], allowed: Collection[str]) -> list[HeardControl]:
    base = arms.get("span")
    if base is None:
        return []
    made = metric_of(base.task_run.task)
    found = [_control(base, hear, arms[hear], allowed) for hear in order[1:]]
    for control, p in zip(found, benjamini_hochberg([control.p for control in found]), strict=True):
        control.p_adjusted = p
        if control.difference is not None:
            control.verdict = _verdict(control, control.difference, made.higher_is_better, made.is_share)
    return found


def _control(base: Arm, hear: str, control: Arm, allowed: Collection[str]) -> HeardControl:
    base, control = paired([base, control])
    ids = list(base.slots)
    comparable.check(base, control, ids, allowed)
    return HeardControl(hear=hear, **asdict(row(difference(control, base, ids))))


def _verdict(control: HeardControl, change: float, higher_is_better: bool, is_rate: bool) -> str:
    if control.p_adjusted < 0.05:
        return "helps" if (change > 0) == higher_is_better else "hurts"
    low, high = control.ci
    within = is_rate and control.interval != By.NONE and low > -MARGIN and high < MARGIN
    return "no difference" if within else "inconclusive"


def described(hear: str, arm: Arm) -> HeardArm:
    """How the responses of one arm listened."""
    rows = [(scored, found) for scored in arm if (found := trace(scored.record)) is not None]
    clusters = shared_clusters([scored.record.cluster for scored, _ in rows])
    traces = [found for _, found in rows]
    named = [len(found.spans) for found in traces]
    dangling = [found.dangling for found in traces]
    return HeardArm(
        hear=hear,
        n=len(rows),
        relisten_rate=_share([float(bool(found.heard)) for found in traces], clusters),
        spans=_mean(named, clusters),
        named=sum(named),
        heard=sum(len(found.heard) for found in traces),
        invalid_rate=_ratio([sum(not again.valid for again in found.spans) for found in traces], named, clusters),
        dangling_rate=_ratio([some for some, _ in dangling], [of for _, of in dangling], clusters),
        coverage=_share([found.coverage for found in traces if found.coverage is not None], None),
        overlap=_share([found.overlap for found in traces if found.overlap is not None], None),
        added_seconds=_mean([sum(span.seconds for span in found.heard) for found in traces], clusters),
        added_tokens=_mean([found.later_tokens for found in traces], clusters),
        cut_off=sum("turn_limit" in scored.record.raw for scored, _ in rows),
        by_relistens=_by_relistens(rows) if is_share(arm.task_run.task) else [],
        official=_official(rows, clusters),
    )


def _share(values: Sequence[float], clusters: Sequence[str] | None) -> Figure | None:
    return share(values, clusters) if values else None


def _mean(values: Sequence[float], clusters: Sequence[str] | None) -> Figure | None:
    if not values:
        return None
    return Figure.of(sum(values) / len(values), intervals.mean(values, clusters), len(values))


def _ratio(tops: Sequence[float], bottoms: Sequence[float], clusters: Sequence[str] | None) -> Figure | None:
    """A share of all spans; responses are what is drawn anew."""
    total = sum(bottoms)
    return Figure.of(sum(tops) / total, intervals.ratio(tops, bottoms, clusters), int(total)) if total else None


def _by_relistens(rows: Sequence[tuple[Scored, Trace]]) -> list[Times]:
    groups: dict[int, list[Scored]] = defaultdict(list)
    for scored, found in rows:
        if scored.outcome.value is not None:
            groups[min(len(found.heard), MOST_APART)].append(scored)
    table: list[Times] = []
    for times, members in sorted(groups.items()):
        clips = shared_clusters([scored.record.cluster for scored in members])
        accuracy = _share([value_of(scored) for scored in members], clips)
        if accuracy is not None:
            table.append(Times(times, times == MOST_APART, accuracy))
    return table


def _official(rows: Sequence[tuple[Scored, Trace]], clusters: Sequence[str] | None) -> Figure | None:
    samples = [scored.sample for scored, _ in rows]
    if not all(sample.options and isinstance(sample.target, str) for sample in samples):
        return None
    right = [_read_right(found.written, sample) for (_, found), sample in zip(rows, samples, strict=True)]
    return _share(right, clusters)


def _read_right(written: str, sample: Sample) -> float:
    return float(echo.prediction(written, [text for _, text in sample.options]) == sample.target)
