"""Amounts as people write them: `5pp`, `75%`, `0.5 points`, `0.2 s`. A number alone has no unit, so it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator

from audiobench.scorers.metrics import UNITS, Metric

_WRITTEN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d.+-]\S*)?\s*")
PER_CENT = ("pp", "%")
UNITS_WRITTEN = tuple(dict.fromkeys(word for unit in UNITS.values() for word in unit.written))


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit; 0 needs none."""

    number: float
    unit: str = ""

    def __str__(self) -> str:
        space = "" if self.unit in ("", *PER_CENT) else " "
        return f"{self.number:g}{space}{self.unit}"

    def of(self, metric: Metric) -> float:
        """The amount as the metric has its values (0.05 for `5pp` of an accuracy).

        Raises:
            ValueError: the metric is measured in another unit.
        """
        shown = metric.shown
        if self.unit not in shown.written and self.number:
            right = Amount(self.number, shown.written[0])
            raise ValueError(f"{self}: {metric.name} is measured in {shown.written[0]}; write for example {right}")
        return self.number / shown.scale


def amount(value: Any) -> Amount:
    """What a person wrote.

    Raises:
        ValueError: not a number with a unit.
    """
    if isinstance(value, Amount):
        return value
    found = _WRITTEN.fullmatch(str(value)) if not isinstance(value, bool) else None
    number = float(found[1]) if found else float("nan")
    if found is None or not isfinite(number):
        raise ValueError(f"{str(value)[:40]!r}: must be a number with its unit, such as 5pp")
    if found[2] is None and number:
        part = f"{100 * number:g}% for {number:g} of 1, or " if abs(number) < 1 else ""
        raise ValueError(f"{value}: has no unit; write {part}{number:g}% (or {number:g}pp, which is the same)")
    if found[2] not in (None, *UNITS_WRITTEN):
        raise ValueError(f"{value}: unknown unit {found[2]!r}; units are: {', '.join(UNITS_WRITTEN)}")
    return Amount(number, found[2] or "")


def tolerance(value: Any) -> Amount:
    """An amount of change that is tolerated.

    Raises:
        ValueError: as `amount`; or it is negative, or a whole scale.
    """
    found = amount(value)
    if found.number < 0 or (found.unit in PER_CENT and found.number >= 100):
        raise ValueError(f"{found}: must be at least 0 and, in percentage points, below 100pp")
    return found


def share(value: Any) -> float:
    """A share that a person wrote in per cent, as a fraction.

    Raises:
        ValueError: as `amount`; or it is none of 0% to 100%.
    """
    found = amount(value)
    if found.unit not in ("", *PER_CENT):
        raise ValueError(f"{found}: must be a share in per cent, such as 1%")
    if not 0 <= found.number <= 100:
        raise ValueError(f"{found}: must lie between 0% and 100%")
    return found.number / 100


def probability(value: Any) -> float:
    """A probability between 0 and 1, both left out: `0.05` or `5%`.

    Raises:
        ValueError: it is none.
    """
    try:
        found = share(value) if str(value).strip().endswith("%") else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{str(value)[:40]!r}: must be a probability, such as 0.05 or 5%") from None
    if isinstance(value, bool) or not 0 < found < 1:
        raise ValueError(f"{value}: must be a probability between 0 and 1, such as 0.05 or 5%")
    return found


Level = Annotated[Amount, BeforeValidator(amount)]
Tolerance = Annotated[Amount, BeforeValidator(tolerance)]
Share = Annotated[float, BeforeValidator(share)]
Probability = Annotated[float, BeforeValidator(probability)]
