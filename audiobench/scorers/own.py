"""Scorers of other people: a class or a function in a Python file (`FILE.py:NAME`), another package's entry point, or an
object handed over in Python.

A scorer's class needs `score(answer, sample, text)`. It is its own metric where it also has `counts` and `value` (subclass
`Metric`), else it names one as `metric`. Whatever else a `Scorer` has can stand in it under the same name. A function takes
(text of the response, sample) and returns a number from 0 to 1; the score is the mean.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from audiobench.core import given, plugins
from audiobench.core.errors import UsageError
from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import Scorer, ScoreResult
from audiobench.scorers.metrics import UNITS, Mean, Metric


@lru_cache(maxsize=64)
def find(name: str) -> Scorer | None:
    """The scorer of an entry point, of a file as `FILE.py:NAME`, or handed over; None where there is none of that name.

    Raises:
        UsageError: it is there and does not work; the message says what is missing.
    """
    if (made := given.find("scorer", name)) is not None:
        label = given.label_in(name)
        return _scorer(made, label, label, f"+{name.rpartition('@')[2]}")
    found = plugins.find("scorer", name)
    return None if found is None else _scorer(found.made, found.where, found.name.rpartition(":")[2], found.code)


def _scorer(made: Any, where: str, name: str, code: str) -> Scorer:
    """`code` joins the version, because changed code is another scorer."""
    if isinstance(made, Scorer):
        return made
    if inspect.isfunction(made):
        made = _Function(made)
    try:
        found = made() if isinstance(made, type) else made
    except TypeError as error:
        raise UsageError(f"scorer {where}: must be built as Class(): {error}") from error
    metric = found if isinstance(found, Metric) else getattr(found, "metric", None)
    if not isinstance(metric, Metric):
        raise UsageError(f"scorer {where}: needs a metric: subclass Metric, or set `metric` to one")
    if metric.unit not in UNITS:
        raise UsageError(f"scorer {where}: unit {metric.unit!r}; allowed: {', '.join(UNITS)}")
    if not callable(getattr(found, "score", None)):
        raise UsageError(f"scorer {where}: needs `score(self, answer, sample, text)` -> (value, detail)")
    metric.name = metric.name or name.lower()
    facts = {f.name: getattr(found, f.name) for f in fields(Scorer) if hasattr(found, f.name)}
    facts |= {"name": name, "version": f"{getattr(found, 'version', '1')}{code}", "metric": metric}
    facts.setdefault("doc", (inspect.getdoc(found.__class__) or name).splitlines()[0])
    return Scorer(**facts)


class _Function(Mean):
    """A function of (text, sample) as a scorer."""

    def __init__(self, function: Callable[[str, Sample], float]) -> None:
        super().__init__(function.__name__)
        self.function = function
        self.doc = (inspect.getdoc(function) or function.__name__).splitlines()[0]
        self.version = getattr(function, "version", "1")

    def score(self, answer: Answer, sample: Sample, text: str) -> ScoreResult:
        """What the function says of the response's text."""
        del answer
        value: Any = self.function(text, sample)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(
                f"scorer {self.name} returned {value!r:.60}; a function must return a number from 0 to 1 (for another unit, "
                "subclass Metric)"
            )
        return float(value), {}
