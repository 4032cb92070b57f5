"""From names to what they stand for: models, think modes, protocols and tasks, with every check that needs no data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from audiobench.ask import fitting
from audiobench.ask.annotate import check_budget
from audiobench.ask.batch.support import check_batch, check_judge
from audiobench.ask.identity import check_not_retired
from audiobench.ask.pictures import check_pictures
from audiobench.ask.protocols import Protocol
from audiobench.ask.replicated import check_engine
from audiobench.ask.transcribe import find_recogniser
from audiobench.core.errors import UsageError
from audiobench.core.urls import check_url
from audiobench.files.run_spec import RunSpec
from audiobench.model import think
from audiobench.model.registry import capabilities, find_model, stages
from audiobench.model.spec import ModelSpec
from audiobench.task import generation
from audiobench.task.find import find_tasks
from audiobench.task.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the names in a `RunSpec` stand for."""

    model: ModelSpec
    thinks: dict[str, think.ThinkPlan]
    protocols: list[Protocol]
    tasks: list[tuple[TaskSpec, Path, str]]
    """Task, its file, and how the specification named it."""


def resolve(options: RunSpec) -> Resolved:
    """Find the models and tasks that `options` names, and check whatever can be checked without any data.

    Raises:
        UsageError: a name is unknown, or the model cannot do what is asked of it.
    """
    if not options.tasks:
        raise UsageError("--tasks: names nothing, so there is nothing to run")
    check_engine(options)
    for url in options.base_url:
        check_url(url)
    if options.judge_base_url:
        check_url(options.judge_base_url, of="--judge-base-url")
    if options.reader_base_url:
        check_url(options.reader_base_url, of="--reader-base-url")
    model = find_model(options.model, base_url=options.base_url[0] if options.base_url else None)
    thinks = {asked: think.resolve(model, asked, allow_approx=options.allow_approx) for asked in options.think}
    protocols = fitting.find_protocols(model, options)
    generation.check(model.sampling, f"model {model.name}: sampling")
    fitting.check_conditions(options)
    judge = _judge(options)
    if options.nli and not capabilities(find_model(options.nli)).compares_texts:
        raise UsageError(
            f"--nli {options.nli}: no NLI model; nli-deberta-v3-base is one, or a model file with adapter: nli"
        )
    reader = find_model(options.reader, base_url=options.reader_base_url) if options.reader else None
    recogniser = None
    if options.asr:
        recogniser = find_recogniser(options)
    for asked, who in (
        (model, f"model {model.name}"),
        (judge, "the judge"),
        (reader, "the reader"),
        (recogniser, "the recogniser"),
    ):
        if asked is not None:
            check_budget(asked, who, options.max_cost)
    if not options.allow_other_model:
        for asked in (model, *stages(model), *filter(None, (judge, reader, recogniser))):
            check_not_retired(asked)
    found = [(_shown(task, options), file, named) for task, file, named in find_tasks(options.tasks)]
    unknown = sorted(set(options.data) - {task.task for task, _, _ in found})
    if unknown:
        names = ", ".join(task.task for task, _, _ in found)
        raise UsageError(f"--data {', '.join(unknown)}: this run has no such task; it has: {names}")
    for task, file, _ in found:
        fitting.check_task(task, file)
        fitting.check_heard(task, model, options)
        fitting.check_measures(task)
        asked = fitting.protocols_of(task, protocols)
        if options.batch:
            check_batch(model, thinks.values(), asked, options)
        fitting.check_transport(task, model, asked)
        check_pictures(task, model, options.audio)
        if options.judge_batch:
            fitting.check_judged_in_one(task)
        fitting.check_order(task, fitting.choose_prompt(task, model, options.prompt, protocols), options.option_order)
    return Resolved(model, thinks, protocols, found)


def _shown(task: TaskSpec, options: RunSpec) -> TaskSpec:
    """The task with the kind of answer, the measures and the number of answered examples that the run asks for."""
    if options.spoken and task.answer == "text":
        if task.answers_withheld:
            raise UsageError(f"--spoken: task {task.task} withholds its answers, which are sent as words")
        task = task.model_copy(update={"answer": "audio"})
    if options.measure and task.answer == "audio":
        task = task.model_copy(update={"measures": list(options.measure)})
    if options.num_fewshot in (None, task.num_fewshot):
        return task
    try:
        return TaskSpec.model_validate({**task.model_dump(by_alias=True), "num_fewshot": options.num_fewshot})
    except ValidationError as error:
        raise UsageError(
            f"--num-fewshot: task {task.task}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _judge(options: RunSpec) -> ModelSpec | None:
    """The judge that is named; raises UsageError where it cannot be asked in that way."""
    if options.judge is None:
        for flag, asked in (("--judge-batch", options.judge_batch), ("--judge-hears", options.judge_hears)):
            if asked:
                raise UsageError(f"{flag}: name the judge with --judge")
        return None
    judge = find_model(options.judge, base_url=options.judge_base_url)
    if options.judge_hears and judge.text_only:
        raise UsageError(f"--judge-hears: judge {judge.name} takes text only")
    if options.judge_batch and options.judge_hears:
        raise UsageError("--judge-hears: batch jobs send the judge text only; leave --judge-batch out")
    if options.judge_batch:
        check_judge(judge, options)
    return judge
