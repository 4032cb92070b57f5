"""Stages that follow a run: set up the model that they ask, and let the live driver carry them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audiobench import media as audio
from audiobench.ask.concurrency import Concurrency
from audiobench.ask.engine import Ending, Engine
from audiobench.ask.identity import check_not_retired
from audiobench.ask.progress import Progress, StageTally
from audiobench.ask.replicated import note_used, replicable, replicas, wanted_of
from audiobench.ask.retry import RetryPolicy
from audiobench.ask.stage import Stage
from audiobench.core import event_loop
from audiobench.core.errors import ExitCode, UsageError
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS
from audiobench.core.types import ImagePart, MediaPart, Request, VideoPart
from audiobench.files.run_spec import RunSpec
from audiobench.media import image, video
from audiobench.media.support import ImageSupport, VideoSupport
from audiobench.model.adapter import Adapter
from audiobench.model.registry import build_adapter
from audiobench.model.spec import ModelSpec
from audiobench.replicas.fleet import Fleet
from audiobench.replicas.wanted import Wanted
from audiobench.results import cost


@dataclass(frozen=True, slots=True)
class Terms:
    """What a command says of how its stages are carried."""

    attempts: int = ATTEMPTS
    """Calls a request may take."""
    timeout: float = TIMEOUT_SECONDS
    """Seconds one call may take."""
    concurrency: int | None = None
    """Requests at once; None = the stage's own number."""
    allow_other_model: bool = False
    quiet: bool = False
    max_cost: float | None = None
    """US dollars, `spent` included."""
    spent: float = 0.0
    """US dollars that count against `max_cost` already."""
    wanted: Wanted | None = None
    """Replicas on a cluster, for models that have no server; None = this machine."""

    @classmethod
    def of(cls, options: RunSpec, spent: float = 0.0) -> Terms:
        """Those of a run."""
        return cls(
            options.attempts, options.timeout, options.max_concurrency, options.allow_other_model, options.quiet,
            options.max_cost, spent, wanted_of(options),
        )  # fmt: skip


def carry(
    stage: Stage[Any],
    terms: Terms,
    *,
    base_url: str | None = None,
    concurrency: int = 64,
    adapter: Adapter | None = None,
) -> Ending:
    """Ask a stage's open items by calls, and show how it goes. What failed for good stays open.

    Raises:
        UsageError: the model is retired, has no key or no address, or `max_cost` is given and nothing is known of what
            its calls cost, or it is spent already.
    """
    first, total = None, 0
    for first in stage.open():  # noqa: B007
        total += 1
    if first is None:
        return Ending()
    if not terms.allow_other_model:
        check_not_retired(stage.model)
    check_budget(stage.model, stage.who, terms.max_cost)
    if terms.max_cost is not None and terms.spent >= terms.max_cost:
        return Ending(ExitCode.INCOMPLETE, f"{stage.who}: {_reached(terms, 0.0)}")
    with contextlib.ExitStack() as holds:
        if adapter is None and terms.wanted is not None and replicable(stage.model, base_url):
            adapter = holds.enter_context(replicas(stage.model, terms.wanted, timeout=terms.timeout, quiet=terms.quiet))
        adapter = adapter or build_adapter(stage.model, base_url=base_url, timeout=terms.timeout)
        since = time.time()
        try:
            return _carried(stage, terms, adapter, total, concurrency)
        finally:
            note_used(stage.path(first).parents[1], adapter, since)


def _carried(stage: Stage[Any], terms: Terms, adapter: Adapter, total: int, concurrency: int) -> Ending:
    tally = StageTally(stage.who, total)
    if isinstance(adapter, Fleet):
        tally.replicas = adapter.shown
        concurrency = max(concurrency, adapter.concurrency)

    def over_budget() -> str | None:
        if terms.max_cost is None:
            return None
        if tally.unknown:
            return f"{stage.who}: --max-cost {terms.max_cost:g}: the server does not say how many tokens an answer took"
        if terms.spent + tally.dollars >= terms.max_cost:
            return f"{stage.who}: {_reached(terms, tally.dollars)}; requests that were already sent are still paid for"
        return None

    with Progress(tally, quiet=terms.quiet) as progress:

        def finished(line: Any) -> None:
            tally.add(line)
            progress.update()

        engine = Engine(
            stage,
            adapter,
            Concurrency(terms.concurrency or concurrency, adaptive=False),
            RetryPolicy(attempts=terms.attempts, attempt_seconds=terms.timeout),
            stop_when=over_budget,
            finished=finished,
            allow_other_model=terms.allow_other_model,
        )
        ending = event_loop.run(engine.run())
    if ending.reason is None and stage.failures:
        ending = Ending(ExitCode.INCOMPLETE, stage.failed_in_words())
    return ending


def _reached(terms: Terms, dollars: float) -> str:
    spent = terms.spent + dollars
    return f"--max-cost {terms.max_cost:g}: reached; raise it to continue; ${cost.amount(spent)} spent in all"


def check_budget(model: ModelSpec, who: str, limit: float | None) -> None:
    """Raise UsageError for a limit that nothing could be counted against."""
    if limit is not None and not cost.is_known(model):
        raise UsageError(
            f"--max-cost {limit:g}: no price of {who} is known, so its cost cannot be counted; declare `prices` in its "
            "model file, or leave --max-cost out"
        )


def loaded(request: Request, model: ModelSpec) -> Request:
    """`request` with the bytes of its clips, as `model` takes them.

    Raises:
        UsageError: a clip is not the one that the run sent.
    """

    def pieces(part: MediaPart) -> Sequence[MediaPart]:
        if isinstance(part, ImagePart):
            return [image.loaded(part, model.image or ImageSupport())[0]]
        if isinstance(part, VideoPart):
            return [video.loaded(part, model.video or VideoSupport())[0]]
        raw = audio.read(part.clip)
        if raw.sha256 != part.clip.sha256:
            raise UsageError(
                f"{part.clip.path}: the clip has changed since the run; only what was heard is asked about"
            )
        return audio.parts(raw, part.clip, model.audio, part.transform, part.span)[0]

    return request.with_media(pieces)
