"""One run from its options to its summaries: load, plan, ask, judge, summarise."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson

import audiobench
from audiobench import cost, dataset, journal, prompt, results, think
from audiobench.errors import ExitCode, UsageError
from audiobench.extraction import VERSION as EXTRACTION_VERSION
from audiobench.extraction import check_rules
from audiobench.runner.concurrency import Concurrency
from audiobench.runner.engine import Ending, Engine
from audiobench.runner.progress import Progress, Tally
from audiobench.runner.retry import RetryPolicy
from audiobench.runner.work import TaskWork
from audiobench.score import NOT_JUDGED, outcome, scorer_of
from audiobench.scorers import SCORERS
from audiobench.speech.heard import NOT_TRANSCRIBED
from audiobench.task.find import expand, find_task
from audiobench.task.spec import Prompt, TaskSpec
from audiobench.types import Condition, Outcome, Request, Sample
from model_adapters.base import Adapter
from model_adapters.dialects import cannot
from model_adapters.http import check_url
from model_adapters.registry import ADAPTERS, build_adapter, find_model
from model_adapters.spec import ModelSpec

DEFAULT_MAX_CONCURRENCY = 256
RETIREMENT_WARNING_DAYS = 90


@dataclass(slots=True)
class RunOptions:
    """Everything `audiobench run` can be told."""

    model: str
    tasks: list[str]
    limit: int | None = None
    ids: list[str] | None = None
    shard: tuple[int, int] | None = None
    prompt: str | None = None
    epochs: int = 1
    think: list[str] = field(default_factory=lambda: ["default"])
    audio: list[str] = field(default_factory=lambda: ["full"])
    option_orders: int = 1
    data: dict[str, Path] = field(default_factory=dict)
    base_urls: list[str] = field(default_factory=list)
    max_concurrency: int | None = None
    out: Path | None = None
    judge: str | None = None
    judge_base_url: str | None = None
    judge_batch: bool = False
    """The judge is asked by batch jobs."""
    asr: str | None = None
    asr_base_url: str | None = None
    generation: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    allow_approx: bool = False
    dry_run: bool = False
    max_cost: float | None = None
    allow_other_model: bool = False
    attempts: int = 8
    timeout: float = 600.0
    quiet: bool = False
    batch: bool = False
    """Answers come from the provider's batch jobs: half the price, within a day."""
    batch_poll: float = 30.0
    """Seconds between two looks at a batch job."""
    command: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Prepared:
    """A run that is ready to start."""

    options: RunOptions
    model: ModelSpec
    works: list[TaskWork]
    datasets: dict[str, dataset.Dataset]
    folder: Path

    @property
    def total(self) -> int:
        """Requests in all."""
        return sum(work.total for work in self.works)

    @property
    def finished(self) -> int:
        """Requests that the journals already answer."""
        return sum(len(work.finished) for work in self.works)


@dataclass(slots=True)
class RunResult:
    """What a run came to."""

    folder: Path
    exit_code: ExitCode
    reason: str | None
    summaries: list[dict[str, Any]]
    tally: Tally


