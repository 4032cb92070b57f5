"""All conditions of one run beside each other: does thinking help, does more of it help, does the model listen?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from audiobench.analysis.arms import Arm, arms_of, chance_of
from audiobench.analysis.comparison import compare_arms
from audiobench.analysis.listening import does_it_listen
from audiobench.analysis.self_cognition import self_cognition
from audiobench.analysis.stability import consistency, option_stability
from audiobench.analysis.thinking import budget_curve, in_order, natural_lengths
from audiobench.core.plain_text import of_whole
from audiobench.results.runs import Run, TaskRun
from audiobench.results.summary import whole_set
from audiobench.scorers.metrics import UNITS, Unit

VERDICTS = {
    "deaf": "DEAF: the sound changes nothing",
    "reacts-to-sound-only": "reacts to whether there is sound, NOT to what it holds",
    "needs-swap-or-noise": "reacts to missing sound; whether it listens takes a run with --audio full,swap (or noise)",
}
"""Verdicts on listening in words, where they are not words already."""
AUDIO_ORDER = ("full", "transcript", "reverse", "noise", "swap", "silence", "none")


def ablate_task(run: Run, task_run: TaskRun, *, allowed: Collection[str] = ()) -> dict[str, Any]:
    """Everything the conditions of one task say (JSON-ready).

    Keys: task, n, rows (of the whole data set), conditions, epochs, option_orders, chance, and lists with one entry for each
    - thinking: audio condition (think modes compared: `comparison.compare_arms`);
    - audio: think mode (audio conditions compared);
    - scaling: audio condition with two or more budgets (`thinking.budget_curve`);
    - natural_length: arm with the sound and reasoning of its own length (observational);
    - listening: think mode (`listening.does_it_listen`);
    - option_order, consistency, self_cognition: arm or think mode.

    Raises:
        NotComparableError: conditions of this run do not rest on the same samples, audio or prompt.
    """
    arms = arms_of(run, task_run)
    by_prompt: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms:
        by_prompt.setdefault((arm.how.prompt, arm.how.protocol), []).append(arm)
    found: dict[str, Any] = {
        "task": task_run.task.task,
        "n": len(task_run.plan.ids),
        "rows": whole_set(task_run),
        "conditions": len(arms),
        "epochs": task_run.epochs,
        "option_orders": len({condition.option_order for condition in task_run.conditions}),
        "chance": chance_of(arms[0], list(arms[0].slots)),
        **{key: [] for key in ("thinking", "audio", "scaling", "natural_length", "listening", "option_order",
                               "consistency", "self_cognition")},
    }  # fmt: skip
    for group in by_prompt.values():
        _group(group, found, allowed)
    return found


def _group(arms: Sequence[Arm], found: dict[str, Any], allowed: Collection[str]) -> None:
    """Add what the arms of one prompt say."""
    hearings = sorted({arm.how.audio for arm in arms}, key=AUDIO_ORDER.index)
    by_audio = {heard: in_order([arm for arm in arms if arm.how.audio == heard]) for heard in hearings}
    for heard, same in by_audio.items():
        if len(same) > 1:
            found["thinking"].append({"audio": heard, **compare_arms(same, allowed=allowed)})
        curve = budget_curve(same)
        if curve:
            found["scaling"].append(curve)
    for think in dict.fromkeys(arm.how.think for arm in in_order(arms)):
        same = sorted((a for a in arms if a.how.think == think), key=lambda arm: AUDIO_ORDER.index(arm.how.audio))
        if len(same) > 1:
            found["audio"].append({"think": think, **compare_arms(same, allowed=allowed)})
        listens = does_it_listen(same, allowed=allowed)
        if listens:
            found["listening"].append(listens)
        found["self_cognition"].append({"think": think, **self_cognition(same)})
    for arm in (arm for same in by_audio.values() for arm in same):
        name = {"arm": arm.label, **arm.how._asdict()}
        stable = option_stability(arm)
        if stable:
            found["option_order"].append({**name, **stable})
        agreed = consistency(arm)
        if agreed:
            found["consistency"].append({**name, **agreed})
        free = arm.how.think in ("on", "default") and arm.how.audio == "full"
        strata = natural_lengths(arm) if free else []
        if strata:
            found["natural_length"].append({**name, "observational": True, "strata": strata})


def in_short(found: dict[str, Any]) -> list[str]:
    """The answers in plain sentences, each with its figures; nothing is said that was not asked."""
    lines = []
    for entry in found["thinking"]:
        if entry["audio"] != "full" and len(found["thinking"]) > 1:
            continue
        for pair in entry["pairs"]:
            where = f" (audio={entry['audio']})" if len(found["thinking"]) > 1 or entry["audio"] != "full" else ""
            effect = _effect(pair, entry["higher_is_better"], UNITS[entry["unit"]], entry["rows"])
            lines.append(f"{pair['b']} against {pair['a']}{where}: {effect}")
    for curve in found["scaling"]:
        if curve["audio"] == "full" or len(found["scaling"]) == 1:
            lines.append(
                f"thinking budget: {curve['verdict']} ({curve['reason']}); sweet spot {curve['sweet_spot']} tokens"
            )
    for entry in found["listening"]:
        if entry["verdict"]:
            lines.append(_heard(entry, found["rows"]))
    return lines


def _effect(pair: dict[str, Any], higher_is_better: bool, unit: Unit, rows: int | None) -> str:
    if pair["difference"] is None:
        return "no samples in common"
    figures = f"{unit.show(pair['difference'], signed=True)}{unit.change} (n={of_whole(pair['n'], rows)}, p={pair['p_adjusted']:.2g})"
    if pair["p_adjusted"] >= 0.05:
        mde = f"; smallest detectable effect: {unit.size(pair['mde'])}" if pair["mde"] is not None else ""
        return f"no significant difference, {figures}{mde}"
    return f"{'better' if (pair['difference'] > 0) == higher_is_better else 'worse'}, {figures}"


def _heard(entry: dict[str, Any], rows: int | None) -> str:
    controls = [c for c in entry["controls"].values() if c["soundless"]]
    measured = [c for c in controls if c["n"]]
    if not measured:
        return f"think={entry['think']}: {entry['verdict']} (no samples in common with {', '.join(c['audio'] for c in controls)})"
    gains = ", ".join(f"{c['audio']} {100 * c['gain']:+.1f} pp" for c in measured)
    word = VERDICTS.get(entry["verdict"], entry["verdict"])
    return f"think={entry['think']}: {word} (gain of full over {gains}; n={of_whole(measured[0]['n'], rows)})"
