"""From options to work: load the model, the tasks and the data, and refuse here whatever cannot work."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from audiobench import data as dataset
from audiobench.ask import hypotheses, prompt
from audiobench.ask.annotate import check_budget
from audiobench.ask.batch.support import check_batch, check_judge
from audiobench.ask.identity import check_not_retired
from audiobench.ask.protocols import Protocol, find_protocol
from audiobench.ask.transcribe import find_recogniser
from audiobench.ask.work import TaskWork
from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.core.types import Condition, Sample
from audiobench.core.urls import check_url
from audiobench.files import journal, run_info
from audiobench.files.run_spec import RunSpec
from audiobench.media.conditions import swaps
from audiobench.model import think
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import lacking
from audiobench.model.registry import capabilities, find_model, refusal, sha256_of, stages
from audiobench.model.spec import ModelSpec
from audiobench.results import cost
from audiobench.scorers import find_scorer
from audiobench.scorers.base import require
from audiobench.serving.planner import plan_server, starts_server
from audiobench.task import generation
from audiobench.task.check import refusals
from audiobench.task.find import find_tasks
from audiobench.task.spec import OPTION_NAMES, Prompt, TaskSpec


@dataclass(slots=True)
class Prepared:
    """A run that is ready to start."""

    options: RunSpec
    model: ModelSpec
    works: list[TaskWork]
    datasets: dict[str, dataset.Dataset]
    folder: Path
    starts: list[run_info.Start]
    """What run.json says so that `audiobench run --from` can repeat it."""
    server: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What the server says of the model now."""
    external: RunSpec | None = None
    """The run of a model that is asked first, and whose answers are shown to this one."""

    @property
    def total(self) -> int:
        """Requests in all."""
        return sum(work.total for work in self.works)

    @property
    def finished(self) -> int:
        """Requests that the journals already answer."""
        return sum(len(work.finished) for work in self.works)


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
    for url in options.base_url:
        check_url(url)
    if options.judge_base_url:
        check_url(options.judge_base_url, of="--judge-base-url")
    if options.reader_base_url:
        check_url(options.reader_base_url, of="--reader-base-url")
    model = find_model(options.model, base_url=options.base_url[0] if options.base_url else None)
    thinks = {asked: think.resolve(model, asked, allow_approx=options.allow_approx) for asked in options.think}
    protocols = find_protocols(model, options)
    generation.check(model.sampling, f"model {model.name}: sampling")
    _check_audio(model, options)
    judge = _judge(options)
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
        check_task(task, file)
        asked = protocols_of(task, protocols)
        if options.batch:
            check_batch(model, thinks.values(), asked, options)
        check_transport(task, model, asked)
        _check_video(task, options.audio)
        _check_order(task, choose_prompt(task, model, options.prompt, protocols), options.option_order)
    return Resolved(model, thinks, protocols, found)


def _shown(task: TaskSpec, options: RunSpec) -> TaskSpec:
    """The task with the number of answered examples that the run asks for."""
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


def prepare(options: RunSpec, *, dry_run: bool = False) -> Prepared:
    """Read the model, the tasks and the data; refuse here whatever cannot work.

    Args:
        options: the run.
        dry_run: nothing will be sent, so no server need be startable here.

    Raises:
        UsageError: and nothing has been sent or written.
    """
    resolved = resolve(options)
    folder = run_folder(resolved.model, options)
    if options.fresh and not dry_run:
        set_aside(folder)
    if starts_server(resolved.model, options.base_url) and not dry_run and not (folder / run_info.FILE).is_file():
        plan_server(resolved.model)  # before any download; what a run holds already may be all there is to do
    works, datasets = [], {}
    for task, file, _ in resolved.tasks:
        data = dataset.load(
            task,
            file,
            data=options.data.get(task.task),
            limit=options.limit,
            ids=options.ids,
            shard=options.shard,
            shots_seed=options.seed,
            progress=None if options.quiet else dataset.announce(task.task),
            audio_required=any(AudioCondition(heard).sends_sound for heard in options.audio),
            allow_links=options.allow_links,
        )
        datasets[task.task] = data
        works.append(task_work(options, resolved, task, data.samples, folder, pool=data.pool))
    starts = [run_info.start(options, {task.task: named for task, _, named in resolved.tasks})]
    nbest = max((int(dict(p.settings).get("nbest", 1)) for p in resolved.protocols if p.takes_hypotheses), default=0)
    external = hypotheses.asked_first(options, folder, nbest) if nbest else None
    if external is not None:
        resolve(external)
    return ready(Prepared(options, resolved.model, works, datasets, folder, starts, external=external))


