"""Analyses drawn for a paper: accuracy over thinking budget, and arms beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

from audiobench.analysis.ablate import Ablation
from audiobench.analysis.comparison import Comparison
from audiobench.core.errors import UsageError
from audiobench.core.plot import COLOURS, MARKERS, Plot, forest
from audiobench.scorers.metrics import UNITS


def budget_plot(tasks: Sequence[Ablation], model: str) -> Plot:
    """One panel for each task that has a budget curve, one line for each audio condition.

    Raises:
        UsageError: matplotlib is not installed, or no task has a curve.
    """
    drawn = [found for found in tasks if found.scaling]
    if not drawn:
        raise UsageError("nothing to draw: no budget curve; run with e.g. --think off,budget:256,budget:1024")
    plot = Plot(len(drawn), (4.8, 2.9))
    with plot.styled():
        for axis, found in zip(plot.panels, drawn, strict=True):
            _panel(axis, found, model)
    return plot


def comparison_plot(found: Sequence[Comparison]) -> Plot:
    """One panel for each comparison: every arm's value with its 95 % interval, and its difference to the first.

    Raises:
        UsageError: matplotlib is not installed, or no arm has a value.
    """
    drawn = [entry for entry in found if any(arm.value is not None for arm in entry.arms)]
    if not drawn:
        raise UsageError("nothing to draw: no arm has a value")
    plot = Plot(1, (5.6, 0.7 + 0.32 * max(len(entry.arms) for entry in drawn)), rows=len(drawn))
    with plot.styled():
        for axis, entry in zip(plot.panels, drawn, strict=True):
            _arms(axis, entry)
    return plot


def _arms(axis: Any, entry: Comparison) -> None:
    unit = UNITS[entry.unit]
    known = [arm for arm in entry.arms if arm.value is not None]
    against = {pair.b: pair for pair in entry.pairs}
    names: list[str] = []
    for arm in known:
        pair = against.get(arm.label)
        low, high = pair.ci if pair else (0.0, 0.0)
        gain = (
            f"  {unit.show(pair.difference, signed=True)} [{unit.show(low, signed=True)}, {unit.show(high, signed=True)}]"
            if pair and pair.difference is not None
            else ""
        )
        names.append(f"{arm.label}{gain}")
    values = [unit.scale * (arm.value or 0.0) for arm in known]
    forest(axis, names, values, [(unit.scale * arm.ci[0], unit.scale * arm.ci[1]) for arm in known])
    title = entry.title if isinstance(entry.title, str) else entry.task
    axis.set_title(f"{title} (n = {entry.n:,}, 95 % intervals; differences to the first, paired)", loc="left")
    axis.set_xlabel(f"{entry.metric}{' (%)' if unit.scale == 100.0 else ''}")


def _panel(axis: Any, found: Ablation, model: str) -> None:
    budgets = sorted({budget for curve in found.scaling for budget in curve.budgets})
    span = log2(budgets[-1] + 1) - log2(budgets[0] + 1)
    free = any(curve.unlimited for curve in found.scaling)
    beyond = log2(budgets[-1] + 1) + 0.15 * span
    for place, curve in enumerate(found.scaling):
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        x = [log2(budget + 1) + _aside(place) * 0.012 * span for budget in curve.budgets]
        y = [100 * value for value in curve.accuracy]
        bars = [
            [v - 100 * i.low for v, i in zip(y, curve.intervals, strict=True)],
            [100 * i.high - v for v, i in zip(y, curve.intervals, strict=True)],
        ]
        main = curve.audio == "full" or len(found.scaling) == 1
        look = {
            "color": colour, "marker": marker, "markersize": 4 if main else 2.8, "elinewidth": 0.7,
            "capsize": 2 if main else 0, "zorder": 3 if main else 2,
        }  # fmt: skip
        axis.errorbar(
            x, y, yerr=bars, linewidth=1.6 if main else 0.9,
            label=f"{curve.audio}: {curve.verdict.replace('-at-this-n', '')}", **look,
        )  # fmt: skip
        if curve.unlimited and curve.unlimited.value is not None:
            value, (low, high) = 100 * curve.unlimited.value, curve.unlimited.ci
            place_x = beyond + (x[-1] - log2(budgets[-1] + 1))
            axis.errorbar(
                [place_x], [value], yerr=[[value - 100 * low], [100 * high - value]], markerfacecolor="white", **look
            )
    if found.chance:
        axis.axhline(100 * found.chance, color="#555555", linestyle=":", linewidth=0.9, label="chance", zorder=1)
    ticks, names = [log2(budget + 1) for budget in budgets], [_tick(budget) for budget in budgets]
    if free:
        ticks, names = [*ticks, beyond], [*names, "no\nlimit"]
    axis.set_xticks(ticks, names)
    axis.set_xlabel("thinking budget (tokens, log scale)")
    axis.set_ylabel("accuracy (%)")
    low, high = axis.get_ylim()
    axis.set_ylim(max(0, low), min(100.5, high))
    axis.grid(axis="y", linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)
    n = min(curve.n for curve in found.scaling)
    axis.set_title(f"{model}, {found.task} (n = {n}, 95 % intervals)", loc="left")
    axis.legend(title="audio: verdict", fontsize=7, title_fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _aside(place: int) -> int:
    """Steps from the tick, so that intervals do not cover each other: 0 for the first curve, then 1, -1, 2, -2, ..."""
    return (place + 1) // 2 * (1 if place % 2 else -1)


def _tick(budget: int) -> str:
    if budget == 0:
        return "off"
    return f"{budget // 1024}k" if budget >= 1024 and budget % 1024 == 0 else str(budget)
