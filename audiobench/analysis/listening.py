"""Does it listen? From the audio conditions of one think mode: what the score owes to the sound.

`none`, `silence`, `noise` and `swap` take the sound of the item away, and leave its picture where it has one: these controls
decide the verdict. `reverse` keeps much of the sound (timbre, loudness, counts) and `transcript` replaces it by its words;
`sound_only` takes the picture away and `text_only` both. These four are only reported.

A control *hurts* when the gain's interval at level 1 - 0.05/m lies above 0 (m controls, Bonferroni: of a deaf model
that is said in at most 5 % of experiments), and does *not matter* when the interval does not and ends below the margin.
A model that only notices that the sound is missing is hurt by `none` and `silence`, and one that notices noise by
`noise`, whatever the clip holds. So the verdict goes by the control that keeps sound and takes the content: `swap`, or
`noise` where there is no swap. It is

- `listens` when that control hurts;
- `deaf` when no control matters;
- `reacts-to-sound-only` when that control does not matter and another one hurts;
- `needs-swap-or-noise` when neither was run and another control hurts;
- else `inconclusive-at-this-n`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from audiobench.analysis import comparable
from audiobench.analysis.arms import Arm, chance_of, chosen_text, clusters_of, paired
from audiobench.analysis.comparison import Requests, groups, requests_of
from audiobench.analysis.measure import (
    Change,
    change,
    difference,
    is_share,
    paired_values,
    repeats,
    sample_values,
    values,
)
from audiobench.statistics.intervals import UNKNOWN, Interval
from audiobench.statistics.listening import AudioGain, Subset, audio_dependent, audio_gain, retention_interval
from audiobench.statistics.multiplicity import benjamini_hochberg

SOUNDLESS = ("none", "silence", "noise", "swap")
"""Conditions without the item's own sound."""
CONTENTLESS = ("swap", "noise")
"""Conditions with sound and without the item's content, the stricter one first."""
MARGIN = 0.05
"""A gain below this (a fraction) would still be called none."""


Bounds = tuple[float, float] | None
"""Low and high; None where the data allow no interval."""


class Gain(Struct, kw_only=True):
    """What the sound adds over one control; without samples in common None stands for each figure."""

    n: int
    full: float | None
    control: float | None
    chance: float | None
    gain: float | None
    """full - control."""
    ci: Bounds
    gained: int
    lost_answers: int
    p: float | None
    test: str
    mde: float | None
    corrected_gain: float | None
    """(full - control) / (1 - chance)."""
    corrected_gain_ci: Bounds
    retention: float | None
    """control / full."""
    retention_ci: Bounds
    corrected_retention: float | None
    """(control - chance) / (full - chance)."""
    corrected_retention_ci: Bounds
    verdict: str


class GainRow(Gain, kw_only=True):
    """The gain of one label of a breakdown."""

    p_adjusted: float = 1.0
    """Benjamini-Hochberg over all breakdown rows of all controls."""


class Control(Gain, kw_only=True):
    """The gain over one audio condition."""

    audio: str
    soundless: bool
    verdict_adjusted: str
    """At the Bonferroni level of all soundless controls."""
    hurts: bool
    """The sound makes answers worse."""
    answers_changed: float | None
    """Share of the answers that differ."""
    lost: int
    """Samples that not both answered."""
    requests: dict[str, Requests]
    breakdown: dict[str, dict[str, GainRow]]


class Words(Change, kw_only=True):
    """Full (b) against the transcript (a): their accuracies."""

    a: float | None
    b: float | None


class Dependent(Subset, kw_only=True, frozen=True):
    """The audio-dependent subset: what no soundless control answered right."""

    controls: list[str]
    ids: list[str]


class Listening(Struct, kw_only=True):
    """Everything about the sound under one think mode."""

    think: str
    full: str
    """Label of the arm."""
    controls: dict[str, Control]
    """By audio condition."""
    transcript: Words | None
    dependent: Dependent | None
    verdict: str | None
    level: float
    margin: float = MARGIN


def does_it_listen(arms: Sequence[Arm], *, allowed: Collection[str] = ()) -> Listening | None:
    """Everything about the sound, or None without `full` and another condition.

    Raises:
        NotComparableError: the conditions do not rest on the same samples or clips.
    """
    full = next((arm for arm in arms if arm.how.audio == "full"), None)
    others = [arm for arm in arms if arm.how.audio not in ("full", "transcript")]
    words = next((arm for arm in arms if arm.how.audio == "transcript"), None)
    if full is None or not (others or words) or not is_share(full.task_run.task):
        return None
    silent = [arm for arm in others if arm.how.audio in SOUNDLESS]
    level = 1 - 0.05 / max(1, len(silent))
    controls = {arm.how.audio: _control(full, arm, level, allowed) for arm in others}
    rows = [row for c in controls.values() for labels in c.breakdown.values() for row in labels.values()]
    for row, adjusted in zip(rows, benjamini_hochberg([row.p or 0.0 for row in rows]), strict=True):
        row.p_adjusted = adjusted
        if row.verdict == "listens" and adjusted >= 0.05:  # one of many rows: its own interval is not enough
            row.verdict = "inconclusive-at-this-n"
    deciding = {name: c for name, c in controls.items() if c.soundless and c.n}
    return Listening(
        think=full.how.think,
        full=full.label,
        controls=controls,
        transcript=_transcript(full, words, allowed) if words else None,
        dependent=_dependent(full, silent) if silent else None,
        verdict=verdict({name: c.verdict for name, c in deciding.items()},
                        {name: c.verdict_adjusted for name, c in deciding.items()}) if silent else None,
        level=level,
    )  # fmt: skip


