"""From a journal record to an outcome: pure, so that scores can be made again offline, for free, on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from audiobench.core.modes import FinishReason
from audiobench.core.types import LETTERS, Answer, Outcome, Sample
from audiobench.files.annotations import Judgement, Reading, Slot
from audiobench.files.records import Failure, Record
from audiobench.results import answers, sounds
from audiobench.results.heard import NOT_TRANSCRIBED, answer_audio, pending
from audiobench.scorers import Judge, Metric, Scorer, find_scorer
from audiobench.task.spec import TaskSpec

NOT_JUDGED = "not judged yet (--judge MODEL)"
NOT_COMPARED = "judged, and not compared by an NLI model yet (--nli MODEL)"

Judgements = Mapping[Slot, Judgement]


def scorer_of(task: TaskSpec) -> Scorer:
    """The task's scorer.

    Raises:
        UsageError: there is none of that name (a run checks that before it begins).
    """
    return find_scorer(task.scorer, task.normalizer)


def metric_of(task: TaskSpec) -> Metric:
    """The task's metric: its scorer's, whatever the task file says."""
    return scorer_of(task).metric


def outcome(
    record: Record,
    task: TaskSpec,
    judgements: Judgements | None = None,
    reading: Reading | None = None,
    *,
    read: answers.Reader = answers.read,
    measured: sounds.Measuring | None = None,
) -> Outcome:
    """What a journal record is worth under `task`.

    A refused or truncated response is never searched for an answer; a thought that never closed is truncated. `reading`
    is what a reader found, for a response that no rule can read; without it, the rules alone count.
    `read` finds the answer of a response, or remembers it; `measured` knows what measures found in an answer's sound.
    """
    response = record.response
    if record.error is not None or response is None:
        failure = record.error or Failure("error", "the journal line holds neither a response nor an error")
        return Outcome(failure.kind, detail={"message": failure.message})
    sample = record.shown()
    scorer = scorer_of(task)
    text = response.text
    if task.answers_withheld:
        answer = read(text, task.extraction, sample)
        status = "unparsed" if answer.value is None else "scored"
        return Outcome(status, None, _shown(answer, sample), answer.rule, extracted=answer)
    official = scorer.official(text, sample) if scorer.official else None
    if response.finish_reason == FinishReason.CONTENT_FILTER:
        return _failed("refused", scorer, sample, official)
    if response.finish_reason == FinishReason.LENGTH or not response.reasoning_closed:
        return _failed("truncated", scorer, sample, official)
    if task.answer == "audio" and (problem := sounds.flaw(answer_audio(record), task.sound)) is not None:
        failed = _failed("unparsed", scorer, sample, official)
        value = None if "lacking" in failed.detail else failed.value
        return structs.replace(failed, value=value, detail={**failed.detail, "message": problem})
    if scorer.measured:
        return sounds.measured_outcome(record, measured)
    if task.spoken and pending(record):
        return Outcome("pending", None, None, None, official, {"message": NOT_TRANSCRIBED})
    answer = read(text, task.extraction, sample)
    if answer.value is None and reading is not None:
        answer = _chosen(reading, sample)
    if answer.value is None:
        return _failed("unparsed", scorer, sample, official)
    if scorer.judge is not None and not (scorer.judge.gated and not scorer.score(answer, sample, text)[0]):
        judged = _judged(record, sample, scorer.judge, answer, judgements or {}, official)
        return structs.replace(judged, extracted=answer)
    value, detail = scorer.score(answer, sample, text)
    return Outcome("scored", value, _shown(answer, sample), answer.rule, official, detail, answer)


def _chosen(reading: Reading, sample: Sample) -> Answer:
    """The option that a reader found, labelled with its name."""
    if reading.option is None or reading.option not in [letter for letter, _ in sample.options]:
        return Answer(None)
    return Answer(reading.option, f"reader:{reading.reader}", LETTERS.index(reading.option))


def _failed(status: Any, scorer: Scorer, sample: Sample, official: Any) -> Outcome:
    """A response without a usable answer counts as the worst one: wrong, or every word missed."""
    if scorer.metric.worst is not None:
        return Outcome(status, scorer.metric.worst, None, None, official)
    value, detail = scorer.score(Answer(""), sample, "")
    return Outcome(status, value, None, None, official, detail)


def _judged(
    record: Record, sample: Sample, judge: Judge, answer: Answer, judgements: Judgements, official: Any
) -> Outcome:
    settled = judge.settled(record.text, sample) if judge.settled else None
    if settled is not None:
        return Outcome("scored", settled, answer.value, answer.rule, official, {"settled": "without a judge"})
    verdict = judgements.get((record.id, record.key))
    if verdict is None:
        return Outcome("pending", None, answer.value, answer.rule, official, {"message": NOT_JUDGED})
    if verdict.value is None and verdict.claims is not None:
        return Outcome("pending", None, answer.value, answer.rule, official, {"message": NOT_COMPARED})
    if verdict.value is None:
        return Outcome("error", None, answer.value, answer.rule, official, {"message": "no judge reply could be read"})
    return Outcome("scored", verdict.value, answer.value, answer.rule, official, {"ratings": verdict.ratings})


def _shown(answer: Answer, sample: Sample) -> str | None:
    """The answer as people read it: the option's text beside its letter."""
    if answer.index is not None and answer.index < len(sample.choices):
        return f"{answer.value}. {sample.choices[answer.index]}"
    return answer.value