def prepare(options: RunOptions) -> Prepared:
    """Read the model, the tasks and the data; refuse here whatever cannot work.

    Raises:
        UsageError: and nothing has been asked or written.
    """
    for url in options.base_urls:
        check_url(url)
    if options.judge_base_url:
        check_url(options.judge_base_url, of="--judge-base-url")
    model = find_model(options.model, base_url=options.base_urls[0] if options.base_urls else None)
    thinks = {asked: think.resolve(model, asked, allow_approx=options.allow_approx) for asked in options.think}
    _check_audio(model, options)
    if options.judge_batch:
        from audiobench.batch.support import check_judge

        if options.judge is None:
            raise UsageError("--judge-batch: name the judge with --judge")
        check_judge(find_model(options.judge, base_url=options.judge_base_url))
    if options.asr:
        from audiobench.speech.transcribe import find_recogniser

        find_recogniser(options)
    if options.batch:
        from audiobench.batch.support import check_batch

        check_batch(model, thinks.values(), options)
    if model.retires_on is not None and model.retires_on <= date.today() and not options.allow_other_model:
        raise UsageError(
            f"model {model.name} was retired on {model.retires_on}; its provider may answer with another model "
            "(--allow-other-model to ask anyway)"
        )
    loaded: list[tuple[TaskSpec, Path]] = [find_task(name) for name in expand(options.tasks)]
    folder = options.out or Path("results") / model.name / run_name(model, options)
    works, datasets = [], {}
    for task, file in loaded:
        check_task(task, file)
        check_protocol(task, model)
        chosen = choose_prompt(task, model, options.prompt)
        data = dataset.load(
            task,
            file,
            data=options.data.get(task.task),
            limit=options.limit,
            ids=options.ids,
            shard=options.shard,
            audio_required=any(heard not in ("none", "transcript") for heard in options.audio),
        )
        datasets[task.task] = data
        work = TaskWork(
            task=task,
            prompt=chosen,
            samples=data.samples,
            conditions=conditions(task, chosen.name, options, data.samples, protocol_of(task, model)),
            epochs=options.epochs,
            folder=folder / task.task,
            model=model,
            model_sha256=model.sha256(),
            thinks=thinks,
            seed=options.seed,
            overrides=options.generation,
            swap=_swap(data.samples, options.seed) if "swap" in options.audio else {},
        )
        if "transcript" in options.audio:
            _check_transcripts(task, data.samples)
        if data.samples:
            for condition in work.conditions:
                check_request(model, work.request(data.samples[0], condition, 0))
        works.append(work)
    unknown = set(options.data) - {work.task.task for work in works}
    if unknown:
        raise UsageError(f"--data {', '.join(sorted(unknown))}: no such task in this run: {', '.join(options.tasks)}")
    check_folder(folder, model)
    for work in works:
        work.mark_finished()
    return Prepared(options, model, works, datasets, folder)


def check_folder(folder: Path, model: ModelSpec) -> None:
    """Raise UsageError when `folder` holds a run of another model: its answers must not be taken for this one's."""
    existing = folder / "run.json"
    if existing.is_file():
        before = results.read_json(existing)["model"]
        if before["sha256"] != model.sha256():
            raise UsageError(
                f"--out {folder}: holds a run of model {before['name']} as it was declared then; use another --out"
            )


def choose_prompt(task: TaskSpec, model: ModelSpec, asked: str | None) -> Prompt:
    """The prompt that was asked for; else the model publisher's own where the task has it; else the task's first.

    Raises:
        UsageError: the task has no prompt of the asked name.
    """
    names = [prompt.name for prompt in task.prompt]
    if asked is not None and asked not in names:
        raise UsageError(f"--prompt {asked}: task {task.task} has: {', '.join(names)}")
    if asked is None and model.prompt in names:
        asked = model.prompt
    return task.find_prompt(asked)


def check_request(model: ModelSpec, request: Request) -> None:
    """Raise UsageError when the model's server has no way to say what every such request holds."""
    why = cannot(model, request.generation, prefill=request.prefill is not None)
    if why:
        raise UsageError(why)


def _check_audio(model: ModelSpec, options: RunOptions) -> None:
    unknown = [name for name in options.audio if name not in prompt.AUDIO_CONDITIONS]
    if unknown:
        raise UsageError(f"--audio {','.join(unknown)}: allowed: {', '.join(prompt.AUDIO_CONDITIONS)}")
    heard = [name for name in options.audio if name not in ("none", "transcript")]
    if model.text_only and heard:
        raise UsageError(f"--audio {','.join(heard)}: model {model.name} takes text only; use none or transcript")


def check_task(task: TaskSpec, file: Path) -> None:
    """Raise UsageError when a name in the task file is not one of the closed sets."""
    check_rules(task.extraction)
    if task.scorer not in SCORERS:
        raise UsageError(f"{file}: scorer: {task.scorer!r} is unknown; allowed: {', '.join(sorted(SCORERS))}")


def check_protocol(task: TaskSpec, model: ModelSpec) -> None:
    """Raise UsageError when the task wants spoken answers and the model's adapter only gives text."""
    if task.protocol == "realtime" and model.adapter in ADAPTERS and model.adapter != "realtime":
        raise UsageError(
            f"task {task.task} is speech to speech: model {model.name} (adapter {model.adapter}) does not answer in "
            "audio; take a model of adapter realtime, such as gpt-realtime-2.1"
        )