def set_aside(folder: Path) -> None:
    """Move a run out of the way of a new one, to `<folder>.earlier-1` (or -2, ...); nothing where there is none.

    Raises:
        UsageError: another process writes there.
    """
    if not (folder / run_info.FILE).is_file():
        return
    journal.RunLock(folder).release()
    number = next(n for n in count(1) if not folder.with_name(f"{folder.name}.earlier-{n}").exists())
    folder.rename(folder.with_name(f"{folder.name}.earlier-{number}"))


def run_folder(model: ModelSpec, options: RunSpec) -> Path:
    """The run directory."""
    return options.out or Path("results") / model.name / run_name(model, options)


def task_work(
    options: RunSpec,
    resolved: Resolved,
    task: TaskSpec,
    samples: list[Sample],
    folder: Path,
    *,
    pool: Sequence[Sample] = (),
) -> TaskWork:
    """One task's part of a run; `pool`: see `TaskWork`.

    Raises:
        UsageError: a request cannot be made, or the model's server cannot be sent it.
    """
    model = resolved.model
    chosen = choose_prompt(task, model, options.prompt, resolved.protocols)
    protocols = protocols_of(task, resolved.protocols)
    work = TaskWork(
        task=task,
        prompt=chosen,
        samples=samples,
        conditions=conditions(task, chosen.name, options, samples, resolved),
        epochs=options.epochs,
        folder=folder / task.task,
        model=model,
        model_sha256=sha256_of(model),
        thinks=resolved.thinks,
        seed=options.seed,
        overrides=options.gen,
        pool=pool,
        swap=_swap(samples, options.seed) if "swap" in options.audio else {},
        protocols={p.written: p for p in protocols if not p.one_turn},
        **_external(options, resolved, task, samples, folder),
    )
    if "transcript" in options.audio:
        _check_transcripts(task, samples)
    check_requests(work)
    for protocol in protocols:
        protocol.check_work(work)
    return work


def _external(
    options: RunSpec, resolved: Resolved, task: TaskSpec, samples: list[Sample], folder: Path
) -> dict[str, Any]:
    """What another system answered, where a protocol shows it."""
    showing = [protocol.name for protocol in resolved.protocols if protocol.takes_hypotheses]
    if not showing and options.external is not None:
        raise UsageError(f"--external {options.external}: no --protocol of this run shows it; self_reflect does")
    if not showing:
        return {}
    if options.external is None:
        raise UsageError(
            f"--protocol {showing[0]}: name what the other system answered: --external RUN, FILE.jsonl, column:NAME or "
            "model:NAME"
        )
    found = hypotheses.find(options.external, task, samples, folder)
    awaits = options.external.startswith("model:")
    return {"hypotheses": found.texts, "shown_from": found.identity, "awaits_hypotheses": awaits}


def ready(prepared: Prepared) -> Prepared:
    """`prepared`, checked against what its run directory holds already: the last step before a run, whoever drives it.

    Raises:
        UsageError: the directory holds a run of another model, or the run has spent its limit.
    """
    check_folder(prepared.folder, prepared.model)
    for work in prepared.works:
        work.mark_finished()
        _check_left_out(work, prepared)
    _check_spent(prepared)
    return prepared


def _check_left_out(work: TaskWork, prepared: Prepared) -> None:
    """Refuse a start that would hide answers of an earlier one: tables show what the last start asked for.

    Samples that the data set itself no longer has are no loss.
    """
    options, held = prepared.options, set(prepared.datasets[work.task.task].ids)
    selected = options.limit is not None or options.ids is not None or options.shard is not None
    samples, asked = {sample.id for sample in work.samples}, {*work.conditions}
    reasons = {"samples": set[str](), "conditions": set[Condition](), "epochs": set[int]()}
    hidden = []
    for name, how, epoch in work.left_out:
        out = name not in samples and (selected or name in held), how not in asked, epoch >= work.epochs
        for (_, found), value, is_out in zip(reasons.items(), (name, how, epoch), out, strict=True):
            if is_out:
                found.add(value)
        if any(out):
            hidden.append((name, how, epoch))
    if hidden:
        what = ", ".join(f"{len(found)} {reason}" for reason, found in reasons.items() if found)
        name, how, epoch = hidden[0]
        raise UsageError(
            f"{prepared.folder}: holds {len(hidden):,} answers of task {work.task.task} ({what}; such as {name}, {how.label}, "
            f"prompt {how.prompt}, epoch {epoch}) that this command does not ask for and would hide from every table: "
            "ask for these too, or name another --out"
        )


