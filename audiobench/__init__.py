"""audiobench: an evaluation harness for audio language models.

The names in `__all__` are the Python API (docs/python.md); each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiobench.api import (
        Ablated,
        AudiobenchError,
        Compared,
        IncompleteError,
        Metric,
        NotComparableError,
        Request,
        Response,
        Run,
        RunOptions,
        RunSpec,
        SampleView,
        Scores,
        Task,
        UsageError,
        aablate,
        ablate,
        acompare,
        arun,
        ascore,
        compare,
        load,
        own_model,
        own_task,
        run,
        score,
    )

__version__ = "0.1.0"
__all__ = [
    "Ablated", "AudiobenchError", "Compared", "IncompleteError", "Metric", "NotComparableError", "Request", "Response", "Run",
    "RunOptions", "RunSpec", "SampleView", "Scores", "Task", "UsageError", "aablate", "ablate", "acompare", "arun", "ascore",
    "compare", "load", "own_model", "own_task", "run", "score",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        from audiobench import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