def protocol_of(task: TaskSpec, model: ModelSpec) -> str:
    """The protocol of the task's conditions."""
    return "realtime" if "realtime" in (task.protocol, model.adapter) else "chat"


def conditions(
    task: TaskSpec, prompt_name: str, options: RunOptions, samples: Sequence[Sample], protocol: str = "chat"
) -> list[Condition]:
    """Audio outermost and thinking innermost, so that neighbours share as much of the prompt as possible."""
    most = max((len(sample.choices) for sample in samples), default=0)
    orders = range(min(options.option_orders, max(most, 1)))
    return [
        Condition(think=mode, audio=heard, option_order=order, prompt=prompt_name, protocol=protocol)
        for heard in options.audio
        for order in orders
        for mode in options.think
    ]


def _check_transcripts(task: TaskSpec, samples: Sequence[Sample]) -> None:
    """Refuse the transcript condition before anything is sent, where it would be missing in the middle of a run."""
    missing = [sample.id for sample in samples if sample.transcript is None]
    if missing:
        raise UsageError(
            f"task {task.task}: audio=transcript: {len(missing)} of {len(samples)} samples have no transcript "
            f"(doc_to_transcript), the first is {missing[0]}"
        )


def _conditions_in_words(conditions: Sequence[Condition]) -> str:
    """`5 think modes x 7 audio conditions x 2 option orders (70 conditions)`."""
    names = {"think": "think modes", "audio": "audio conditions", "option_order": "option orders"}
    counts = {name: len({getattr(condition, name) for condition in conditions}) for name in names}
    parts = [f"{count} {names[name]}" for name, count in counts.items() if count > 1]
    return " x ".join(parts) + (f" ({len(conditions)} conditions)" if len(parts) > 1 else "")


def _swap(samples: Sequence[Sample], seed: int) -> dict[str, Sample]:
    from audiobench.audio.conditions import swaps

    by_id = {sample.id: sample for sample in samples}
    return {sample: by_id[other] for sample, other in swaps(samples, seed).items()}


def run_name(model: ModelSpec, options: RunOptions) -> str:
    """Name of the run's directory: the same command finds its own journal again."""
    parts = [
        model.sha256(), options.prompt, options.think, options.audio, options.option_orders,
        options.generation, options.seed, options.shard,
    ]  # fmt: skip
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
    label = "-".join(mode.replace(":", "") for mode in options.think)
    if options.audio != ["full"]:
        label += "_" + "-".join(options.audio)
    return f"{label}_{digest}"


def plan_lines(prepared: Prepared) -> list[str]:
    """What will be asked, before anything is."""
    lines = []
    for work in prepared.works:
        seconds, exact = work.seconds()
        hours = f", {'' if exact else 'about '}{seconds / 3600:.2f} h of audio" if seconds else ""
        total = prepared.datasets[work.task.task].total
        why = f"{len(work.samples)}{f' of {total}' if total != len(work.samples) else ''} samples"
        if len(work.conditions) > 1:
            why += f" x {_conditions_in_words(work.conditions)}"
        if work.epochs > 1:
            why += f" x {work.epochs} epochs"
        data = prepared.datasets[work.task.task]
        done = f", {len(work.finished)} already done" if work.finished else ""
        lines.append(f"{work.task.title}: {why}{hours} = {work.total} requests{done}; prompt {work.prompt.name}")
        lines.extend(f"  note: {note}" for note in data.notes)
        if work.task.protocol == "realtime" and not prepared.options.asr:
            lines.append("  note: spoken answers are scored once --asr MODEL has written them down")
    lines.extend(f"  note: {note}" for note in [*retiring(prepared.model), *earlier(prepared)])
    lines.append(
        f"model {prepared.model.name}: {prepared.total - prepared.finished} requests to send -> {prepared.folder}"
    )
    return lines


def retiring(model: ModelSpec) -> list[str]:
    """A warning for a model that its provider will soon take away."""
    if model.retires_on is None or (model.retires_on - date.today()).days > RETIREMENT_WARNING_DAYS:
        return []
    return [f"model {model.name} retires on {model.retires_on}; afterwards another model may answer under its name"]


