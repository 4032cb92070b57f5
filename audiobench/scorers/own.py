"""Code of other people: a class in a Python file (`FILE.py:Class`), or another package's entry point.

A scorer's class needs `score(answer, sample, text)`. It is its own metric where it also has `counts` and `value` (subclass
`Metric`), else it names one as `metric`. Whatever else a `Scorer` has can stand in it under the same name.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.own_code import load_file
from audiobench.scorers.base import Scorer
from audiobench.scorers.metrics import UNITS, Metric


def load(kind: str, name: str) -> tuple[Any, str, str] | None:
    """(what is there, where it is, the version of its code) of `FILE.py:NAME` or an entry point; None without one.

    Entry points of `kind` "scorer" stand in the group `audiobench.scorers`, and so on. Changed code of a file is another
    version.

    Raises:
        UsageError: it is there and cannot be loaded.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        try:
            made = getattr(load_file(path), attribute)
            code = Path(path).read_bytes()
        except (ImportError, AttributeError, OSError) as error:
            raise UsageError(f"{kind} {name}: {error}") from error
        return made, name, f"+{hashlib.sha256(code).hexdigest()[:8]}"
    from importlib.metadata import entry_points

    for point in entry_points(group=f"audiobench.{kind}s", name=name):
        try:
            return point.load(), f"{name} ({point.value})", ""
        except (ImportError, AttributeError) as error:
            raise UsageError(f"{kind} {name}: entry point {point.value}: {error}") from error
    return None


@lru_cache(maxsize=64)
def find(name: str) -> Scorer | None:
    """The scorer of an entry point, or of a file as `FILE.py:Class`; None where there is none of that name.

    Raises:
        UsageError: it is there and does not work; the message says what is missing.
    """
    loaded = load("scorer", name)
    if loaded is None:
        return None
    made, where, code = loaded
    return _scorer(made, where, name.rpartition(":")[2], code)


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
