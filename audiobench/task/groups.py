"""Groups: several tasks that run as one (`--tasks asr_en`), and the average of them that their authors report.

A group file has lm-eval's keys, so that lm-eval runs it too:

    group: asr_en
    group_alias: English speech recognition
    task: [librispeech_clean, librispeech_other, fleurs_en]
    aggregate_metric_list: [{metric: wer, aggregation: mean, weight_by_size: false}]
    metadata: {version: 1.0, average: "unweighted mean (source)"}
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from audiobench.core import strict_yaml
from audiobench.core.errors import UsageError, suggestion
from audiobench.task.find import expand, find_task, group_files, task_files


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Aggregate(_Declared):
    """An average over a group's tasks, of values as a leaderboard has them: per cent, a rating in per cent of the highest."""

    metric: str
    """What the average is called; under lm-eval, which averages only what all tasks have, their metric."""
    aggregation: Literal["mean"] = "mean"
    weight_by_size: bool = False
    """By the number of samples; else each task counts the same. lm-eval's own default is true."""


class GroupFacts(_Declared):
    """What is known about a group."""

    version: float | str = 1.0
    description: str | None = None
    average: str | None = None
    """Who reports this average, or why there is none."""
    unverified: list[str] = []
    """What could not be established."""


class GroupSpec(_Declared):
    """Several tasks that run as one."""

    group: str = Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$")
    group_alias: str | None = None
    task: list[str] = Field(min_length=1)
    """Tasks, or groups."""
    aggregate_metric_list: list[Aggregate] = Field(default=[], max_length=1)
    """Empty where the authors report no average."""
    metadata: GroupFacts = GroupFacts()

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.group_alias or self.group

    @property
    def members(self) -> list[str]:
        """The tasks, those of groups within it too.

        Raises:
            UsageError: a group holds itself.
        """
        return expand(self.task)


def read_group(path: Path) -> GroupSpec:
    """The group of a file.

    Raises:
        UsageError: it is not valid; one line a finding.
    """
    return strict_yaml.validate(GroupSpec, path)


def group_findings(path: Path) -> list[str]:
    """What is wrong with a group file: its form, members that are not there, metrics that cannot be averaged."""
    try:
        group = read_group(path)
        place = strict_yaml.read(path)
        known = [*task_files(), *group_files()]
        found: list[str] = []
        for index, name in enumerate(group.task):
            if name not in known:
                hint = suggestion(name, known, "see `audiobench tasks list`")
                found.append(f"{place.where(('task', index))}: task.{index}: {name}: no such task or group; {hint}")
        if found or not group.aggregate_metric_list:
            return found
        made = {name: find_task(name)[0].made for name in group.members}
    except UsageError as error:
        return str(error).splitlines()
    better = {name: metric.higher_is_better for name, metric in made.items()}
    if len(set(better.values())) > 1:
        up, down = (next(name for name, up in better.items() if up is way) for way in (True, False))
        where = place.where(("aggregate_metric_list",))
        found.append(f"{where}: aggregate_metric_list: more is better in {up}, less in {down}: leave it out")
    return found
