"""What a scorer is: our verdict from an extracted answer, the official verdict from the raw text, and their summary."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from audiobench.core.errors import UsageError
from audiobench.core.types import Answer, Role, Sample
from audiobench.scorers.metrics import ACC, Metric


class OfficialFigure(Struct):
    """The number that an official scorer prints, with its own denominator."""

    name: str = "official"
    value: float | None = None
    """A fraction where it is a share."""
    n: int | None = None
    excluded: int | UnsetType = UNSET
    """Responses that the official code leaves out, where it does."""
    random: int | UnsetType = UNSET
    """Verdicts that the official code draws; they count as what a draw comes to on average."""
    parts: dict[str, Any] | UnsetType = UNSET
    """Further figures that it prints."""


ScoreResult = tuple[float, dict[str, Any]]
"""(value, detail): the sample's own figure, and what the metric's `counts` need beyond it."""


Turns = list[tuple[Role, str]]
"""[(role, text), ...]."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of questions of which a later one hangs on the replies to earlier ones."""

    value: float | None
    """Within the metric's bounds; None where a reply could not be read, or while `claims` are not compared yet."""
    ratings: Sequence[float | None] = ()
    """What was read of the replies, in order; None ends them."""
    claims: tuple[str, str] | None = None
    """(premise, hypothesis): the value is the probability, by an NLI model, that the first entails the second."""


Questions = Generator[Turns, str, Verdict]
"""Yields what a judge is asked next, takes its reply, and returns the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """How a text model is asked about one response, and how its reply is read. Nothing here calls it.

    Scorers have judges, and so have the measures of reasoning traces and the reader of unparsed responses.
    """

    name: str
    """Of the template; with the judging model's name and sha256 it tells judges apart."""
    generation: Mapping[str, Any]
    """Generation parameters under the names of a task's `generation_kwargs`; run number i has seed i unless it is fixed."""
    runs: int
    """How often one response is judged."""
    render: Callable[[Sample, str, str], Turns]
    """(sample, response text, its reasoning) -> turns; texts go in as data, never as a template."""
    parse: Callable[[str, Sample], Any]
    """(judge reply, sample) -> rating or verdict (JSON), or None when the reply holds none."""
    fits: Callable[[Any, str], bool] | None = None
    """(verdict, reasoning) -> whether it can be a verdict on this trace; None: any is."""
    template: str = ""
    """The instruction, whose sha256 stands beside what was said by it."""
    source: str = ""
    """Where the template was published (paper, repository @ commit)."""
    model_default: str = ""
    """The judge the benchmark's own numbers were made with: a fact for readers; --judge names the one that is asked."""
    fixed_runs: bool = True
    """Whether the number of runs belongs to the published protocol."""
    applies: Callable[[Sample, str], bool] = lambda sample, reasoning: True
    """(sample, reasoning) -> whether a response can be judged at all."""
    combine: Callable[[Sequence[float | None]], float | None] | None = None
    """Of scorers: ratings of one response -> its value within the metric's bounds; None when no rating could be read."""
    settled: Callable[[str, Sample], float | None] | None = None
    """(response text, sample) -> a value that stands whatever a judge would say, or None; the judge is then not asked."""
    by_turn: Callable[[int, Sample, str, str], Turns] | None = None
    """(number of the answer from 0, sample, last answer, its reasoning) -> turns: of a conversation each answer is rated by a
    request of its own; a response counts once all of them are."""
    swapped: Callable[[Sample, str, str], Turns] | None = None
    """The same question with the two answers that are compared in the other order: every second reply is to it."""
    parse_swapped: Callable[[str, Sample], float | None] | None = None
    questions: Callable[[Sample, str, str], Questions] | None = None
    """(sample, response text, its reasoning) -> questions one after another, in the place of `render` and `parse`; `render` then
    only holds all texts that they rest on, so that a verdict is taken back where one of them changes."""
    compares: bool = False
    """Whether a verdict can hang on an NLI model (`Verdict.claims`)."""
    gated: bool = False
    """True: where our own verdict is 0 the value is 0 and the judge is not asked."""

    @property
    def template_sha256(self) -> str:
        """Hex digest of the template."""
        return hashlib.sha256(self.template.encode()).hexdigest()

    def requests(self, sample: Sample) -> int:
        """How many requests are made about a response to `sample`."""
        if self.by_turn is None:
            return self.runs
        return 1 + sum(turn.own for turn in sample.turns)

    def asked(self, number: int, sample: Sample, text: str, reasoning: str) -> Turns:
        """The turns of request `number` (from 0) about a response."""
        if self.by_turn is not None:
            return self.by_turn(number, sample, text, reasoning)
        return (self.swapped if self.swapped and number % 2 else self.render)(sample, text, reasoning)

    def read(self, number: int, reply: str, sample: Sample, reasoning: str = "") -> Any:
        """What the reply to request `number` says, or None where it cannot be read."""
        found = (self.parse_swapped if self.parse_swapped and number % 2 else self.parse)(reply, sample)
        return found if found is None or self.fits is None or self.fits(found, reasoning) else None


