"""Which models and options have no batch jobs: refused before anything is sent, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from audiobench.ask.protocols import Protocol
from audiobench.core.errors import UsageError
from audiobench.files.run_spec import RunSpec
from audiobench.model.registry import capabilities
from audiobench.model.spec import ModelSpec
from audiobench.model.think import ThinkPlan

NO_LIMIT = "--max-cost cannot stop a job once it is submitted; see --dry-run for the estimate"


def check_batch(model: ModelSpec, thinks: Iterable[ThinkPlan], protocols: Iterable[Protocol], options: RunSpec) -> None:
    """Raise UsageError when the run cannot be made of batch jobs."""
    several = [protocol.written for protocol in protocols if not protocol.one_turn]
    why = f"--protocol {several[0]} takes several requests one after the other" if several else None
    why = _model(model) or why or _options(model, thinks, options)
    if why:
        raise UsageError(f"--batch: {why}")


def check_judge(judge: ModelSpec, options: RunSpec) -> None:
    """Raise UsageError when the judge has no batch jobs, or when a job could not be stopped in time."""
    limited = NO_LIMIT if options.max_cost is not None else None
    if why := _model(judge) or limited:
        raise UsageError(f"--judge-batch: {why}")


def _model(model: ModelSpec) -> str | None:
    name, have = f"model {model.name}", capabilities(model)
    if not have.batch:
        why = have.no_batch or "only OpenAI (dialect openai) and Gemini have batch jobs here"
        return f"{name} ({have.server or f'adapter {model.adapter}'}): {why}"
    price = model.price_on(date.today())
    if price is not None and price.batch_factor is None:
        return f"{name}: its model file gives prices but no batch_factor; is it offered in batch jobs?"
    return None


def _options(model: ModelSpec, thinks: Iterable[ThinkPlan], options: RunSpec) -> str | None:
    if model.options.get("stream"):
        return f"model {model.name}: options.stream: a batch job has no stream"
    two_pass = [plan.asked for plan in thinks if plan.two_pass]
    if two_pass:
        return f"--think {two_pass[0]} takes two requests one after the other"
    if options.max_cost is not None:
        return NO_LIMIT
    if len(options.base_url) > 1:
        return "one --base-url only"
    return None
