"""Does the model know whom to trust? Arms of `--protocol self_reflect`: routing, recovery, harm, and the other ways.

Scored by the answers that were written. Beside them stands Speech-Hands' own scorer, which credits an action token alone
(`audiobench.scorers.speech_hands`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from msgspec import Struct
from msgspec.structs import asdict

from audiobench.analysis.arms import Arm
from audiobench.analysis.figure import Figure, share
from audiobench.analysis.measure import Difference, difference, row, score
from audiobench.core.types import Outcome
from audiobench.results.reflected import (
    ANSWERING,
    NO_ACTION,
    PATHS,
    TRANSCRIBING,
    Path,
    Reflected,
    is_reflected,
    reflected,
)  # fmt: skip
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of, scorer_of
from audiobench.scorers import speech_hands
from audiobench.scorers.lists import MacroF1, OneF1
from audiobench.scorers.metrics import Metric, Rate, Tally
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.multiplicity import benjamini_hochberg


class Action(Struct, kw_only=True):
    """How one action token was used."""

    action: str
    right: int
    """Responses for which it would have been right."""
    chosen: int
    precision: Figure
    recall: Figure
    f1: Figure


class Way(Struct, kw_only=True):
    """What one way of answering scores, and how far it is from the answers that were written (b - a, a = final)."""

    path: Path
    value: float | None
    ci: tuple[float, float]
    against_final: Difference | None
    p_adjusted: float = 1.0


class Reflection(Struct, kw_only=True):
    """One arm."""

    arm: str
    think: str
    audio: str
    protocol: str
    metric: str
    unit: str
    n: int
    """Responses."""
    samples: int
    left_out: int
    """Responses without a value."""
    accuracy: Figure
    """Of the action tokens."""
    macro_f1: Figure
    actions: list[Action]
    confusion: dict[str, dict[str, int]]
    """Right token -> chosen token -> responses."""
    recovery: Figure
    """Of the responses whose first answer was wrong (of transcripts: had errors), those that ended better."""
    harm: Figure
    """Of the responses whose first answer was right (of transcripts: all), those that ended worse."""
    ways: list[Way]
    official: Figure | None
    """Speech-Hands' accuracy; None for transcripts."""


def reflections(arms: Sequence[Arm]) -> list[Reflection]:
    """One entry for each arm of self_reflect; judged tasks have none, whose answers a rule alone does not score."""
    return [
        _reflection(arm)
        for arm in arms
        if is_reflected(arm.how.protocol) and scorer_of(arm.task_run.task).judge is None
    ]


def _reflection(arm: Arm) -> Reflection:
    task = arm.task_run.task
    made = metric_of(task)
    everything = list(arm)
    rows = [found for scored in everything if (found := reflected(scored, task)) is not None]
    tokens = TRANSCRIBING if isinstance(made, Rate) else ANSWERING
    clusters = _clusters(rows)
    golds, said = [found.gold for found in rows], [found.action for found in rows]
    official = None if isinstance(made, Rate) else _official(rows, clusters)
    return Reflection(
        arm=arm.label, think=arm.how.think, audio=arm.how.audio, protocol=arm.how.protocol, metric=made.name, unit=made.unit,
        n=len(rows), samples=len({found.scored.id for found in rows}), left_out=len(everything) - len(rows),
        accuracy=share([float(a == b) for a, b in zip(golds, said, strict=True)], clusters),
        macro_f1=_f1(MacroF1(), golds, said, clusters),
        actions=[_action(token, golds, said, clusters) for token in tokens],
        confusion={gold: {token: sum(pair == (gold, token) for pair in zip(golds, said, strict=True))
                          for token in (*tokens, NO_ACTION)} for gold in tokens},
        recovery=_changed(rows, made, better=True),
        harm=_changed(rows, made, better=False),
        ways=_ways(arm, rows),
        official=official,
    )  # fmt: skip