Score = Callable[[Answer, Sample, str], ScoreResult]
"""(answer, sample, final text) -> our verdict."""
Normalizer = Callable[[str], str]
OfficialSummary = Callable[[Sequence[Any], Sequence[Sample]], OfficialFigure]
"""(verdicts, samples) -> the figure with the official denominator."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """One way of scoring, chosen by name in a task's YAML."""

    name: str
    version: str
    """Raised when a verdict changes; part of a task's fingerprint."""
    score: Score
    doc: str
    """One line: what is compared with what, and whose rule it is."""
    metric: Metric = ACC
    """What is made of the verdicts: name, unit and direction of the score too."""
    source: str = ""
    """Repository @ commit of the official rule, where there is one."""
    official: Callable[[str | None, Sample], Any] | None = None
    """(raw final text, sample) -> the official verdict in its own vocabulary; a documented crash is the string
    `error:<ExceptionName>`."""
    official_extracted: Callable[[Answer, Sample], Any] | None = None
    """The official verdict when it is handed our extracted answer in its own form (the option's text, the letter)."""
    official_sequence: Callable[[Sequence[str | None], Sequence[Sample]], list[Any]] | None = None
    """Verdicts of a whole file in order, where the official script carries state from one record to the next."""
    official_summary: OfficialSummary | None = None
    judge: Judge | None = None
    extraction: tuple[str, ...] = ("full_text",)
    """Rules used when a task names none."""
    columns: tuple[str, ...] = ()
    """Sample metadata (and `transcript`) that the scorer reads; a journal keeps these beside the breakdown columns."""
    needs_target: bool = True
    """Whether a task must name the right answer (`doc_to_target`); False: it goes by other columns."""
    by_rule: Scorer | None = None
    """Of a judged scorer: the one that gives the same verdict without a judge."""
    score_after: Callable[[Normalizer], Score] | None = None
    """Our verdict after a normaliser that a task names, where the scorer compares normalised texts."""
    extra: str = ""
    """The optional dependencies of audiobench that it needs (a key of `EXTRAS`)."""
    measured: str = ""
    """Of scorers of sound: what it needs of a measure (`audiobench.sound`), a name of `KINDS` there. `score` is then asked for
    answers that hold no usable sound alone."""


EXTRAS: Mapping[str, tuple[str, ...]] = {
    "ifeval": ("langdetect", "nltk"),
    "asr": ("kaldialign", "contractions", "num2words"),
    "zh": ("zhconv",),
    "ja": ("MeCab", "ipadic"),
    "captions": ("pycocoevalcap",),
    "comet": ("comet",),
    "flores": ("sentencepiece",),
}
"""Optional dependencies of scorers -> the modules that they bring."""


def require(extra: str, by: str) -> None:
    """Raise UsageError where the modules of an extra are not installed; `by`: what needs them, for the message."""
    missing = [module for module in EXTRAS.get(extra, ()) if find_spec(module) is None]
    if missing:
        raise UsageError(f"{by} needs {', '.join(missing)}: pip install 'audiobench-harness[{extra}]'")


RANDOM = "random"
"""The official verdict where the official code draws one."""


def or_crash(rule: Callable[..., Any], *args: Any) -> Any:
    """What an official rule returns, or `error:<ExceptionName>` where it raises."""
    try:
        return rule(*args)
    except Exception as error:
        return f"error:{type(error).__name__}"


def references(sample: Sample) -> tuple[str, ...]:
    """The target(s) of a sample as a tuple; empty where answers are withheld."""
    if sample.target is None:
        return ()
    return (sample.target,) if isinstance(sample.target, str) else tuple(sample.target)


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with each `{name}` replaced, in one pass: braces inside the values are only text, and a value that
    holds a closing tag of the template (`</answer>`) gets it as `&lt;/answer>`, so that it cannot leave its place.
    """
    pattern = re.compile("|".join(re.escape("{" + name + "}") for name in values))
    tags = "|".join(sorted(set(re.findall(r"</(\w+)>", template))))
    closing = re.compile(rf"<(?=\s*/\s*(?:{tags})\b)", re.IGNORECASE) if tags else None
    kept = {name: closing.sub("&lt;", value) if closing else value for name, value in values.items()}
    return pattern.sub(lambda m: kept[m.group()[1:-1]], template)


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of what is there, or None."""
    present = [v for v in values if v is not None]
    return sum(present) / len(present) if present else None


def share_true(name: str, chance: float = 0.0) -> OfficialSummary:
    """Summary of boolean verdicts: the share of True among the rows that the official code survives.

    Drawn verdicts count as `chance`, what the draw comes to on average; how many there are is said (`random`).
    """

    def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
        del samples
        drawn = sum(v == RANDOM for v in verdicts)
        counted = [v for v in verdicts if isinstance(v, bool)]
        n = len(counted) + drawn
        value = (sum(counted) + chance * drawn) / n if n else None
        return OfficialFigure(name, value, n, random=drawn or UNSET)

    return summary


def choice_text(answer: Answer, sample: Sample) -> str | None:
    """The text of the extracted option, or None when unparsed."""
    if answer.index is None or answer.index >= len(sample.choices):
        return None
    return sample.choices[answer.index]


def option_match(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 when the extracted option is the target (its text, so that either of two twin options counts)."""
    del text
    chosen = choice_text(answer, sample)
    return (1.0 if chosen is not None and chosen == sample.target else 0.0), {}