def check_folder(folder: Path, model: ModelSpec) -> None:
    """Raise UsageError when `folder` holds a run of another model: its answers must not be taken for this one's."""
    if (folder / run_info.FILE).is_file():
        before = run_info.read(folder).model
        if before.sha256 != sha256_of(model):
            what = (
                f"model {before.name}, whose file, or the prompt that audiobench writes for it, was another then"
                if before.name == model.name
                else f"model {before.name}, not {model.name}"
            )
            raise UsageError(
                f"--out {folder}: contains a run of {what}; answers of the two are not mixed: use another --out"
            )


def choose_prompt(task: TaskSpec, model: ModelSpec, asked: str | None, protocols: Sequence[Protocol] = ()) -> Prompt:
    """The prompt that was asked for; else the one that the protocol prescribes; else the model publisher's own where the
    task has it; else the task's first.

    Raises:
        UsageError: the task has no prompt of the asked name, or protocols with different prompts would share a run.
    """
    own = {p.prompt.name if p.prompt else None: p for p in protocols}
    if asked is None and len(own) > 1:
        names = ", ".join(f"{p.name} ({name or 'the prompt of the task'})" for name, p in own.items())
        raise UsageError(
            f"--protocol: each has a prompt of its own, and the conditions of a run share one: {names}; run them apart, "
            "or name one with --prompt"
        )
    prescribed = [p.prompt for p in protocols if p.prompt and asked in (None, p.prompt.name)]
    if prescribed:
        return task.with_shots(prescribed[0])
    names = [prompt.name for prompt in task.prompt]
    if asked is not None and asked not in names:
        raise UsageError(f"--prompt {asked}: task {task.task} has: {', '.join(names)}")
    if asked is None and model.prompt in names:
        asked = model.prompt
    return task.find_prompt(asked)


def check_requests(work: TaskWork) -> None:
    """Raise UsageError when the first sample makes no prompt (the others would hardly), or when the model's server has
    no way to say what every such request holds.
    """
    for condition in work.conditions if work.samples else ():
        try:
            request = work.request(work.samples[0], condition, 0)
        except SampleError as error:
            raise UsageError(str(error)) from error
        if why := refusal(work.model, request):
            raise UsageError(why)


def _check_audio(model: ModelSpec, options: RunSpec) -> None:
    unknown = [name for name in options.audio if name not in list(AudioCondition)]
    if unknown:
        raise UsageError(f"--audio {','.join(unknown)}: allowed: {', '.join(AudioCondition)}")
    heard = [name for name in options.audio if AudioCondition(name).sends_sound]
    if model.text_only and heard:
        raise UsageError(f"--audio {','.join(heard)}: model {model.name} takes text only; use none or transcript")


def _check_spent(prepared: Prepared) -> None:
    """Refuse to go on with a run that has spent its limit already."""
    limit = prepared.options.max_cost
    if limit is None or prepared.finished == prepared.total:
        return
    spent = cost.spent(prepared.folder, prepared.model)
    if spent >= limit:
        raise UsageError(f"--max-cost {limit:g}: earlier starts of this run have spent ${spent:.2f}; raise it to go on")


def check_task(task: TaskSpec, file: Path) -> None:
    """Raise UsageError with what `audiobench tasks check` finds, but for where the data are."""
    findings = refusals(task, file)
    if findings:
        raise UsageError("\n".join(findings))
    scorer = find_scorer(task.scorer, task.normalizer)
    require(scorer.extra, f"scorer {scorer.name}")


def find_protocols(model: ModelSpec, options: RunSpec) -> list[Protocol]:
    """The protocols that `--protocol` names.

    Raises:
        UsageError: a name is unknown, or the model cannot do what one needs.
    """
    found = [find_protocol(written) for written in options.protocol]
    for protocol in found:
        if why := lacking(model, capabilities(model), protocol.needs, f"protocol {protocol.name}"):
            raise UsageError(f"--protocol {protocol.written}: {why}")
    if twice := {p.written for p in found if [q.written for q in found].count(p.written) > 1}:
        raise UsageError(f"--protocol: {', '.join(sorted(twice))} stands there twice")
    return found


def protocols_of(task: TaskSpec, protocols: Sequence[Protocol]) -> list[Protocol]:
    """The protocols that a task is asked under: one whose items are conversations, or whose tools answer, is asked as such.

    Raises:
        UsageError: such a task under another protocol.
    """
    if any(form.dialogue for form in (task, *task.forms)):
        own, why = "dialogue", f"the items of task {task.task} are conversations"
    elif task.scripts_tools:
        own, why = "tools", f"task {task.task} has results of tools"
    else:
        return list(protocols)
    found = [find_protocol(own) if protocol.one_turn else protocol for protocol in protocols]
    if other := next((protocol for protocol in found if protocol.name != own), None):
        raise UsageError(f"--protocol {other.written}: {why}, which --protocol {own} asks")
    return list(dict.fromkeys(found))


