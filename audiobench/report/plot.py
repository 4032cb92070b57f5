"""Scores drawn: every task and condition with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence

from audiobench.core.errors import UsageError
from audiobench.core.plot import Plot, forest
from audiobench.files.summary_entry import SummaryEntry
from audiobench.report.terminal import condition_label
from audiobench.scorers.metrics import UNITS


def score_plot(entries: Sequence[SummaryEntry], title: str) -> Plot:
    """One panel for each metric, the tasks and conditions in it one below the other.

    Raises:
        UsageError: matplotlib is not installed, or no entry has a value.
    """
    by_metric: dict[tuple[str, str], list[SummaryEntry]] = {}
    for entry in entries:
        if entry.metric and entry.metric[1].value is not None:
            by_metric.setdefault((entry.metric[0], entry.metric[1].unit), []).append(entry)
    if not by_metric:
        raise UsageError("there is no score to draw")
    plot = Plot(1, (5.6, 0.7 + 0.32 * max(map(len, by_metric.values()))), rows=len(by_metric))
    with plot.styled():
        for axis, ((name, unit_name), group) in zip(plot.panels, by_metric.items(), strict=True):
            unit = UNITS[unit_name or "share"]
            found = [entry.metric[1] for entry in group if entry.metric]
            bounds = [
                (None, None) if low is None or high is None else (unit.scale * low, unit.scale * high)
                for low, high in (score.ci for score in found)
            ]
            names = [f"{entry.task}, {condition_label(entry)} (n = {entry.size})" for entry in group]
            forest(axis, names, [unit.scale * (score.value or 0.0) for score in found], bounds)
            axis.set_xlabel(f"{name}{' (%)' if unit.scale == 100.0 else ''}, 95 % intervals")
        plot.panels[0].set_title(title, loc="left")
    return plot
