"""The figures of answers in sound: how many can be used and why the others cannot, and what every measure makes of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum, isfinite

import orjson
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from audiobench.core.types import Outcome
from audiobench.files.summary_entry import NOTHING, Reason, Score, Sound, SoundFigure, SummaryEntry
from audiobench.results.heard import answer_audio
from audiobench.results.runs import Scored, TaskRun
from audiobench.results.sounds import Measurements, flaw, main_measure
from audiobench.scorers.metrics import Metric, Tally
from audiobench.scorers.sound import FIGURES, SoundTally
from audiobench.statistics import sounds
from audiobench.statistics.clusters import shared_clusters


def sound(task_run: TaskRun, group: Sequence[Scored]) -> Sound:
    """What `summary.json` holds under `sound`."""
    wanted, found = task_run.task.sound, task_run.measurements()
    answered = [scored for scored in group if scored.record.response is not None]
    parts = [answer_audio(scored.record) for scored in answered]
    flaws = [flaw(part, wanted) for part in parts]
    whole = [part.seconds or 0.0 for part, why in zip(parts, flaws, strict=True) if part is not None and why is None]
    return Sound(
        answers=len(answered),
        usable=len(whole),
        flaws=[Reason(why, n) for why, n in Counter(why for why in flaws if why is not None).most_common()],
        seconds=round(fsum(whole), 3),
        figures=[
            figure
            for measure in found.by_measure
            for name in FIGURES
            if (figure := _figure(name, measure, found, answered, flaws)) is not None
        ],
    )


def _figure(
    name: str, measure: str, found: Measurements, answered: Sequence[Scored], flaws: Sequence[str | None]
) -> SoundFigure | None:
    """One measure's figure over all answers; None where it does not give it."""
    made, by_sample, given = FIGURES[name], dict[str, list[Outcome]](), False
    clusters: dict[str, str] = {}
    for scored, why in zip(answered, flaws, strict=True):
        line = None if why else found.line(measure, scored.record)
        known = found.figure(name, line) if line is not None else None
        if known is not None:
            given = True
            outcome = Outcome("scored", known[0], detail=known[1])
        elif why is not None and made.worst is not None:
            outcome = Outcome("unparsed", made.worst)
        else:
            continue
        by_sample.setdefault(scored.id, []).append(outcome)
        clusters[scored.id] = scored.record.cluster
    if not given:
        return None
    tallies = {id: tally for id, outcomes in sorted(by_sample.items()) if (tally := made.tally(outcomes)) is not None}
    score = _score(made, tallies, [clusters[id] for id in tallies])
    low, high = (bound if isfinite(bound) else None for bound in made.bounds)
    by = ", ".join(sorted({line.rater for line in found.by_measure[measure].values()}))
    return SoundFigure(
        **asdict(score), unit=made.unit, higher_is_better=made.higher_is_better, bounds=(low, high), name=name,
        measure=measure, by=by, unlimited=_unlimited(name, tallies.values()), parts=_parts(name, tallies.values()),
    )  # fmt: skip


def _score(made: Metric, tallies: dict[str, Tally], clusters: Sequence[str]) -> Score:
    listed = list(tallies.values())
    value = made.of(listed)
    if value is None:
        return NOTHING
    return Score.of(value, made.interval(listed, shared_clusters(clusters)), len(listed))


def _unlimited(name: str, tallies: Iterable[Tally]) -> float | UnsetType:
    import numpy as np

    pairs = [(t.made, t.reference) for t in tallies if isinstance(t, SoundTally) and t.reference is not None]
    if name != "frechet" or not pairs:
        return UNSET
    found = sounds.unbounded(np.concatenate([made for made, _ in pairs]), np.concatenate([of for _, of in pairs]))
    return UNSET if found is None else found


def _parts(name: str, tallies: Iterable[Tally]) -> list[float] | UnsetType:
    import numpy as np

    rows = [tally.made for tally in tallies if isinstance(tally, SoundTally)]
    if name != "inception" or len(rows) < 10:
        return UNSET
    return [*sounds.inception_splits(np.concatenate(rows))]


def references_digest(task_run: TaskRun, first: Sequence[Scored]) -> dict[str, str]:
    """The fingerprint part of the sounds that answers are compared with; none where nothing is."""
    measurements = task_run.measurements()
    main = main_measure(task_run.task, measurements)
    lines = [measurements.line(main, scored.record) for scored in first] if main else []
    pairs = {line.id: line.reference_sha256 for line in lines if line is not None and line.reference_sha256}
    return {"references": hashlib.sha256(orjson.dumps(sorted(pairs.items()))).hexdigest()} if pairs else {}


def lines(entry: SummaryEntry) -> list[str]:
    """The figures as text."""
    found = entry.sound
    if not found:
        return []
    out = [f"{entry.task}: {found.answers:,} answers in sound, {found.usable:,} usable, {found.seconds:,.1f} s in all"]
    out += [f"  {reason.n:,} x {reason.message}" for reason in found.flaws]
    for figure in found.figures:
        made = FIGURES[figure.name]
        low, high = figure.ci
        span = f" [{made.shown.show(low)}, {made.shown.show(high)}]" if low is not None else ""
        arrow = "higher is better" if figure.higher_is_better else "lower is better"
        line = f"  {figure.name} {made.shown.show(figure.value)}{span} ({figure.unit}, {arrow}), n={figure.n:,}, by {figure.by}"
        if figure.name == "frechet":
            line += (
                f"; at an unlimited n {made.shown.show(figure.unlimited)}"
                if figure.unlimited is not UNSET
                else "; overstated at small n, compare at the same n only"
            )
        if figure.parts is not UNSET:
            line += f"; of ten parts {figure.parts[0]:.2f} (sd {figure.parts[1]:.2f})"
        out.append(line)
    return out
