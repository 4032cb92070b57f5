"""Results as pandas tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from audiobench.analysis.comparison import Comparison
from audiobench.core.types import STATUSES
from audiobench.files.summary_entry import NOTHING, MetricScore, SummaryEntry
from audiobench.report.export import of_response
from audiobench.results.groups import GroupScore
from audiobench.results.runs import Scored

if TYPE_CHECKING:
    from pandas import DataFrame

_NO_METRIC = MetricScore(**asdict(NOTHING))


def scores(entries: Sequence[SummaryEntry]) -> DataFrame:
    """A row for each task and condition (`audiobench.api.results.Run.table`)."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        name, score = entry.metric or (None, _NO_METRIC)
        official = entry.official or None
        rows.append(
            {
                "task": entry.task, **asdict(entry.condition), "metric": name, "unit": score.unit or None,
                "value": score.value, "low": score.ci[0], "high": score.ci[1], "interval": str(score.interval.value),
                "n": score.n, "planned": entry.n, "coverage": entry.coverage, "chance": entry.chance,
                "official": official.value if official else None, "official_n": official.n if official else None,
                **{status: entry.counts.get(status, 0) for status in (*STATUSES, "missing")},
            }
        )  # fmt: skip
    return _frame(rows)


def groups(found: Sequence[GroupScore]) -> DataFrame:
    """A row for each group and condition; `value` in per cent or points, as its authors report it."""
    rows = [{**asdict(one), "low": one.ci[0], "high": one.ci[1]} for one in found]
    return _frame([{name: value for name, value in row.items() if name not in ("ci", "digits")} for row in rows])


def samples(found: Iterable[Scored]) -> DataFrame:
    """A row for each response, in the columns of `audiobench export`, and `clips` (paths)."""
    return _frame([{**of_response(one), "clips": [clip.path for clip in one.record.audio]} for one in found])


def differences(found: Sequence[Comparison]) -> DataFrame:
    """A row for each pair of arms, b minus a: values, `difference` with its 95 % interval, n, `p`, `p_adjusted` over the
    comparisons that are shown together, the smallest difference that would have been found (`mde`).
    """
    rows = [
        {
            "task": entry.task, "think": entry.think or None, "audio": entry.audio or None, "a": pair.a, "b": pair.b,
            "metric": entry.metric, "unit": entry.unit, "value_a": pair.value_a, "value_b": pair.value_b,
            "difference": pair.difference, "low": pair.ci[0], "high": pair.ci[1], "n": pair.n, "p": pair.p,
            "p_adjusted": pair.p_adjusted, "test": pair.test, "gained": pair.gained, "lost": pair.lost, "mde": pair.mde,
            "clusters": pair.clusters,
        }
        for entry in found
        for pair in entry.pairs
    ]  # fmt: skip
    return _frame(rows)


def _frame(rows: Sequence[dict[str, Any]]) -> DataFrame:
    # half a second to import, and only those who want a table pay it
    from pandas import DataFrame

    return DataFrame(rows)