def earlier(prepared: Prepared) -> list[str]:
    """What people should know of the run that the directory holds already."""
    existing = prepared.folder / "run.json"
    if not existing.is_file():
        return []
    notes = []
    urls = results.read_json(existing).get("base_urls", [])
    if prepared.finished and prepared.options.base_urls and urls != prepared.options.base_urls:
        notes.append(f"{prepared.finished} answers came from {', '.join(urls) or 'elsewhere'} and are kept as they are")
    for work in prepared.works:
        plan = work.folder / "plan.json"
        before = set(results.read_json(plan).get("ids", [])) if plan.is_file() else set()
        left = len(before - {sample.id for sample in work.samples})
        if left:
            notes.append(
                f"{work.task.task}: {left} samples of the earlier start are not asked for now; tables leave them out"
            )
        if work.stale:
            notes.append(
                f"{work.task.task}: {len(work.stale)} answers were given to another request and are asked again"
            )
    return notes


def execute(prepared: Prepared) -> RunResult:
    """Ask what is open, then judge and summarise. The journals make this safe to repeat at any point."""
    options = prepared.options
    lock = journal.RunLock(prepared.folder)
    try:
        for work in prepared.works:
            work.mark_finished()  # again: another start may have answered some in the meantime
        ending = Ending()
        write_plans(prepared)
        tally = Tally(prepared.total, prepared.finished)
        if prepared.finished < prepared.total:
            if not options.batch:
                no_open_batch(prepared.folder)
            with endpoints(prepared.model, options.base_urls) as base_urls:
                adapter = adapter_for(prepared.model, base_urls, options.timeout, prepared.folder / "answers")
                tally.started = time.monotonic()
                with Progress(tally, quiet=options.quiet) as progress:
                    ending = asyncio.run(_drive(prepared, adapter, tally, progress))
        if options.asr and ending.exit_code is ExitCode.OK:
            from audiobench.speech.transcribe import transcribe_run

            ending = transcribe_run(prepared.works, options)
        if options.judge and ending.exit_code is ExitCode.OK:
            from audiobench.runner.judge import judge_run

            ending = judge_run(prepared.works, options)
        summaries = write_summaries(prepared, ending)
    finally:
        lock.release()
    if tally.priced and ending.reason and options.max_cost is not None:
        ending.reason += f"; ${tally.dollars:.2f} spent by this command"
    code = ending.exit_code if ending.exit_code is not ExitCode.OK else completeness(summaries)
    return RunResult(prepared.folder, code, ending.reason, summaries, tally)


@contextlib.contextmanager
def endpoints(model: ModelSpec, base_urls: Sequence[str]) -> Iterator[Sequence[str]]:
    """Where the model answers: the given servers, else one of our own for a model file that says how to serve it.

    Raises:
        UsageError: no GPU fits, with what is needed, what is there and what else can be done.
    """
    if base_urls or model.serve is None or model.base_url is not None or model.adapter != "openai_chat":
        yield base_urls
        return
    from model_adapters import launch

    with launch.serve(model) as server:
        yield [server.base_url]


def adapter_for(model: ModelSpec, base_urls: Sequence[str], timeout: float, answers: Path | None = None) -> Adapter:
    """The model's adapter: one endpoint, or a pool of them. Adapters that answer in audio keep it under `answers`."""
    adapters = [build_adapter(model, base_url=url, timeout=timeout) for url in base_urls or [None]]
    for adapter in adapters:
        if hasattr(adapter, "audio_folder"):
            adapter.audio_folder = answers  # type: ignore[attr-defined]
    if len(adapters) > 1:
        from model_adapters.pool import EndpointPool

        return EndpointPool(adapters)
    return adapters[0]


def no_open_batch(folder: Path) -> None:
    """Raise UsageError when batch jobs of an earlier start may still bring what would be asked anew."""
    if not (folder / "batch").is_dir():
        return
    from audiobench.batch.jobs import jobs

    waiting = [job.name for job in jobs(folder) if job.is_open]
    if waiting:
        raise UsageError(f"{folder}: batch jobs are open ({', '.join(waiting)}); add --batch to collect their answers")


