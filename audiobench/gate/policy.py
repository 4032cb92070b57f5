"""How strict the gate is: defaults, a YAML file, and the command line, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audiobench import strict_yaml
from audiobench.errors import UsageError


class TaskPolicy(BaseModel):
    """What can be set for one task; what is not set comes from the policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float | None = Field(default=None, ge=0)
    """Drops up to this size are tolerated: a fraction for accuracies (0.01 = 1 pp), else in the metric's unit."""
    gain_margin: float | None = Field(default=None, ge=0)
    min_score: float | None = None
    max_error_rate: float | None = Field(default=None, ge=0, le=1)
    max_unparsed_increase: float | None = Field(default=None, ge=0, le=1)
    think_gain: Literal["fail", "warn", "off"] | None = None


class Policy(BaseModel):
    """The whole policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Chance that a run which is no worse fails, over all tests together."""
    power: float = Field(default=0.8, gt=0, lt=1)
    """Chance at which the minimum detectable effect is stated."""
    margin: float = Field(default=0.01, ge=0)
    gain_margin: float | None = Field(default=None, ge=0)
    """Margin of the think gain; default: `margin`."""
    min_score: float | None = None
    """Absolute floor (ceiling for error rates)."""
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    max_unparsed_increase: float = Field(default=0.01, ge=0, le=1)
    think_gain: Literal["fail", "warn", "off"] = "fail"
    require_power: bool = False
    allow_subset: bool = False
    tasks: dict[str, TaskPolicy] = {}

    def value(self, task: str, name: str) -> Any:
        """Setting `name` for `task`."""
        own = getattr(self.tasks.get(task), name, None)
        return getattr(self, name) if own is None else own

    def margin_of_gain(self, task: str) -> float:
        """Margin of the think gain for `task`."""
        own = self.value(task, "gain_margin")
        return self.value(task, "margin") if own is None else own


def read_policy(path: Path | None, overrides: Mapping[str, Any]) -> Policy:
    """The policy of a file (or the defaults) with what the command line sets.

    Raises:
        UsageError: an unknown key or a value out of range, by file, line and key.
    """
    base = strict_yaml.validate(Policy, path) if path is not None else Policy()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Policy.model_validate({**base.model_dump(), **given})
    except ValidationError as error:
        finding = error.errors()[0]
        flag = str(finding["loc"][0]).replace("_", "-")
        raise UsageError(f"--{flag} {finding['input']}: {finding['msg']}") from error
