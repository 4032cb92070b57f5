"""What the gate found: plain data, and the exit code that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

from audiobench.core.errors import ExitCode
from audiobench.core.narrow import is_object, is_sequence
from audiobench.core.plain_text import of_whole
from audiobench.gate.arms import Arm
from audiobench.scorers.metrics import UNITS
from audiobench.statistics.paired import PairedComparison

Level = Literal["pass", "warn", "regression", "not_comparable", "incomplete"]
WORST_FIRST: tuple[Level, ...] = ("regression", "not_comparable", "incomplete", "warn", "pass")
"""A found regression is certain whatever else is wrong, so it decides first."""
FAILURES: tuple[Level, ...] = ("regression", "not_comparable", "incomplete")
WARNINGS: tuple[Level, ...] = ("warn",)
EXIT_CODES: Mapping[Level, ExitCode] = {
    "regression": ExitCode.REGRESSION,
    "not_comparable": ExitCode.NOT_COMPARABLE,
    "incomplete": ExitCode.INCOMPLETE,
    "warn": ExitCode.OK,
    "pass": ExitCode.OK,
}


@dataclass(slots=True)
class Check:
    """One question that the gate asked."""

    name: str
    """present, fingerprint, samples, judge, recogniser, coverage, unparsed, floor, score, power, settings; think_gain."""
    level: Level
    message: str


@dataclass(slots=True)
class Flip:
    """A sample whose value changed."""

    id: str
    before: float
    after: float
    answer: str | None
    """What the candidate answered."""
    target: str | None


@dataclass(slots=True)
class Measured:
    """A paired comparison as the gate used it; values are in the metric's own unit (fractions for accuracies)."""

    n: int
    """Samples that both runs have a response for."""
    baseline: float
    candidate: float
    difference: float
    """candidate - baseline."""
    ci: tuple[float, float]
    """95 % interval of the difference."""
    p: float
    """One-sided: the candidate is worse."""
    p_better: float
    """One-sided: the candidate is better."""
    method: str
    least_p: float
    """The smallest p that this many changed samples can give."""
    mde: float
    """Smallest true drop that this test finds with the stated power; inf where nothing is known."""
    gained: int
    lost: int
    clusters: int | None = None
    p_adjusted: float = 1.0

    @classmethod
    def of(cls, found: PairedComparison, *, higher_is_better: bool, gain: bool = False) -> Measured:
        """From a comparison; of a `gain` more is always better, so that of an error rate changes its sign."""
        low, high = found.interval.low, found.interval.high
        a, b, difference = found.a, found.b, found.difference
        if gain and not higher_is_better:
            a, b, difference, low, high = -a, -b, -difference, -high, -low
        worse, better = (found.p_less, found.p_greater) if higher_is_better else (found.p_greater, found.p_less)
        return cls(
            n=found.n, baseline=a, candidate=b, difference=difference, ci=(low, high), p=worse, p_better=better,
            method=found.method, least_p=found.least_p, mde=found.mde, gained=found.gained, lost=found.lost,
            clusters=found.clusters,
        )  # fmt: skip


@dataclass(slots=True)
class Item:
    """One thing that is gated: the score of an arm, or the think gain of a pair of arms."""

    kind: Literal["score", "think_gain"]
    task: str
    condition: str
    metric: str
    margin: float
    checks: list[Check] = field(default_factory=list[Check])
    measured: Measured | None = None
    unparsed: Measured | None = None
    flips: list[Flip] = field(default_factory=list[Flip])
    lower_is_better: bool = False
    n: int = 0
    """Samples of the baseline."""
    rows: int | None = None
    """Of the whole data set; None where that is not known."""
    unit: str = "share"
    """Of the metric (`scorers.metrics.UNITS`)."""
    must_show: float = 0.0
    """The verdict warns where a drop of this could go unseen."""

    @property
    def level(self) -> Level:
        """The worst of the checks."""
        return worst([check.level for check in self.checks])

    @property
    def size(self) -> str:
        """The samples in words: `60 of 1,000` where the data set has more, `8 of 60` where 8 of the baseline's were compared."""
        return of_whole(self.measured.n if self.measured else self.n, self.n, self.rows)

    @property
    def where(self) -> str:
        """Task and condition, with the number of samples where it is not that of the data set."""
        return placed(f"{self.task}, {self.condition}", self.size)

    def messages(self, *levels: Level) -> list[str]:
        """Messages of the checks at these levels."""
        return [check.message for check in self.checks if check.level in levels]


@dataclass(slots=True)
class Confirmed:
    """What `--confirm` asked again."""

    tasks: list[str]
    epochs: int
    folder: str


@dataclass(slots=True)
class Verdict:
    """The gate's whole answer."""

    model: str
    baseline: str
    baseline_model: str
    run: str
    alpha: float
    power: float
    items: list[Item] = field(default_factory=list[Item])
    notes: list[str] = field(default_factory=list[str])
    confirmed: Confirmed | None = None
    error: str | None = None
    """Why there is nothing to judge."""
    error_code: ExitCode = ExitCode.OK
    unwritten: ExitCode = ExitCode.OK
    """What the process ends with although all passed, because a report could not be written."""

    @property
    def level(self) -> Level:
        """The worst of the items."""
        return worst([item.level for item in self.items])

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with."""
        return self.error_code if self.error else EXIT_CODES[self.level] or self.unwritten

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON has it; infinite values are null."""
        document = _finite(asdict(self))
        for item, shown in zip(self.items, document["items"], strict=True):
            shown["level"] = item.level
        document["level"] = "error" if self.error else self.level
        document["exit_code"] = int(self.exit_code)
        document["schema_version"] = 1
        return document


def worst(levels: list[Level]) -> Level:
    """The level that decides; `pass` for none."""
    for level in WORST_FIRST:
        if level in levels:
            return level
    return "pass"


def placed(where: str, size: str) -> str:
    """`where` with a number of samples in words, if that is more than a number."""
    return f"{where} (n={size})" if " of " in size else where


def label(arm: Arm) -> str:
    """An arm's condition as text; says what was really done about thinking."""
    done = f" ({', '.join(arm.think_effective)})" if arm.think_effective else ""
    return arm.condition.label + done


def shown(item: Item, value: float, *, sign: bool = False) -> str:
    """A value, or with `sign` a difference, in the item's unit."""
    return UNITS[item.unit].show(value, signed=sign)


def size(item: Item, value: float) -> str:
    """An amount of change with its unit: `2.5 pp`."""
    return UNITS[item.unit].size(value)


def _finite(value: Any) -> Any:
    if is_object(value):
        return {key: _finite(inner) for key, inner in value.items()}
    if is_sequence(value):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
