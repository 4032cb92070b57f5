"""plan.json: what was asked for in one task of a run. This module owns its format."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.types import Condition
from audiobench.files import sealed
from audiobench.files.records import Count
from audiobench.task.spec import TaskSpec

FILE = "plan.json"


class DataFacts(Struct):
    """Where the samples came from."""

    source: str | None = None
    revision: str | None = None
    form: str | None = None
    rows: Count | None = None
    """Rows of the whole data set."""
    content_sha256: str | None = None
    notes: list[str] = []


class Plan(Struct):
    """The task as it was declared, and which of its samples are asked how."""

    task: dict[str, Any]
    """A TaskSpec as JSON."""
    ids: list[str]
    conditions: list[Condition]
    epochs: Annotated[int, Meta(ge=1, le=10**6)]
    prompt: dict[str, Any] = {}
    """The chosen prompt."""
    fewer_orders: dict[str, Count] = {}
    """Sample id -> its option orders, for samples with fewer options than the run has option orders."""
    shard: tuple[int | list[int], int] | None = None
    """None for a whole run, (i, n) for a shard, ([i, ...], n) for shards that a merge has joined."""
    seed: int = 0
    overrides: dict[str, Any] = {}
    """Generation parameters of the command line."""
    dataset: DataFacts | None = None
    fingerprint: dict[str, str] = {}
    protocols: dict[str, str] = {}
    """A condition's `protocol` -> the same with its version, for those of several turns."""

    def asked(self, condition: Condition) -> list[str]:
        """Ids of the samples that are asked under this condition: those with so many option orders."""
        return [sample for sample in self.ids if condition.option_order < self.fewer_orders.get(sample, inf)]


def write(folder: Path, plan: Plan) -> None:
    """Replace the plan of a task's folder."""
    sealed.write(folder / FILE, plan)


def read(path: Path) -> tuple[Plan, TaskSpec]:
    """A plan and its task, validated.

    Raises:
        UsageError: there is none.
        IncompleteError: changed after it was written, or not a plan of this version; the message names the field.
    """
    try:
        plan = msgspec.json.decode(sealed.read(path), type=Plan)
        return plan, TaskSpec.model_validate(plan.task)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # msgspec's and pydantic's errors are ValueErrors
        raise IncompleteError(f"{path}: not a plan of this version: {' '.join(str(error).split())}") from error
