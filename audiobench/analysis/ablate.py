"""All conditions of one run beside each other: does thinking help, does more of it help, does the model listen?"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from audiobench.analysis.arms import Arm, arms_of, chance_of
from audiobench.analysis.comparison import Comparison, Pair, compare_arms
from audiobench.analysis.listening import Listening, does_it_listen
from audiobench.analysis.relisten import Relistening, relistening
from audiobench.analysis.self_cognition import SelfCognition, self_cognition
from audiobench.analysis.self_reflect import Reflection, reflections
from audiobench.analysis.sheets import points
from audiobench.analysis.stability import Consistency, OptionStability, consistency, option_stability
from audiobench.analysis.thinking import BudgetCurve, NaturalLength, budget_curve, in_order, natural_lengths
from audiobench.core.plain_text import of_whole
from audiobench.results.relistened import settings
from audiobench.results.runs import Run, TaskRun
from audiobench.results.summary import whole_set
from audiobench.scorers.metrics import UNITS, Unit

VERDICTS = {
    "deaf": "DEAF: the sound changes nothing",
    "reacts-to-sound-only": "reacts to whether there is sound, NOT to what it holds",
    "needs-swap-or-noise": "reacts to missing sound; whether it listens takes a run with --audio full,swap (or noise)",
}
"""Verdicts on listening in words, where they are not words already."""
AUDIO_ORDER = (
    "full", "sound_only", "transcript", "reverse", "noise", "swap", "silence", "none", "text_only",
)  # fmt: skip


class Ablation(Struct, kw_only=True):
    """What the conditions of one task say; each list has an entry for what its docstring names."""

    task: str
    n: int
    rows: int | None
    """Of the whole data set; None where that is not known."""
    conditions: int
    epochs: int
    option_orders: int
    chance: float | None
    thinking: list[Comparison] = []
    """Audio condition: its think modes compared."""
    audio: list[Comparison] = []
    """Think mode: its audio conditions compared."""
    scaling: list[BudgetCurve] = []
    """Audio condition with two or more budgets."""
    natural_length: list[NaturalLength] = []
    """Arm with the sound and reasoning of its own length."""
    listening: list[Listening] = []
    """Think mode."""
    option_order: list[OptionStability] = []
    """Arm."""
    consistency: list[Consistency] = []
    """Arm."""
    self_cognition: list[SelfCognition] = []
    """Think mode."""
    relisten: list[Relistening] = []
    """Form, number of turns, think mode and audio condition of `--protocol relisten`."""
    self_reflect: list[Reflection] = []
    """Arm of `--protocol self_reflect`."""


def ablate_task(run: Run, task_run: TaskRun, *, allowed: Collection[str] = ()) -> Ablation:
    """Everything the conditions of one task say.

    Raises:
        NotComparableError: conditions of this run do not rest on the same samples, audio or prompt.
    """
    arms = arms_of(run, task_run)
    by_prompt: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms:
        by_prompt.setdefault((arm.how.prompt, arm.how.protocol), []).append(arm)
    found = Ablation(
        task=task_run.task.task,
        n=len(task_run.plan.ids),
        rows=whole_set(task_run),
        conditions=len(arms),
        epochs=task_run.epochs,
        option_orders=len({condition.option_order for condition in task_run.conditions}),
        chance=chance_of(arms[0], list(arms[0].slots)),
    )
    for group in by_prompt.values():
        _group(group, found, allowed)
    found.relisten = relistening(arms, allowed=allowed)
    found.self_reflect = reflections(arms)
    return found


def _group(arms: Sequence[Arm], found: Ablation, allowed: Collection[str]) -> None:
    """Add what the arms of one prompt say."""
    hearings = sorted({arm.how.audio for arm in arms}, key=AUDIO_ORDER.index)
    by_audio = {heard: in_order([arm for arm in arms if arm.how.audio == heard]) for heard in hearings}
    for heard, same in by_audio.items():
        if len(same) > 1:
            found.thinking.append(replace(compare_arms(same, allowed=allowed), audio=heard))
        curve = budget_curve(same)
        if curve:
            found.scaling.append(curve)
    for think in dict.fromkeys(arm.how.think for arm in in_order(arms)):
        same = sorted((a for a in arms if a.how.think == think), key=lambda arm: AUDIO_ORDER.index(arm.how.audio))
        if len(same) > 1:
            found.audio.append(replace(compare_arms(same, allowed=allowed), think=think))
        listens = does_it_listen(same, allowed=allowed)
        if listens:
            found.listening.append(listens)
        found.self_cognition.append(replace(self_cognition(think, same), protocol=arms[0].how.protocol))
    for arm in (arm for same in by_audio.values() for arm in same):
        stable, agreed = option_stability(arm), consistency(arm)
        if stable:
            found.option_order.append(stable)
        if agreed:
            found.consistency.append(agreed)
        free = arm.how.think in ("on", "default") and arm.how.audio == "full" and settings(arm.how.protocol) is None
        strata = natural_lengths(arm) if free else None
        if strata:
            found.natural_length.append(strata)


def in_short(found: Ablation) -> list[str]:
    """The answers in plain sentences, each with its figures; nothing is said that was not asked."""
    lines: list[str] = []
    for entry in found.thinking:
        if entry.audio != "full" and len(found.thinking) > 1:
            continue
        for pair in entry.pairs:
            where = f" (audio={entry.audio})" if len(found.thinking) > 1 or entry.audio != "full" else ""
            effect = _effect(pair, entry.higher_is_better, UNITS[entry.unit], entry.rows)
            lines.append(f"{pair.b} against {pair.a}{where}: {effect}")
    for curve in found.scaling:
        if curve.audio == "full" or len(found.scaling) == 1:
            lines.append(f"thinking budget: {curve.verdict} ({curve.reason}); sweet spot {curve.sweet_spot} tokens")
    for entry in found.listening:
        if entry.verdict:
            lines.append(_heard(entry, found.rows))
    return lines


def _effect(pair: Pair, higher_is_better: bool, unit: Unit, rows: int | None) -> str:
    if pair.difference is None:
        return "no samples in common"
    figures = (
        f"{unit.show(pair.difference, signed=True)}{unit.change} (n={of_whole(pair.n, rows)}, p={pair.p_adjusted:.2g})"
    )
    if pair.p_adjusted >= 0.05:
        mde = f"; smallest detectable effect: {unit.size(pair.mde)}" if pair.mde is not None else ""
        return f"no significant difference, {figures}{mde}"
    return f"{'better' if (pair.difference > 0) == higher_is_better else 'worse'}, {figures}"


def _heard(entry: Listening, rows: int | None) -> str:
    controls = [c for c in entry.controls.values() if c.soundless]
    measured = [c for c in controls if c.n]
    if not measured:
        return (
            f"think={entry.think}: {entry.verdict} (no samples in common with {', '.join(c.audio for c in controls)})"
        )
    gains = ", ".join(f"{c.audio} {points(c.gain, signed=True)} pp" for c in measured)
    word = VERDICTS.get(entry.verdict or "", entry.verdict)
    return f"think={entry.think}: {word} (gain of full over {gains}; n={of_whole(measured[0].n, rows)})"
