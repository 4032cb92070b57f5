"""Everything that `audiobench run` can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class RunOptions:
    """Everything `audiobench run` can be told."""

    model: str
    tasks: list[str]
    limit: int | None = None
    ids: list[str] | None = None
    shard: tuple[int, int] | None = None
    prompt: str | None = None
    epochs: int = 1
    think: list[str] = field(default_factory=lambda: ["default"])
    audio: list[str] = field(default_factory=lambda: ["full"])
    option_orders: int = 1
    data: dict[str, Path] = field(default_factory=dict)
    base_urls: list[str] = field(default_factory=list)
    max_concurrency: int | None = None
    out: Path | None = None
    judge: str | None = None
    judge_base_url: str | None = None
    judge_batch: bool = False
    """The judge is asked by batch jobs."""
    asr: str | None = None
    asr_base_url: str | None = None
    generation: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    allow_approx: bool = False
    dry_run: bool = False
    max_cost: float | None = None
    allow_other_model: bool = False
    attempts: int = 8
    timeout: float = 600.0
    quiet: bool = False
    batch: bool = False
    """Answers come from the provider's batch jobs: half the price, within a day."""
    batch_poll: float = 30.0
    """Seconds between two looks at a batch job."""
    command: list[str] = field(default_factory=list)
