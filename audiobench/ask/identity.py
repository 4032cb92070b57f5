"""Is it the model that was asked? Providers reroute names, above all those of retired models.

The same for every model of a run: the one under test, the stages of a cascade, the judge, the recogniser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date

from audiobench.core import event_loop
from audiobench.core.errors import UsageError
from audiobench.core.types import Response
from audiobench.model.adapter import Adapter, RetryableError, RunError, SampleError, TellsItself
from audiobench.model.spec import ModelSpec

ASKED_SECONDS = 10.0
"""How long a server may take to say what it serves."""
FINGERPRINT = "system_fingerprint"
Told = Mapping[str, Sequence[str]]
"""What servers say of the model behind a name: field -> values, one or more where there are several servers."""


def told(adapter: Adapter | None) -> Told:
    """What the adapter's server says of its model; nothing where it does not say, or does not answer."""

    async def ask(asked: TellsItself) -> Told:
        try:
            return await asyncio.wait_for(asked.identity(), ASKED_SECONDS)
        except (RetryableError, SampleError, RunError, TimeoutError):
            return {}
        finally:
            await asked.close()  # this loop's connections; the adapter opens others when it is used

    return event_loop.run(ask(adapter)) if isinstance(adapter, TellsItself) else {}


def check_same(before: Told, now: Told, *, answers: int) -> None:
    """Raises UsageError when a server says of itself what it did not say when it gave the answers of this run."""
    for name in sorted(before.keys() & now.keys()):
        if new := [value for value in now[name] if value not in before[name]]:
            raise UsageError(
                f"the server has another model under this name: {name} is {', '.join(new)}, and was {', '.join(before[name])} "
                f"when it gave the {answers:,} answers of this run; --fresh starts a new run, --name NAME one beside it, "
                "--allow-other-model goes on"
            )


def check_not_retired(model: ModelSpec) -> None:
    """Raises:
    UsageError: the provider has retired the model.
    """
    if model.retires_on is not None and model.retires_on <= date.today():
        raise UsageError(
            f"model {model.name} was retired on {model.retires_on}; its provider may answer with another model "
            "(--allow-other-model to ask anyway)"
        )


def check_answered(response: Response, model: ModelSpec) -> None:
    """Raises:
    RunError: another model answered than the one that was asked, in any stage.
    """
    for stage in (response.raw, *response.raw.get("asr", ())):
        if stage.get("model_differs"):
            served, asked = stage.get("served_model", response.served_model), stage.get("asked", model.served_model)
            raise RunError(
                f"{served} answered although {asked} was asked; nothing of it was kept (--allow-other-model to go on)",
                incomplete=True,
            )
