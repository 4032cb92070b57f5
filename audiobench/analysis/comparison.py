"""Two or more arms of the same samples: accuracy each, differences to the first, what was not scored, what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from audiobench.analysis import comparable
from audiobench.analysis.arms import Arm, common, paired, relabelled
from audiobench.analysis.measure import Change, Difference, change, difference, row, score
from audiobench.analysis.spending import Spending, spending
from audiobench.results.reasoned import contrary, counted
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.results.summary import whole_set
from audiobench.statistics.intervals import By
from audiobench.statistics.multiplicity import benjamini_hochberg

Breakdown = dict[str, dict[str, Difference]]
"""Column -> label -> difference."""


class Requests(Struct):
    """Of the compared samples."""

    made: int
    no_response: int
    set_aside: int
    """Responses at an option order at which another arm has none."""


class Gone(Struct):
    """Samples that one arm lacks and another has."""

    not_asked: int
    no_response: int


class Lost(Struct, kw_only=True):
    """What is not compared, by label of the arm."""

    samples: int
    common: int
    by_arm: dict[str, Gone]
    no_common_order: int
    requests: dict[str, Requests]


class ParsedOnly(Struct):
    """The metric over the samples whose answer was found."""

    n: int
    value: float | None
    ci: tuple[float, float]


class Counts(Struct):
    """Responses by what became of them; truncated ones are told apart by what the token limit cut."""

    responses: int = 0
    scored: int = 0
    unparsed: int = 0
    refused: int = 0
    truncated_thinking: int = 0
    """The thought never ended, so there is no answer."""
    truncated_answer: int = 0
    """The answer was cut."""
    error: int = 0
    invalid_audio: int = 0
    budget_reached: int = 0
    """A thinking budget closed the thought and the model went on to answer: no failure."""


class ComparedArm(Spending, kw_only=True):
    """One arm over the samples that all of them answered, with what it took."""

    label: str
    model: str
    name: str
    """Of the run."""
    run: str
    """Folder."""
    condition: dict[str, str]
    think_effective: list[str]
    n: int
    value: float | None
    ci: tuple[float, float]
    interval: By
    counts: Counts
    parsed_only: ParsedOnly


class Pair(Difference, kw_only=True):
    """Two arms by their labels, b minus a."""

    a: str
    b: str
    parsed_only: Change
    breakdown: Breakdown


class Comparison(Struct, kw_only=True):
    """Several arms of one task against the first of them."""

    title: str | UnsetType = UNSET
    think: str | UnsetType = UNSET
    """That all arms share, where they are the audio conditions of one run."""
    audio: str | UnsetType = UNSET
    """That all arms share, where they are the think modes of one run."""
    task: str
    metric: str
    unit: str
    """A name of `scorers.metrics.UNITS`."""
    higher_is_better: bool
    n: int
    rows: int | None
    """Of the whole data set; None where that is not known."""
    lost: Lost
    arms: list[ComparedArm]
    pairs: list[Pair]
    notes: list[str]


def compare_arms(arms: Sequence[Arm], *, allowed: Collection[str] = ()) -> Comparison:
    """Compare every arm with the first, over the samples and option orders that all of them answered.

    Raises:
        NotComparableError: the arms do not rest on the same prompt, samples, audio, extraction, scorer or judge.
    """
    if len({arm.run.folder for arm in arms}) == 1:
        arms = relabelled(arms)
    task = arms[0].task_run.task
    made = metric_of(task)
    answered = [arm.answered for arm in arms]
    everyone = {sample for arm in arms for sample in arm.slots}
    whole, arms = arms, paired(arms)
    ids = list(arms[0].slots)
    excused: list[str] = []
    notes = [f"{arm.label}: {unlike}" for arm in arms if (unlike := thought_otherwise(arm))]
    for arm in arms[1:]:
        excused += comparable.check(arms[0], arm, ids, allowed)
        notes += comparable.notes(arms[0], arm)
    notes += [f"{part} differs, which was allowed" for part in dict.fromkeys(excused)]
    lost = Lost(
        samples=len(everyone),
        common=len(ids),
        by_arm={
            arm.label: Gone(len(everyone - arm.slots.keys()), len(arm.slots.keys() - found))
            for arm, found in zip(whole, answered, strict=True)
        },
        no_common_order=len(common(whole)) - len(ids),
        requests=requests_of(whole, arms),
    )
    pairs = [_pair(arms[0], arm, ids) for arm in arms[1:]]
    adjust(pairs)
    return Comparison(
        task=task.task,
        metric=made.name,
        unit=made.unit,
        higher_is_better=made.higher_is_better,
        n=len(ids),
        rows=whole_set(arms[0].task_run),
        lost=lost,
        arms=[_arm(arm, ids) for arm in arms],
        pairs=pairs,
        notes=notes,
    )


def effective(arm: Arm) -> list[str]:
    """What was really done about thinking, where it is not what was asked."""
    return sorted({done for s in arm if s.record.response and (done := s.record.response.think_effective)})


def thought_otherwise(arm: Arm) -> str:
    """How its responses contradict their think mode; empty where they do not."""
    return contrary(arm.how.think, effective(arm), counted(s.record.response for s in arm))


def requests_of(whole: Sequence[Arm], arms: Sequence[Arm]) -> dict[str, Requests]:
    """By label."""
    found: dict[str, Requests] = {}
    for before, after in zip(whole, arms, strict=True):
        known = [s.outcome.value is not None for sample in after.slots for s in before.of_sample(sample)]
        kept = sum(s.outcome.value is not None for s in after)
        found[before.label] = Requests(len(known), known.count(False), known.count(True) - kept)
    return found


def _arm(arm: Arm, ids: Sequence[str]) -> ComparedArm:
    value, interval = score(arm, ids)
    parsed = arm.only(ids).kept(_is_scored)
    known = list(parsed.slots)
    parsed_value, parsed_interval = score(parsed, known)
    return ComparedArm(
        label=arm.label,
        model=arm.run.model,
        name=arm.run.info.name,
        run=str(arm.run.folder),
        condition=arm.how._asdict(),
        think_effective=effective(arm),
        n=len(ids),
        value=value,
        ci=(interval.low, interval.high),
        interval=interval.method,
        counts=counts(arm, ids),
        parsed_only=ParsedOnly(len(known), parsed_value, (parsed_interval.low, parsed_interval.high)),
        **asdict(spending(arm, ids)),
    )


def _is_scored(scored: Scored) -> bool:
    return scored.outcome.status == "scored"


def counts(arm: Arm, ids: Sequence[str]) -> Counts:
    """Responses to these samples."""
    found: Counter[str] = Counter()
    for sample in ids:
        for scored in arm.of_sample(sample):
            response, status = scored.record.response, scored.outcome.counted_as
            found["responses"] += response is not None
            if status == "truncated":
                unfinished = response is not None and not response.reasoning_closed
                found["truncated_thinking" if unfinished else "truncated_answer"] += 1
            else:
                found[status] += 1
            found["budget_reached"] += bool(scored.record.raw.get("thinking_cut"))
    return Counts(**found)


def _pair(a: Arm, b: Arm, ids: Sequence[str]) -> Pair:
    first, second = a.only(ids).kept(_is_scored), b.only(ids).kept(_is_scored)
    both = [sample for sample in ids if sample in first.slots and sample in second.slots]
    return Pair(
        a=a.label,
        b=b.label,
        **asdict(row(difference(a, b, ids))),
        parsed_only=change(difference(first, second, both)),
        breakdown=breakdown(a, b, ids),
    )


def breakdown(a: Arm, b: Arm, ids: Sequence[str]) -> Breakdown:
    """By every column; p-values are adjusted over every label of every column."""
    unlike = comparable.unlike_columns(a, b)
    tables = {
        column: {name: row(difference(a, b, members)) for name, members in labels.items()}
        for column, labels in groups(a, ids).items()
        if column not in unlike
    }
    adjust([found for labels in tables.values() for found in labels.values()])
    return tables


def adjust(rows: Sequence[Difference]) -> None:
    """Benjamini-Hochberg over these comparisons."""
    for found, adjusted in zip(rows, benjamini_hochberg([found.p for found in rows]), strict=True):
        found.p_adjusted = adjusted


def groups(arm: Arm, ids: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Breakdown column -> label -> sample ids; columns with a single label are left out."""
    tables: dict[str, dict[str, list[str]]] = {}
    for column in arm.task_run.task.breakdown:
        labels: dict[str, list[str]] = {}
        for sample in ids:
            value = next(iter(arm.of_sample(sample))).shown.metadata.get(column)
            labels.setdefault("(none)" if value is None else str(value), []).append(sample)
        if len(labels) > 1:
            tables[column] = dict(sorted(labels.items()))
    return tables
