"""summary.json: what a task comes to under one condition, an entry each. This module owns its format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from audiobench.core.disk import write_json
from audiobench.core.errors import UsageError
from audiobench.core.plain import plain_bytes
from audiobench.core.plain_text import of_whole
from audiobench.core.types import Condition
from audiobench.scorers.base import OfficialFigure
from audiobench.statistics.intervals import By, Interval

FILE = "summary.json"
RATERS = ("judge", "recogniser", "measure")
"""Parts of a fingerprint that name who rated, in words; files of version 0.1 do not have them."""
Bounds = tuple[float | None, float | None]
"""Low and high; None where there is none."""


class Score(Struct, kw_only=True, frozen=True):
    """A metric's value over some samples."""

    value: float | None
    ci: Bounds
    """95 %."""
    interval: By
    n: int
    """Samples with a response."""

    @classmethod
    def of(cls, value: float | None, interval: Interval, n: int) -> Score:
        """A value with its interval."""
        return cls(value=value, ci=(interval.low, interval.high) if interval.known else (None, None),
                   interval=interval.method, n=n)  # fmt: skip


NOTHING = Score(value=None, ci=(None, None), interval=By.NONE, n=0)


class MetricScore(Score, kw_only=True, frozen=True):
    """The headline; version 0.1 did not write what is said of the metric."""

    unit: str = ""
    """A name of `scorers.metrics.UNITS`."""
    higher_is_better: bool = True
    bounds: Bounds = (None, None)


class How(Struct, kw_only=True):
    """The condition, with its repetitions."""

    think: str
    audio: str
    option_order: int
    prompt: str
    protocol: str
    epochs: int = 1

    @property
    def condition(self) -> Condition:
        """Without the repetitions."""
        return Condition(self.think, self.audio, self.option_order, self.prompt, self.protocol)


class Reason(Struct):
    """Why there is no response."""

    message: str
    n: int


class ErrorBounds(Struct):
    """The score if every request without a response were wrong, and without them."""

    errors_wrong: float | None
    errors_excluded: float | None


class Official(OfficialFigure, kw_only=True):
    """The official scorer's own number."""

    scorer: str = ""
    on_extracted: float | UnsetType | None = UNSET
    """Its value on the answers that we extracted, where it can be handed them."""


class Quantiles(Struct):
    """Seconds."""

    n: int
    median: float
    p95: float


class Read(Score, kw_only=True, frozen=True):
    """The metric with what a reader found in unparsed responses, beside the rules' own."""

    reader: str
    """Who."""
    unparsed: int
    """Responses that the rules leave so."""
    read: int
    """Those in which it found an option."""


class Late(Struct):
    """Sessions whose client itself was late."""

    n: int
    worst_ms: float


class Share(Struct):
    """A share of n answers."""

    n: int
    share: float | None


class ByRule(Score, kw_only=True, frozen=True):
    """The metric by a rule, where a judge decides."""

    scorer: str
    unparsed: int


class Epoch(Struct):
    """One repetition, by rule and by judge."""

    epoch: int
    by_rule: float | None
    by_judge: float | None


class Speech(Struct, kw_only=True):
    """Spoken answers (docs/speech_to_speech.md)."""

    answers: int
    transcribed: int
    no_audio: int
    asr: list[str]
    late: Late
    by_rule: ByRule | UnsetType = UNSET
    by_judge: Score | UnsetType = UNSET
    agreement: Share | UnsetType = UNSET
    runs: list[Epoch] | UnsetType = UNSET
    provider_differs: Share | UnsetType = UNSET


class SoundFigure(MetricScore, kw_only=True, frozen=True):
    """What a measure makes of all answers in sound."""

    name: str
    """A name of `scorers.sound.FIGURES`."""
    measure: str
    by: str
    """Measure, version and weights."""
    unlimited: float | UnsetType = UNSET
    """A Frechet distance extrapolated to an unlimited number of sounds."""
    parts: list[float] | UnsetType = UNSET
    """An inception score as the mean and standard deviation of ten parts, as audioldm_eval gives it."""


