"""How strict the gate is: defaults, a YAML file, and the command line, in this order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from audiobench.core import strict_yaml
from audiobench.core.errors import UsageError, suggestion
from audiobench.gate.amounts import Amount, Level, Probability, Share, Tolerance
from audiobench.scorers.metrics import Metric
from audiobench.task.find import task_files

DEFAULT_MARGIN = 0.01
"""Tolerated drop where nobody says another, in the metric's own scale: 1 percentage point."""
TELLING = 0.05
"""A gate whose margin nobody chose warns where it could miss a drop of this (5 percentage points). The default margin
itself takes some ten thousand samples to show."""


class TaskPolicy(BaseModel):
    """What can be set for one task; what is not set comes from the policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: Tolerance | None = None
    """Drops up to this size are tolerated: `2pp`; for metrics that are not in per cent, in their unit (`0.5 points`)."""
    gain_margin: Tolerance | None = None
    min_score: Level | None = None
    max_error_rate: Share | None = None
    max_unparsed_increase: Share | None = None
    think_gain: Literal["fail", "warn", "off"] | None = None


class Policy(BaseModel):
    """The whole policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Probability = 0.05
    """Chance that a run which is no worse fails, over all tests together."""
    power: Probability = 0.8
    """Chance at which the minimum detectable effect is stated."""
    margin: Tolerance | None = None
    """Default: `DEFAULT_MARGIN`."""
    gain_margin: Tolerance | None = None
    """Margin of the think gain; default: `margin`."""
    min_score: Level | None = None
    """Absolute floor (ceiling for error rates)."""
    max_error_rate: Share = 0.01
    max_unparsed_increase: Share = 0.01
    think_gain: Literal["fail", "warn", "off"] = "fail"
    require_power: bool = False
    allow_subset: bool = False
    tasks: dict[str, TaskPolicy] = {}

    def value(self, task: str, name: str) -> Any:
        """Setting `name` for `task`."""
        own = getattr(self.tasks.get(task), name, None)
        return getattr(self, name) if own is None else own

    def margin_of(self, task: str, metric: Metric, *, gain: bool = False) -> float:
        """The tolerated drop of a score, or of the think gain, as the metric has its values."""
        chosen = self._chosen(task, metric, gain=gain)
        return DEFAULT_MARGIN if chosen is None else chosen

    def must_show(self, task: str, metric: Metric, *, gain: bool = False) -> float:
        """The drop that the gate warns of if it could miss it: the margin, if it was chosen or power is required."""
        margin = self.margin_of(task, metric, gain=gain)
        width = 1.0 if metric.shown.scale == 100 else metric.bounds[1] - metric.bounds[0]
        free = self._chosen(task, metric, gain=gain) is None and not self.require_power
        return max(margin, TELLING * width) if free and isfinite(width) else margin

    def floor(self, task: str, metric: Metric) -> float | None:
        """The absolute limit of a task's score, as the metric has its values.

        Raises:
            UsageError: no score can be there.
        """
        limit = self._amount(task, metric, "min_score")
        low, high = metric.bounds
        if limit is not None and not low <= limit <= high:
            least, most = metric.shown.show(low), metric.shown.show(high)
            written = metric.shown.written[-1]
            raise UsageError(
                f"min_score {self.value(task, 'min_score')}: {metric.name} of task {task} lies between {least} and {most} {written}"
            )
        return limit

    def _chosen(self, task: str, metric: Metric, *, gain: bool) -> float | None:
        own = self._amount(task, metric, "gain_margin") if gain else None
        return self._amount(task, metric, "margin") if own is None else own

    def _amount(self, task: str, metric: Metric, name: str) -> float | None:
        written: Amount | None = self.value(task, name)
        try:
            return None if written is None else written.of(metric)
        except ValueError as error:
            raise UsageError(f"{name} {error} under tasks: {task}: in a --policy file") from error

    def check_tasks(self, gated: Collection[str], known: Collection[str]) -> list[str]:
        """Names of tasks that the policy sets something for and that are not `gated`.

        Raises:
            UsageError: a name that is no task at all: not gated, not in `known`, not shipped.
        """
        idle = [name for name in self.tasks if name not in gated]
        for name in idle:
            if name not in known and name not in task_files():
                hint = suggestion(name, [*gated, *task_files()], f"the baseline has: {', '.join(gated)}", most=3)
                raise UsageError(f"policy: tasks.{name}: no such task; {hint}")
        return idle


def read_policy(path: Path | None, overrides: Mapping[str, Any]) -> Policy:
    """The policy of a file (or the defaults) with what the command line sets.

    Raises:
        UsageError: an unknown key or a value that is not one, by file, line and key.
    """
    base = strict_yaml.validate(Policy, path) if path is not None else Policy()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        found = Policy.model_validate(given)
    except ValidationError as error:
        finding = error.errors()[0]
        flag = str(finding["loc"][0]).replace("_", "-")
        raise UsageError(f"--{flag} {finding.get('ctx', {}).get('error', finding['msg'])}") from error
    return base.model_copy(update={name: getattr(found, name) for name in given})
