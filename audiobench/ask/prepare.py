"""From options to work: read the model, the tasks and the data, and refuse here whatever cannot work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audiobench import data as dataset
from audiobench.ask import hypotheses, prompt
from audiobench.ask.fitting import choose_prompt, protocols_of, transport
from audiobench.ask.resolve import Resolved, resolve
from audiobench.ask.run_folder import check_folder, run_folder, set_aside
from audiobench.ask.work import TaskWork
from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.core.plain_text import plural
from audiobench.core.types import Condition, Sample
from audiobench.files import run_info
from audiobench.files.records import Slot
from audiobench.files.run_spec import RunSpec
from audiobench.media.conditions import swaps
from audiobench.model.adapter import SampleError
from audiobench.model.registry import refusal, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results import cost
from audiobench.serving.planner import plan_server, starts_server
from audiobench.task.spec import TaskSpec


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
    server: Mapping[str, Sequence[str]] = field(default_factory=dict[str, list[str]])
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
    here = options.engine != "ray" and starts_server(resolved.model, options.base_url)
    if here and not dry_run and not (folder / run_info.FILE).is_file():
        plan_server(resolved.model)  # before any download; what a run holds already may be all there is to do
    works: list[TaskWork] = []
    datasets: dict[str, dataset.Dataset] = {}
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
            audio_required=any(AudioCondition(heard).sends_sound for heard in options.audio)
            or task.filmed
            or task.pictured,
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
    shown = _external(options, resolved, task, samples, folder)
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
        hypotheses=shown.texts if shown else {},
        shown_from=shown.identity if shown else "",
        awaits_hypotheses=shown is not None and hypotheses.asks_a_model(options.external),
    )
    if "transcript" in options.audio:
        _check_transcripts(task, samples)
    check_requests(work)
    for protocol in protocols:
        protocol.check_work(work)
    return work


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


def _external(
    options: RunSpec, resolved: Resolved, task: TaskSpec, samples: list[Sample], folder: Path
) -> hypotheses.External | None:
    """What another system answered, where a protocol shows it."""
    showing = [protocol.name for protocol in resolved.protocols if protocol.takes_hypotheses]
    if not showing and options.external is not None:
        raise UsageError(f"--external {options.external}: no --protocol of this run shows it; self_reflect does")
    if not showing:
        return None
    if options.external is None:
        raise UsageError(
            f"--protocol {showing[0]}: name what the other system answered: --external RUN, FILE.jsonl, column:NAME or "
            "model:NAME"
        )
    return hypotheses.find(options.external, task, samples, folder)


def _swap(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    by_id = {sample.id: sample for sample in samples}
    return {sample: by_id[other] for sample, other in swaps(samples, seed).items()}


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
    reasons = {"sample": set[str](), "condition": set[Condition](), "epoch": set[int]()}
    hidden: list[Slot] = []
    for name, how, epoch in work.left_out:
        out = name not in samples and (selected or name in held), how not in asked, epoch >= work.epochs
        for (_, found), value, is_out in zip(reasons.items(), (name, how, epoch), out, strict=True):
            if is_out:
                found.add(value)
        if any(out):
            hidden.append((name, how, epoch))
    if hidden:
        what = ", ".join(f"{len(found)} {plural(len(found), reason)}" for reason, found in reasons.items() if found)
        name, how, epoch = hidden[0]
        raise UsageError(
            f"{prepared.folder}: holds {len(hidden):,} {plural(len(hidden), 'answer')} of task {work.task.task} ({what}; such as {name}, {how.label}, "
            f"prompt {how.prompt}, epoch {epoch}) that this command would not ask for, and that would vanish from "
            "all tables: ask for these too, or use another --out"
        )


def _check_spent(prepared: Prepared) -> None:
    """Refuse to go on with a run that has spent its limit already."""
    limit = prepared.options.max_cost
    if limit is None or prepared.finished == prepared.total:
        return
    spent = cost.spent(prepared.folder, prepared.model)
    if spent >= limit:
        raise UsageError(
            f"--max-cost {limit:g}: earlier starts of this run have spent ${spent:.2f}; raise it to continue"
        )
