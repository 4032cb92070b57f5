"""Scorers of other people: a class in a Python file (`FILE.py:Class`), or another package's entry point.

A scorer's class needs `score(answer, sample, text)`. It is its own metric where it also has `counts` and `value` (subclass
`Metric`), else it names one as `metric`. Whatever else a `Scorer` has can stand in it under the same name.
"""

from __future__ import annotations

import inspect
from dataclasses import fields
from functools import lru_cache
from typing import Any

from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.scorers.base import Scorer
from audiobench.scorers.metrics import UNITS, Metric


@lru_cache(maxsize=64)
def find(name: str) -> Scorer | None:
    """The scorer of an entry point, or of a file as `FILE.py:Class`; None where there is none of that name.

    Raises:
        UsageError: it is there and does not work; the message says what is missing.
    """
    found = plugins.find("scorer", name)
    return None if found is None else _scorer(found.made, found.where, name.rpartition(":")[2], found.code)


def _scorer(made: Any, where: str, name: str, code: str) -> Scorer:
    """`code` joins the version, because changed code is another scorer."""
    if isinstance(made, Scorer):
        return made
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
    given = {f.name: getattr(found, f.name) for f in fields(Scorer) if hasattr(found, f.name)}
    given |= {"name": name, "version": f"{getattr(found, 'version', '1')}{code}", "metric": metric}
    given.setdefault("doc", (inspect.getdoc(type(found)) or name).splitlines()[0])
    return Scorer(**given)
