"""Is it the model that was asked? Providers reroute names, above all those of retired models.

The same for every model of a run: the one under test, the stages of a cascade, the judge, the recogniser.
"""

from __future__ import annotations

from datetime import date

from audiobench.core.errors import UsageError
from audiobench.core.types import Response
from audiobench.model.adapter import RunError
from audiobench.model.spec import ModelSpec


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
