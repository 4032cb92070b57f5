"""Trace measures of one arm, from the journal and the judges' replies alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from audiobench.analysis.arms import Arm, chosen_slot
from audiobench.analysis.spending import reasoning_tokens
from audiobench.analysis.traces import asking, captions, early
from audiobench.analysis.traces.facts import AGFV
from audiobench.analysis.traces.judges import CONSISTENCY, GROUNDED_IN, GROUNDING, KINDS, RUBRICS, rubric_outcome
from audiobench.analysis.traces.steps import lexicon, split_steps
from audiobench.analysis.traces.structure import Structure, structure
from audiobench.core.types import LETTERS
from audiobench.files.annotations import Slot, TraceVerdict
from audiobench.results.condensed import quantile
from audiobench.results.runs import Scored
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.intervals import mean, proportion


def traced(arm: Arm) -> list[Scored]:
    """The records with any reasoning."""
    return [scored for scored in arm if scored.record.reasoning]


class Spread(Struct):
    """Of the traces."""

    mean: float
    median: float
    p95: float


class Lengths(Struct, kw_only=True):
    """How long the traces are."""

    words: Spread
    characters: Spread
    steps: Spread
    tokens: Spread | None
    tokens_estimated: bool
    """Some are completion tokens shared out by characters."""
    words_when_right: float | None
    words_when_wrong: float | None


class Mean(Struct, kw_only=True):
    """Mean over traces, with those of right and of wrong answers."""

    n: int
    mean: float | None
    ci: tuple[float, float] | None
    when_right: float | None
    when_wrong: float | None


class Lexicon(Mean, kw_only=True):
    """The lexicon proxy of acoustic grounding."""

    without_cue: int
    """Traces in which no step has a cue."""
    steps: int
    acoustic: int
    surrogate: int


class Judged(Struct, kw_only=True):
    """Who judged, with which template, and how much of it could not be read."""

    judge: str
    served_models: list[str]
    template_sha256: list[str]
    calls: int
    failed_calls: int
    parse_failures: int
    unreadable: int
    """Traces of which no reply can be read."""


class Grounding(Judged, kw_only=True):
    """Acoustic steps over all steps with evidence; the figures of `Mean`."""

    n: int
    mean: float | None
    ci: tuple[float, float] | None
    when_right: float | None
    when_wrong: float | None
    without_evidence: int
    kinds: dict[str, float | None]
    """Share of all labels."""
    agreement: float | None
    """Share of steps that every readable run of a trace labels alike (traces with two or more)."""


class Follows(Struct, kw_only=True):
    """Answers by whether they follow from the chain and whether they are right."""

    consistent_right: int
    consistent_wrong: int
    inconsistent_right: int
    inconsistent_wrong: int


class Consistency(Judged, kw_only=True):
    """Does the answer follow from the chain?"""

    n: int
    consistent: float | None
    ci: tuple[float, float]
    table: Follows
    chain_names_none: int


class Rubrics(Judged, kw_only=True):
    """MMAR-Rubrics."""

    n: int
    value: float | None
    ci: tuple[float, float]
    right: int
    not_rated: int


class Facts(Judged, kw_only=True):
    """Audio-grounded fact verification: supported facts over supported and refuted ones; the figures of `Mean`."""

    n: int
    """Traces with a fact that is supported or refuted."""
    mean: float | None
    ci: tuple[float, float] | None
    when_right: float | None
    when_wrong: float | None
    passed: float | None
    """Share of these traces in which no fact is refuted."""
    passed_ci: tuple[float, float]
    supported: int
    """Facts, over all traces; so are the next two."""
    refuted: int
    unclear: int
    without_facts: int
    """Traces that claim nothing about the sound, or of which nothing could be told."""


class ArmTraces(Struct, kw_only=True):
    """Everything that is known about the traces of an arm; what was not asked for is None or empty."""

    arm: str
    think: str
    audio: str
    prompt: str
    protocol: str
    responses: int
    traces: int
    summaries: int
    """Reasoning that the provider only summarises."""
    length: Lengths | None
    lexicon: Lexicon | None
    grounding: list[Grounding]
    """One for each judge, as in the next two."""
    consistency: list[Consistency]
    rubrics: list[Rubrics]
    agfv: list[Facts]
    early: early.Early | None
    structure: Structure | None
    """Where the model file declares the parts of its thoughts."""
    captions: list[captions.CaptionAlone]
    """One for each text model that has answered from the captions."""


class TaskTraces(Struct):
    """The arms of one task."""

    task: str
    arms: list[ArmTraces]


def measure_arm(arm: Arm) -> ArmTraces:
    """From the journal and the judges' replies."""
    found = traced(arm)
    verdicts = asking.read(arm.task_run.folder)
    judges = sorted({judge for _, judge, _, _ in verdicts})
    return ArmTraces(
        arm=arm.label,
        **arm.how._asdict(),
        responses=sum(s.record.response is not None for s in arm),
        traces=len(found),
        summaries=sum(s.record.response is not None and s.record.response.reasoning_is_summary for s in found),
        length=lengths(found),
        lexicon=lexical(found),
        grounding=[g for judge in judges if (g := grounding(found, _of(verdicts, GROUNDING.name, judge), judge))],
        consistency=[c for judge in judges if (c := consistency(found, _of(verdicts, CONSISTENCY.name, judge), judge))],
        rubrics=[r for judge in judges if (r := rubrics(arm, _of(verdicts, RUBRICS.name, judge), judge))],
        agfv=[f for judge in judges if (f := verified(found, _of(verdicts, AGFV.name, judge), judge))],
        early=early.summary(arm),
        structure=structure(arm),
        captions=captions.summaries(arm),
    )


