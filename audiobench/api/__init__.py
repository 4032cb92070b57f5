"""The Python API: what the command line does, with results as pandas tables that show themselves in a notebook.

    import audiobench as ab

    run = ab.run(model="tiny-audio-r1", tasks=["listening_count"], think=["off", "on"])
    run.table()
    ab.ablate(run)

The names in `__all__` keep their meaning within a major version (semantic versioning); everything else may change.
"""

from audiobench.api.compared import Ablated, Compared, aablate, ablate, acompare, compare
from audiobench.api.handed import Task, own_model, own_task
from audiobench.api.options import RunOptions
from audiobench.api.results import Run, load
from audiobench.api.running import arun, run
from audiobench.api.sample import SampleView
from audiobench.api.scoring import Scores, ascore, score
from audiobench.core.errors import AudiobenchError, IncompleteError, NotComparableError, UsageError
from audiobench.core.types import Request, Response
from audiobench.files.run_spec import RunSpec
from audiobench.scorers import Metric

__all__ = [
    "Ablated", "AudiobenchError", "Compared", "IncompleteError", "Metric", "NotComparableError", "Request", "Response", "Run",
    "RunOptions", "RunSpec", "SampleView", "Scores", "Task", "UsageError", "aablate", "ablate", "acompare", "arun", "ascore",
    "compare", "load", "own_model", "own_task", "run", "score",
]  # fmt: skip
