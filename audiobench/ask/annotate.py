"""Stages that follow a run: set up the model that they ask, and let one of the two drivers carry them."""

from __future__ import annotations

from typing import Any

from audiobench.ask.concurrency import Concurrency
from audiobench.ask.engine import Ending, Engine
from audiobench.ask.identity import check_not_retired
from audiobench.ask.retry import RetryPolicy
from audiobench.ask.stage import Stage
from audiobench.core import event_loop
from audiobench.core.errors import ExitCode
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS
from audiobench.model.adapter import Adapter
from audiobench.model.registry import build_adapter


def carry(
    stage: Stage[Any],
    *,
    base_url: str | None = None,
    concurrency: int = 64,
    attempts: int = ATTEMPTS,
    timeout: float = TIMEOUT_SECONDS,
    allow_other_model: bool = False,
    adapter: Adapter | None = None,
) -> Ending:
    """Ask a stage's open items by calls; `timeout` in seconds, of one call. What failed for good stays open.

    Raises:
        UsageError: the model is retired, has no key or no address.
    """
    if not allow_other_model:
        check_not_retired(stage.model)
    adapter = adapter or build_adapter(stage.model, base_url=base_url, timeout=timeout)
    engine = Engine(
        stage,
        adapter,
        Concurrency(concurrency, adaptive=False),
        RetryPolicy(attempts=attempts, attempt_seconds=timeout),
        allow_other_model=allow_other_model,
    )
    ending = event_loop.run(engine.run())
    if ending.reason is None and stage.failures:
        ending = Ending(ExitCode.INCOMPLETE, stage.failed_in_words())
    return ending