async def _drive(prepared: Prepared, adapter: Adapter, tally: Tally, progress: Progress) -> Ending:
    options, model = prepared.options, prepared.model
    maximum = options.max_concurrency or model.max_concurrency or DEFAULT_MAX_CONCURRENCY
    gate = Concurrency(maximum, adaptive=options.max_concurrency is None)
    policy = RetryPolicy(attempts=options.attempts, attempt_seconds=options.timeout)

    def observe(work: TaskWork, record: dict[str, Any]) -> None:
        result = outcome(record, work.task)
        if result.detail.get("message") in (NOT_JUDGED, NOT_TRANSCRIBED):
            result = Outcome("scored")
        tally.add(result, record["attempts"], cost.of_record(record, model))
        progress.update()

    def over_budget() -> str | None:
        if options.max_cost is not None and tally.dollars >= options.max_cost:
            return f"--max-cost {options.max_cost:g}: reached; what was on the wire was still paid for"
        return None

    if options.batch:
        from audiobench.batch.run import BatchRun

        batch = BatchRun(
            adapter, prepared.works, prepared.folder, run_name(model, options), observe,
            poll_seconds=options.batch_poll, allow_other_model=options.allow_other_model, quiet=options.quiet,
        )  # fmt: skip
        return await batch.run()
    gc.freeze()  # the plan lives to the end: no need to look through it again and again
    engine = Engine(adapter, prepared.works, gate, policy, observe, stop_when=over_budget)
    engine.allow_other_model = options.allow_other_model
    return await engine.run()


def write_plans(prepared: Prepared) -> None:
    """run.json and each task's plan.json."""
    options, model = prepared.options, prepared.model
    for work in prepared.works:
        data = prepared.datasets[work.task.task]
        parts = work.task.fingerprint(work.prompt, fingerprint_extra(work.task, data))
        journal.write_json(
            work.folder / "plan.json",
            {
                "task": work.task.model_dump(mode="json", by_alias=True),
                "prompt": work.prompt.model_dump(mode="json"),
                "ids": [sample.id for sample in work.samples],
                "conditions": [condition.as_dict() for condition in work.conditions],
                "epochs": work.epochs,
                "shard": list(options.shard) if options.shard else None,
                "seed": work.seed,
                "overrides": dict(work.overrides),
                "dataset": {
                    "source": data.source, "revision": data.revision, "form": data.form, "rows": data.total,
                    "content_sha256": data.content_sha256, "notes": list(data.notes),
                },
                "fingerprint": parts,
            },
        )  # fmt: skip
    existing = prepared.folder / "run.json"
    created = results.read_json(existing).get("created") if existing.is_file() else time.time()
    journal.write_json(
        existing,
        {
            "schema_version": results.SCHEMA_VERSION,
            "run_id": hashlib.sha256(str(prepared.folder.resolve()).encode() + str(created).encode()).hexdigest()[:16],
            "created": created,
            "updated": time.time(),
            "versions": {"audiobench": audiobench.__version__, "python": platform.python_version()},
            "model": {**model.model_dump(mode="json"), "sha256": model.sha256()},
            "tasks": [work.task.task for work in prepared.works],
            "base_urls": options.base_urls,
            "command": options.command,
            "host": {"system": platform.system(), "machine": platform.machine(), "release": platform.release()},
        },
    )


def fingerprint_extra(task: TaskSpec, data: dataset.Dataset) -> dict[str, str]:
    """Fingerprint parts that the task file alone does not know."""
    return {
        "scorer_version": f"{task.scorer}@{scorer_of(task.scorer).version}",
        "extraction_version": EXTRACTION_VERSION,
        "revision": data.revision or "",
    }


def write_summaries(prepared: Prepared, ending: Ending) -> list[dict[str, Any]]:
    """summary.json of each task, from the journals alone."""
    run = results.Run.open(prepared.folder)
    summaries = []
    for work in prepared.works:
        entries = results.summarise(run.tasks[work.task.task])
        journal.write_json(work.folder / "summary.json", entries)
        summaries.extend(entries)
        if work.task.answers_withheld:
            from audiobench.report.submission import write_submission

            write_submission(run.tasks[work.task.task])
    if ending.served_models:
        journal.write_json(prepared.folder / "run.json", {**run.info, "served_models": ending.served_models})
    return summaries


def completeness(summaries: Sequence[Mapping[str, Any]]) -> ExitCode:
    """OK when every request of every condition got a response."""
    incomplete = any(entry["counts"][kind] for entry in summaries for kind in ("error", "invalid_audio", "missing"))
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK


def command_line() -> list[str]:
    """This process's command, as a user would type it again."""
    return ["audiobench", *sys.argv[1:]]