def check_transport(task: TaskSpec, model: ModelSpec, protocols: Sequence[Protocol]) -> None:
    """Raise UsageError when the task wants spoken answers and the model's adapter only gives text, or when an answer in
    sound would have to be sent back in a further turn.
    """
    if task.protocol == "realtime" and capabilities(model).audio_out is False:
        raise UsageError(
            f"task {task.task} is speech to speech: model {model.name} (adapter {model.adapter}) does not answer in "
            "audio; take a model of adapter realtime, such as gpt-realtime-2.1"
        )
    several = [protocol.written for protocol in protocols if not protocol.one_turn]
    if several and transport(task, model) == "realtime":
        raise UsageError(
            f"--protocol {several[0]}: task {task.task} on model {model.name} is speech to speech, which takes one turn "
            "only; leave --protocol out"
        )


def _check_video(task: TaskSpec, conditions: Sequence[str]) -> None:
    """Refuse an audio condition that a video's own sound would undo."""
    changed = [name for name in conditions if name != "full"]
    if changed and any(form.doc_to_video is not None for form in (task, *task.forms)):
        raise UsageError(
            f"--audio {','.join(changed)}: task {task.task} shows video (doc_to_video), whose own sound would still be "
            "heard; ask it under --audio full"
        )


def transport(task: TaskSpec, model: ModelSpec) -> str:
    """What the conditions of a single turn say of it: chat, or realtime (speech to speech)."""
    return "realtime" if "realtime" in (task.protocol, capabilities(model).protocol) else "chat"


def _check_order(task: TaskSpec, asked: Prompt, orders: int) -> None:
    """Refuse to turn options that the prompt does not show: they are spoken, or stand in the question as published."""
    chooses = any(form.doc_to_choice is not None for form in (task, *task.forms))
    if orders > 1 and chooses and not (asked.text and template.names(asked.text) & OPTION_NAMES):
        raise UsageError(
            f"--option-order {orders}: prompt {asked.name} of task {task.task} does not show the options itself (they are "
            "spoken, or stand in the question), so their order cannot be changed"
        )


def conditions(
    task: TaskSpec, prompt_name: str, options: RunSpec, samples: Sequence[Sample], resolved: Resolved
) -> list[Condition]:
    """Audio outermost and thinking innermost, so that neighbours share as much of the prompt as possible."""
    most = max((prompt.option_orders(sample) for sample in samples), default=1)
    orders = range(min(options.option_order, most))
    asked = protocols_of(task, resolved.protocols)
    protocols = [transport(task, resolved.model) if p.one_turn else p.written for p in asked]
    return [
        Condition(think=mode, audio=heard, option_order=order, prompt=prompt_name, protocol=protocol)
        for heard in options.audio
        for order in orders
        for protocol in protocols
        for mode in options.think
    ]


def _check_transcripts(task: TaskSpec, samples: Sequence[Sample]) -> None:
    """Refuse the transcript condition before anything is sent, where it would be missing in the middle of a run."""
    missing = [
        sample.id
        for sample in samples
        if (any(turn.clips and not turn.text for turn in sample.turns) if sample.turns else sample.transcript is None)
    ]
    if missing:
        raise UsageError(
            f"task {task.task}: audio=transcript: {len(missing)} of {len(samples)} samples have no transcript "
            f"(doc_to_transcript), the first is {missing[0]}"
        )


def _swap(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    by_id = {sample.id: sample for sample in samples}
    return {sample: by_id[other] for sample, other in swaps(samples, seed).items()}


def run_name(model: ModelSpec, options: RunSpec) -> str:
    """Name of the run's directory: the same command finds its own journal again."""
    parts: list[object] = [
        sha256_of(model), options.prompt, options.think, options.audio, options.option_order,
        options.gen, options.seed, options.shard,
    ]  # fmt: skip
    label = "-".join(mode.replace(":", "") for mode in options.think)
    if options.audio != ["full"]:
        label += "_" + "-".join(options.audio)
    if options.num_fewshot is not None:
        parts.append({"num_fewshot": options.num_fewshot})
        label += f"_{options.num_fewshot}shot"
    for name, chosen in (("limit", options.limit), ("ids", options.ids)):
        if chosen is not None:
            parts.append({name: chosen})
            label += f"_{name}{chosen if isinstance(chosen, int) else len(chosen)}"
    if options.external is not None:
        parts.append({"external": options.external})
    if options.protocol != ["single"]:
        protocols = [find_protocol(written) for written in options.protocol]
        parts.append({"protocol": [protocol.identity for protocol in protocols]})
        label += "_" + "-".join(re.sub(r"\W+", "-", p.written.rpartition(".py:")[2]) for p in protocols)
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
    return "_".join([label, digest, *([options.name] if options.name else [])])