class Sound(Struct, kw_only=True):
    """Answers in sound (docs/answers_in_sound.md)."""

    answers: int
    """Responses."""
    usable: int
    """Those whose sound can be used."""
    flaws: list[Reason] = []
    """Why the others cannot, the commonest first."""
    seconds: float = 0.0
    """Of all usable sound."""
    figures: list[SoundFigure] = []


class Reasoning(Struct):
    """Responses, and those of them that hold reasoning."""

    responses: int
    reasoned: int


class TurnSpent(Struct):
    """What one turn of the exchanges took, over all samples that came so far."""

    turn: int
    """From 1."""
    n: int
    usage: dict[str, int | float]
    latency: dict[str, Quantiles]


class SummaryEntry(Struct, kw_only=True):
    """One entry; docs/design.md says what each field means. `bounds` to `sound` are absent where they do not apply."""

    task: str
    condition: How
    n: int = 0
    """Samples that were planned."""
    rows: int | UnsetType = UNSET
    """Of the whole data set as published, where it is another number than `n`."""
    counts: dict[str, int] = {}
    errors: list[Reason] = []
    coverage: float
    metrics: dict[str, MetricScore]
    """By name; empty where answers are withheld."""
    chance: float | None = None
    usage: dict[str, int | float] = {}
    latency: dict[str, Quantiles] = {}
    turns: list[TurnSpent] | UnsetType = UNSET
    """Usage and latency by turn, where exchanges took several."""
    fingerprint: dict[str, str]
    think_effective: list[str] | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    """Where it is not what the think mode asked for (`results.reasoned`)."""
    bounds: ErrorBounds | UnsetType = UNSET
    official: Official | UnsetType | None = UNSET
    breakdown: dict[str, dict[str, Score]] | UnsetType = UNSET
    reader: Read | UnsetType = UNSET
    speech: Speech | UnsetType = UNSET
    sound: Sound | UnsetType = UNSET

    @property
    def metric(self) -> tuple[str, MetricScore] | None:
        """Name and value of the metric; None where answers are withheld."""
        return next(iter(self.metrics.items()), None)

    @property
    def effective(self) -> list[str]:
        """What was really done about thinking, where it is not what was asked."""
        return self.think_effective or []

    @property
    def breakdowns(self) -> dict[str, dict[str, Score]]:
        """The metric by column and label."""
        return self.breakdown or {}

    @property
    def size(self) -> str:
        """`n` in words: `8 of 60` where only 8 have a response, `60 of 1,000` where the data set has more rows."""
        answered = self.metric[1].n if self.metric and self.failed else self.n
        return of_whole(min(answered, self.n), self.n, self.whole)

    @property
    def whole(self) -> int | None:
        """`rows`, None where that is `n`."""
        return None if self.rows is UNSET else self.rows

    @property
    def other_errors(self) -> int:
        """Requests without a response for a reason that is not among `errors`, which holds only the commonest."""
        return self.counts["error"] + self.counts["invalid_audio"] - sum(reason.n for reason in self.errors)

    @property
    def failed(self) -> int:
        """Requests without a response."""
        return sum(self.counts.get(kind, 0) for kind in ("error", "invalid_audio", "missing"))


def write(folder: Path, entries: Sequence[SummaryEntry]) -> None:
    """Write `folder`/summary.json, replaced at once."""
    write_json(folder / FILE, msgspec.to_builtins(entries))


def read(path: Path) -> list[SummaryEntry]:
    """The entries of a summary.json, also of version 0.1.

    Raises:
        UsageError: not a summary of this version; the message names the field.
    """
    try:
        return msgspec.json.decode(plain_bytes(path), type=list[SummaryEntry])
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # also msgspec's errors
        raise UsageError(f"{path}: not a summary: {error}") from error