def _clusters(rows: Sequence[Reflected]) -> Sequence[str] | None:
    return shared_clusters([found.scored.record.cluster for found in rows])


def _action(token: str, golds: Sequence[str], said: Sequence[str], clusters: Sequence[str] | None) -> Action:
    def among(kept: Sequence[bool], hit: Sequence[bool]) -> Figure:
        values = [float(h) for k, h in zip(kept, hit, strict=True) if k]
        keys = [c for k, c in zip(kept, clusters, strict=True) if k] if clusters else None
        return share(values, shared_clusters(keys) if keys else None)

    right, chosen = [gold == token for gold in golds], [one == token for one in said]
    return Action(
        action=token, right=sum(right), chosen=sum(chosen), precision=among(chosen, right), recall=among(right, chosen),
        f1=_f1(OneF1(token), golds, said, clusters),
    )  # fmt: skip


def _f1(made: Metric, golds: Sequence[str], said: Sequence[str], clusters: Sequence[str] | None) -> Figure:
    """An F1 of tokens, whose interval rests on responses drawn anew."""
    outcomes = [
        Outcome("scored", float(gold == one), detail={"said": [one], "meant": [gold]})
        for gold, one in zip(golds, said, strict=True)
    ]
    tallies = [Tally(o.value or 0.0, made.counts(o)) for o in outcomes]
    value = made.of(tallies)
    if value is None:
        return Figure(None, len(tallies), None)
    return Figure.of(value, made.interval(tallies, clusters), len(tallies))


def _changed(rows: Sequence[Reflected], made: Metric, *, better: bool) -> Figure:
    """Among the responses that could change so, those that did."""
    kept: list[Reflected] = []
    values: list[float] = []
    for found in rows:
        first, final = (found.paths[path].outcome.value or 0.0 for path in ("internal", "final"))
        gain = (final - first) * (1 if made.higher_is_better else -1)
        could = _improvable(first, made) if better else isinstance(made, Rate) or not _improvable(first, made)
        if could:
            kept.append(found)
            values.append(float(gain > 0 if better else gain < 0))
    return share(values, _clusters(kept))


def _improvable(value: float, made: Metric) -> bool:
    best = made.bounds[1] if made.higher_is_better else made.bounds[0]
    return value != best


def _ways(arm: Arm, rows: Sequence[Reflected]) -> list[Way]:
    """Every way of answering, over the same responses."""
    arms: dict[Path, Arm] = {path: _virtual(arm, path, rows) for path in PATHS}
    final = arms["final"]
    ids = list(final.slots)
    found: list[Way] = []
    for path, other in arms.items():
        value, interval = score(other, ids)
        against = None if path == "final" else Difference(**asdict(row(difference(final, other, ids))))
        found.append(Way(path=path, value=value, ci=(interval.low, interval.high), against_final=against))
    compared = [way for way in found if way.against_final is not None]
    for way, p in zip(
        compared, benjamini_hochberg([way.against_final.p for way in compared if way.against_final]), strict=True
    ):
        way.p_adjusted = p
    return found


def _virtual(arm: Arm, path: Path, rows: Iterable[Reflected]) -> Arm:
    """The arm as if it had always answered so."""
    slots: dict[str, dict[int, dict[int, Scored]]] = {}
    for found in rows:
        one = found.scored
        slots.setdefault(one.id, {}).setdefault(one.condition.option_order, {})[one.epoch] = found.paths[path]
    return replace(arm, slots=slots)


def _official(rows: Sequence[Reflected], clusters: Sequence[str] | None) -> Figure:
    """Credit as compute_acc.py gives it."""
    credits: list[float] = []
    for found in rows:
        target = found.scored.shown.target
        gold = f"<{found.gold}> {target if isinstance(target, str) else (target or ('',))[0]}"
        said = found.text if found.action == NO_ACTION else f"<{found.action}> {found.text}"
        credits.append(float(speech_hands.credit(said, gold)))
    return share(credits, clusters)
