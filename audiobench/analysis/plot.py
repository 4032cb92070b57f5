"""Accuracy over thinking budget, drawn for a paper: PNG (300 dpi) and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any

from audiobench.analysis.ablate import Ablation
from audiobench.core.errors import UsageError, install

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
"""Okabe and Ito's palette: tells colour-blind readers the curves apart."""
MARKERS = ("o", "s", "^", "D", "v", "<", ">")
SUFFIXES = (".png", ".svg", ".pdf")


def targets(path: Path) -> list[Path]:
    """The files that `--plot path` writes: PNG and SVG, or just the format that its suffix names.

    Raises:
        UsageError: another suffix.
    """
    if not path.suffix:
        return [path.with_name(path.name + ".png"), path.with_name(path.name + ".svg")]
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--plot {path}: {path.suffix} is unknown; allowed: {', '.join(SUFFIXES)}, or none for PNG + SVG"
        )
    return [path]


def draw(tasks: Sequence[Ablation], model: str, path: Path) -> list[Path]:
    """Draw one panel for each task that has a budget curve, one line for each audio condition; returns the files.

    Raises:
        UsageError: matplotlib is not installed, no task has a curve, or the file cannot be written.
    """
    drawn = [found for found in tasks if found.scaling]
    if not drawn:
        raise UsageError("--plot: there is no budget curve; run with e.g. --think off,budget:256,budget:1024")
    files = targets(path)
    pyplot = _pyplot()
    style: Any = {
        "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
        "svg.fonttype": "none", "svg.hashsalt": "audiobench", "legend.frameon": False, "axes.titlesize": 8,
    }  # fmt: skip
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(
            1, len(drawn), figsize=(4.8 * len(drawn), 2.9), squeeze=False, layout="constrained"
        )
        for axis, found in zip(axes[0], drawn, strict=True):
            _panel(axis, found, model)
        try:
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
                stamp = {"Date": None} if file.suffix == ".svg" else {}
                figure.savefig(file, dpi=300, metadata=stamp)
        except OSError as error:
            raise UsageError(f"--plot {path}: {error.strerror}") from error
        finally:
            pyplot.close(figure)
    return files


def _pyplot() -> Any:
    """Half of it has no types."""
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError(f"--plot needs matplotlib: {install('plot')}") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


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