Lines = Mapping[Slot, TraceVerdict]


def _of(verdicts: asking.Verdicts, measure: str, judge: str) -> dict[Slot, TraceVerdict]:
    return {(i, key): line for (m, j, i, key), line in verdicts.items() if (m, j) == (measure, judge)}


def _right(scored: Scored) -> bool:
    return (scored.outcome.value or 0.0) >= 0.5


def lengths(found: Sequence[Scored]) -> Lengths | None:
    """In words, characters, steps and tokens; None without traces."""
    if not found:
        return None
    tokens = [length for s in found if (length := reasoning_tokens(s.record)) is not None]
    words = [len(s.record.reasoning.split()) for s in found]
    sides: dict[bool, list[int]] = {True: [], False: []}
    for scored, count in zip(found, words, strict=True):
        sides[_right(scored)].append(count)
    return Lengths(
        words=_spread(words),
        characters=_spread([len(s.record.reasoning) for s in found]),
        steps=_spread([len(split_steps(s.record.reasoning)) for s in found]),
        tokens=_spread([value for value, _ in tokens]) if tokens else None,
        tokens_estimated=any(estimated for _, estimated in tokens),
        words_when_right=sum(sides[True]) / len(sides[True]) if sides[True] else None,
        words_when_wrong=sum(sides[False]) / len(sides[False]) if sides[False] else None,
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(sum(values) / len(values), quantile(values, 0.5), quantile(values, 0.95))


def _mean_of(found: Sequence[Scored], value: Callable[[Scored], float | None]) -> Mean:
    """The interval is clustered by sample."""
    pairs = [(s, v) for s in found if (v := value(s)) is not None]
    if not pairs:
        return Mean(n=0, mean=None, ci=None, when_right=None, when_wrong=None)
    values = [v for _, v in pairs]
    keys = [s.record.cluster for s, _ in pairs]
    interval = mean(values, shared_clusters(keys))
    sides = {side: [v for s, v in pairs if _right(s) is side] for side in (True, False)}
    return Mean(
        n=len(values), mean=sum(values) / len(values), ci=(interval.low, interval.high) if interval.known else None,
        when_right=sum(sides[True]) / len(sides[True]) if sides[True] else None,
        when_wrong=sum(sides[False]) / len(sides[False]) if sides[False] else None,
    )  # fmt: skip


def lexical(found: Sequence[Scored]) -> Lexicon | None:
    """None without traces."""
    if not found:
        return None
    counts = [lexicon(s.record.reasoning) for s in found]
    ratios = {s.slot: c.ratio for s, c in zip(found, counts, strict=True)}
    return Lexicon(
        **asdict(_mean_of(found, lambda s: ratios[s.slot])),
        without_cue=sum(c.ratio is None for c in counts),
        steps=sum(c.steps for c in counts),
        acoustic=sum(c.acoustic for c in counts),
        surrogate=sum(c.surrogate for c in counts),
    )


def _judged(lines: Lines, judge: str) -> Judged:
    replies = [verdict for line in lines.values() for verdict in line.verdicts]
    return Judged(
        judge=judge,
        served_models=sorted({name for line in lines.values() for name in line.served_models}),
        template_sha256=sorted({line.template_sha256 for line in lines.values()}),
        calls=len(replies) + sum(line.failed for line in lines.values()),
        failed_calls=sum(line.failed for line in lines.values()),
        parse_failures=sum(verdict is None for verdict in replies),
        unreadable=sum(all(v is None for v in line.verdicts) for line in lines.values()),
    )


def grounding(found: Sequence[Scored], lines: Lines, judge: str) -> Grounding | None:
    """Acoustic steps over all steps with evidence (acoustic, transcript, question, prior), mean over traces.

    A trace's ratio is the mean of its readable runs; traces without any evidence have none and are counted.
    """
    mine = {slot: lines[slot] for s in found if (slot := s.slot) in lines}
    if not mine:
        return None
    kinds: Counter[str] = Counter()
    ratios: dict[tuple[str, str], float | None] = {}
    alike = compared = 0
    for slot, line in mine.items():
        runs = [verdict for verdict in line.verdicts if verdict is not None]
        for run in runs:
            kinds.update(run)
        own = [r for run in runs if (r := _ratio(run)) is not None]
        ratios[slot] = sum(own) / len(own) if own else None
        if len(runs) > 1:
            alike += sum(len(set(step)) == 1 for step in zip(*runs, strict=True))
            compared += len(runs[0])
    labels = sum(kinds.values())
    return Grounding(
        **asdict(_judged(mine, judge)),
        **asdict(_mean_of(found, lambda s: ratios.get(s.slot))),
        without_evidence=sum(
            ratios[slot] is None and any(v is not None for v in line.verdicts) for slot, line in mine.items()
        ),
        kinds={kind: kinds[kind] / labels if labels else None for kind in KINDS},
        agreement=alike / compared if compared else None,
    )


def _ratio(labels: Sequence[str]) -> float | None:
    evidence = sum(label in GROUNDED_IN for label in labels)
    return labels.count("acoustic") / evidence if evidence else None


def consistency(found: Sequence[Scored], lines: Lines, judge: str) -> Consistency | None:
    """Does the answer follow from the chain? Consistent: the judge's option is the one that was answered.

    The judge's option is that of most readable runs (the earliest of equals). Only answers that name an option.
    """
    table = Counter[tuple[bool, bool]]()
    undecided = 0
    agreed: list[float] = []
    keys: list[str] = []
    mine = {slot: lines[slot] for s in found if (slot := s.slot) in lines}
    for scored in found:
        line, slot = mine.get(scored.slot), chosen_slot(scored)
        votes = Counter(v for v in (line.verdicts if line else ()) if v is not None)
        if slot is None or not votes:
            continue
        choice = votes.most_common(1)[0][0]
        same = choice == LETTERS[slot]
        table[same, _right(scored)] += 1
        undecided += choice == "none"
        agreed.append(float(same))
        keys.append(scored.record.cluster)
    if not mine:
        return None
    interval = proportion(agreed, shared_clusters(keys))
    return Consistency(
        **asdict(_judged(mine, judge)),
        n=len(agreed),
        consistent=sum(agreed) / len(agreed) if agreed else None,
        ci=(interval.low, interval.high),
        table=Follows(
            consistent_right=table[True, True], consistent_wrong=table[True, False],
            inconsistent_right=table[False, True], inconsistent_wrong=table[False, False],
        ),
        chain_names_none=undecided,
    )  # fmt: skip


def verified(found: Sequence[Scored], lines: Lines, judge: str) -> Facts | None:
    """Facts that the sound supports, over those that it supports or refutes, mean over traces."""
    mine = {slot: lines[slot] for s in found if (slot := s.slot) in lines}
    if not mine:
        return None
    counts = {slot: Counter(fact["supported"] for fact in line.verdicts if fact) for slot, line in mine.items()}
    decided = {slot: (count["yes"], count["no"]) for slot, count in counts.items() if count["yes"] + count["no"]}
    of = [s for s in found if s.slot in decided]
    clusters = shared_clusters([s.record.cluster for s in of])
    shares = {s.slot: decided[s.slot][0] / sum(decided[s.slot]) for s in of}
    share, passing = proportion(list(shares.values()), clusters), [float(not decided[s.slot][1]) for s in of]
    interval = proportion(passing, clusters)
    told = _judged(mine, judge)
    told.unreadable = sum(line.verdicts == [None] for line in mine.values())
    unread = sum(count[None] for count in counts.values())
    told.calls, told.parse_failures = sum(len(line.replies) for line in mine.values()), told.parse_failures + unread
    return Facts(
        **asdict(told),
        **asdict(replace(_mean_of(of, lambda s: shares[s.slot]), ci=(share.low, share.high) if of else None)),
        passed=sum(passing) / len(passing) if passing else None,
        passed_ci=(interval.low, interval.high),
        supported=sum(count["yes"] for count in counts.values()),
        refuted=sum(count["no"] for count in counts.values()),
        unclear=sum(count["unclear"] for count in counts.values()),
        without_facts=len(mine) - len(decided),
    )


def rubrics(arm: Arm, lines: Lines, judge: str) -> Rubrics | None:
    """MMAR-Rubrics: mean of the middle three of five ratings, 0 where the answer is wrong.

    A response of which fewer than five ratings can be read has no published score; it is counted in `not_rated`.
    """
    mine = {slot: lines[slot] for s in arm if (slot := s.slot) in lines}
    if not mine:
        return None
    values: list[float] = []
    keys: list[str] = []
    right = unread = 0
    for scored in arm:
        if not RUBRICS.applies(scored.record.shown(), scored.record.reasoning):
            continue
        line = mine.get(scored.slot)
        found = rubric_outcome(scored.record, arm.task_run.task, line.verdicts if line else ())
        right += found.status == "pending" or "ratings" in found.detail
        unread += found.value is None
        if found.value is not None:
            values.append(found.value)
            keys.append(scored.record.cluster)
    interval = proportion(values, shared_clusters(keys))
    return Rubrics(
        **asdict(_judged(mine, judge)), n=len(values), value=sum(values) / len(values) if values else None,
        ci=(interval.low, interval.high), right=right, not_rated=unread,
    )  # fmt: skip