def verdict(plain: Mapping[str, str], adjusted: Mapping[str, str]) -> str:
    """One verdict from those of the soundless controls by name, at the nominal level and at the Bonferroni level."""
    deciding = next((name for name in CONTENTLESS if name in plain), None)
    if deciding is not None and adjusted[deciding] == "listens":
        return "listens"
    if plain and all(one == "deaf" for one in plain.values()):
        return "deaf"
    if "listens" in adjusted.values():
        if deciding is None:
            return "needs-swap-or-noise"
        if plain[deciding] == "deaf":
            return "reacts-to-sound-only"
    return "inconclusive-at-this-n"


def _control(full: Arm, control: Arm, level: float, allowed: Collection[str]) -> Control:
    whole = [full, control]
    full, control = paired(whole)
    comparable.check(full, control, list(full.slots), allowed)
    kept, low, high = paired_values(control, full, list(full.slots))
    keys, known = clusters_of(full, kept), chance_of(full, kept)
    chance = known or 0.0
    found = audio_gain(high, low, keys, chance=chance, margin=MARGIN)
    changed, both = _changed(full, control, kept)
    tables = {
        column: {name: _row(full, control, members) for name, members in labels.items()}
        for column, labels in groups(full, kept).items()
    }
    return Control(
        **asdict(_gain(found, *_retention(full, kept, low, high, chance), above_chance=known is not None)),
        audio=control.how.audio,
        soundless=control.how.audio in SOUNDLESS,
        verdict_adjusted=audio_gain(high, low, keys, chance=chance, level=level, margin=MARGIN).verdict,
        hurts=found.comparison.interval.high < 0,
        answers_changed=changed / both if both else None,
        lost=len({sample for arm in whole for sample in arm.slots}) - len(kept),
        requests=requests_of(whole, [full, control]),
        breakdown=tables,
    )


def _row(full: Arm, control: Arm, ids: Sequence[str]) -> GainRow:
    kept, low, high = paired_values(control, full, ids)
    keys, known = clusters_of(full, kept), chance_of(full, kept)
    chance = known or 0.0
    found = audio_gain(high, low, keys, chance=chance, margin=MARGIN)
    gain = _gain(found, *_retention(full, kept, low, high, chance), above_chance=known is not None)
    return GainRow(**asdict(gain))


def _retention(
    full: Arm, ids: Sequence[str], low: Sequence[float], high: Sequence[float], chance: float
) -> tuple[Interval, Interval]:
    """Intervals of the retention, plain and chance-corrected."""
    if not ids:
        return UNKNOWN, UNKNOWN
    keys, epochs = clusters_of(full, ids), repeats(full, ids)
    plain = retention_interval(high, low, keys, epochs=epochs)
    return plain, retention_interval(high, low, keys, chance=chance, epochs=epochs)


def _gain(found: AudioGain, retention: Interval, corrected: Interval, *, above_chance: bool) -> Gain:
    """`above_chance`: whether the score of guessing is known; nothing is corrected for one that is not."""
    comparison = found.comparison
    measured = comparison.n > 0
    gain = Gain(
        n=comparison.n, full=found.full, control=found.control, chance=found.chance if measured else None,
        gain=found.gain, ci=_bounds(comparison.interval),
        gained=comparison.gained, lost_answers=comparison.lost, p=comparison.p if measured else None,
        test=comparison.method, mde=comparison.mde if measured else None,
        corrected_gain=found.corrected_gain, corrected_gain_ci=_bounds(found.corrected_gain_interval),
        retention=found.retention, retention_ci=_bounds(retention),
        corrected_retention=found.corrected_retention, corrected_retention_ci=_bounds(corrected), verdict=found.verdict,
    )  # fmt: skip
    if above_chance:
        return gain
    return replace(
        gain,
        chance=None,
        corrected_gain=None,
        corrected_gain_ci=None,
        corrected_retention=None,
        corrected_retention_ci=None,
    )


def _bounds(interval: Interval) -> Bounds:
    return (interval.low, interval.high) if interval.known else None


def _changed(full: Arm, control: Arm, ids: Sequence[str]) -> tuple[int, int]:
    """(answers that differ, answers that both arms gave) over the same sample, option order and epoch."""
    changed = both = 0
    for sample in ids:
        for order, epochs in full.slots[sample].items():
            for epoch, scored in epochs.items():
                other = control.slots[sample].get(order, {}).get(epoch)
                if other is None or other.outcome.value is None or scored.outcome.value is None:
                    continue
                both += 1
                changed += chosen_text(scored) != chosen_text(other)
    return changed, both


def _transcript(full: Arm, words: Arm, allowed: Collection[str]) -> Words:
    """What the words alone give, against the sound."""
    full, words = paired([full, words])
    ids = list(full.slots)
    comparable.check(full, words, ids, allowed)
    found = difference(words, full, ids)
    a, b = values(found)
    return Words(**asdict(change(found)), a=a, b=b)


def _dependent(full: Arm, silent: Sequence[Arm]) -> Dependent:
    """Accuracy with the sound on the samples that no soundless control answered right."""
    full, *silent = paired([full, *silent])
    ids = list(full.slots)
    tables: dict[str, dict[str, float]] = {}
    for arm in silent:
        tables[arm.how.audio] = dict(zip(ids, sample_values(arm, ids), strict=True))
    controls = [list(table.values()) for table in tables.values()]
    found = audio_dependent(sample_values(full, ids), controls, clusters_of(full, ids))
    members = [sample for sample in ids if all(table[sample] < 0.5 for table in tables.values())]
    return Dependent(**asdict(found), controls=list(tables), ids=members)
