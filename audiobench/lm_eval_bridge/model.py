"""`--model audiobench`: every adapter and declared model of audiobench as a model class of lm-eval.

    lm_eval --model audiobench --model_args model=step-audio-r1,base_url=http://127.0.0.1:8000/v1,think=on ...

The answers are asked for by audiobench's own runner: concurrency, retries, audio, thinking, and a journal that makes
the run a run directory like any other (`audiobench report`, `view`, `ablate` work on it) and lets it resume.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CacheHook
from msgspec.structs import replace

import audiobench
from audiobench.ask import fitting, prepare, run_folder
from audiobench.ask.plan_lines import plan_lines
from audiobench.ask.resolve import Resolved
from audiobench.ask.run import execute
from audiobench.ask.work import TaskWork
from audiobench.core.errors import ExitCode, IncompleteError, UsageError
from audiobench.core.limits import ATTEMPTS, TIMEOUT_SECONDS
from audiobench.data import Dataset
from audiobench.files import run_info
from audiobench.files.run_spec import RunSpec
from audiobench.lm_eval_bridge.contexts import Reply, Turns
from audiobench.lm_eval_bridge.foreign import ForeignWork, foreign_work
from audiobench.lm_eval_bridge.task import AudioBenchTask, Context
from audiobench.model import think
from audiobench.model.registry import find_model, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results import runs as results
from audiobench.results.score import scorer_of


class AudiobenchLM(LM):
    """A model of audiobench.

    Args:
        model: what `audiobench run --model` takes: a declared name, a YAML, `adapter:served-name`, `FILE.py:Class`.
        base_url: server, or several (a list, or separated by `+`).
        think: off | on | default | budget:N.
        seed: base seed of generation; a task of ours takes the same from `--model_args`.
        prompt: which of the task's prompts (tasks of ours only).
        judge, judge_base_url: text model for tasks that need a judge (tasks of ours only).
        max_concurrency: fixed number of requests at once (default: adaptive).
        timeout: seconds of one call.
        attempts: calls a request may take.
        allow_approx: allow think modes that the model has only approximately.
        out: run directory (default: results/<model>/<run>, the one of `audiobench run` with the same options).
        lm_eval: what lm-eval hands to every model class (batch_size, device, ...); it has no meaning here.

    Raises:
        UsageError: no such model, an unknown argument, or the model does not have the think mode.
    """

    MULTIMODAL = True
    tokenizer_name = ""

    def __init__(
        self,
        model: str,
        base_url: str | Sequence[str] | None = None,
        think: str = "default",
        seed: int = 0,
        prompt: str | None = None,
        judge: str | None = None,
        judge_base_url: str | None = None,
        max_concurrency: int | None = None,
        timeout: float = TIMEOUT_SECONDS,
        attempts: int = ATTEMPTS,
        allow_approx: bool = False,
        out: str | None = None,
        **lm_eval: Any,
    ) -> None:
        super().__init__()
        unknown = lm_eval.keys() - {"batch_size", "max_batch_size", "device", "trust_remote_code"}
        if unknown:
            raise UsageError(f"--model_args {', '.join(sorted(unknown))}: allowed: {', '.join(_arguments())}")
        urls = base_url.split("+") if isinstance(base_url, str) else list(base_url or ())
        self.spec = find_model(str(model), base_url=urls[0] if urls else None)
        self.plan = _plan(self.spec, str(think), allow_approx)
        self.options = RunSpec(
            model=str(model),
            tasks=[],
            prompt=prompt,
            think=[str(think)],
            base_url=urls,
            max_concurrency=max_concurrency,
            out=Path(out) if out else None,
            judge=judge,
            judge_base_url=judge_base_url,
            seed=int(seed),
            allow_approx=allow_approx,
            attempts=int(attempts),
            timeout=float(timeout),
        )

    def get_model_info(self) -> dict[str, Any]:
        """What lm-eval's results file says of the model."""
        info = {"version": audiobench.__version__, "model": self.spec.name, "model_sha256": sha256_of(self.spec)}
        return {"audiobench": {**info, "think": self.plan.asked, "think_effective": self.plan.effective}}

    def set_cache_hook(self, cache_hook: CacheHook) -> None:
        """Refuse a `--use_cache` file of another model: its keys do not say whose answers it holds.

        Raises:
            UsageError: the file was written by another model, or with another think mode, seed or prompt.
        """
        super().set_cache_hook(cache_hook)
        if cache_hook.dbdict is None:
            return
        options = self.options
        mine = f"{sha256_of(self.spec)} think={self.plan.asked} seed={options.seed} prompt={options.prompt}"
        if len(cache_hook.dbdict) == 0:
            cache_hook.dbdict["audiobench"] = mine
        elif cache_hook.dbdict.get("audiobench") != mine:
            raise UsageError(
                f"--use_cache {cache_hook.dbdict.filename}: it holds another model's answers, or another think mode's, "
                "seed's or prompt's; leave it out (the journal keeps what is answered) or name another file"
            )

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The turns as they are: adapters send chats."""
        del add_generation_prompt
        return Turns(orjson.dumps(chat_history).decode())

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Not available."""
        raise NotImplementedError(
            f"task {requests[0].task_name} compares log-likelihoods; audiobench's adapters generate text"
        )

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Not available."""
        raise NotImplementedError(
            f"task {requests[0].task_name} needs log-likelihoods; audiobench's adapters generate text"
        )

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """One text for each request; texts for our own tasks carry their outcome.

        Raises:
            IncompleteError: some requests have no response (lm-eval has no way to leave them out); what is answered
                stays in the journal, so that the same command resumes.
        """
        options = replace(self.options, quiet=disable_tqdm)
        replies: dict[int, list[str]] = {}
        ours: dict[str, tuple[AudioBenchTask, list[Instance]]] = {}
        others: dict[str, list[Instance]] = {}
        for request in requests:
            context, generation = request.args[:2]
            if isinstance(context, Context):
                task = context.task
                # tasks whose generation was changed in different ways make different runs
                ours.setdefault(f"{task.spec.task} {_sorted(task.overrides)}", (task, []))[1].append(request)
            else:
                others.setdefault(f"{request.task_name} {_sorted(generation)}", []).append(request)
        for overrides, group in _by_overrides(ours.values()):
            replies.update(self._ask_ours(replace(options, gen=overrides), group))
        for group in others.values():
            replies.update(self._ask_other(options, group))
        return [replies[id(request)].pop(0) for request in requests]  # a repeated request stands here several times

    def _ask_ours(self, options: RunSpec, group: list[tuple[AudioBenchTask, list[Instance]]]) -> dict[int, list[str]]:
        """Tasks of ours, as `audiobench run` asks them."""
        if self.spec.text_only:
            raise UsageError(f"model {self.spec.name} takes text only; use `audiobench run --audio none,transcript`")
        folder = run_folder.run_folder(self.spec, options)
        works: list[TaskWork] = []
        datasets: dict[str, Dataset] = {}
        starts: list[run_info.Start] = []
        protocols = fitting.find_protocols(self.spec, options)
        resolved = Resolved(self.spec, {self.plan.asked: self.plan}, protocols, [])
        for task, requests in group:
            scorer = scorer_of(task.spec)
            if scorer.judge is not None and options.judge is None:
                raise UsageError(f"task {task.spec.task} needs a judge: add judge=MODEL to --model_args")
            fitting.check_task(task.spec, task.file)
            samples = [task.samples[request.args[0].sample_id] for request in requests]
            works.append(prepare.task_work(options, resolved, task.spec, samples, folder, pool=task.data.pool))
            datasets[task.spec.task] = task.data
            ids = [sample.id for sample in samples] if len(samples) < len(task.samples) else None
            starts.append(run_info.start(replace(options, ids=ids), {task.spec.task: str(task.file)}))
        _run(prepare.ready(prepare.Prepared(options, self.spec, works, datasets, folder, starts)))
        replies: dict[int, list[str]] = {}
        run = results.Run.open(folder)
        for task, requests in group:
            by_id = {scored.id: scored for scored in run.tasks[task.spec.task].scored()}
            for request in requests:
                scored = by_id[request.args[0].sample_id]
                reply = Reply(scored.record.text)
                reply.outcome = scored.outcome
                replies[id(request)] = [reply]
        return replies

    def _ask_other(self, options: RunSpec, requests: list[Instance]) -> dict[int, list[str]]:
        """A task of lm-eval's own kind: a text with `<audio>` where the clips go, and the clips."""
        folder = run_folder.run_folder(self.spec, options)
        work, data = foreign_work(requests, folder, self.spec, self.plan, options.seed)
        _run(prepare.ready(prepare.Prepared(options, self.spec, [work], {work.task.task: data}, folder, [])))
        texts: dict[tuple[str, int], str] = {}
        for scored in results.Run.open(folder).tasks[work.task.task].scored():
            texts[scored.id, scored.epoch] = scored.record.text
        return {
            id(request): [texts[ForeignWork.sample_id(request), epoch] for epoch in range(work.epochs)]
            for request in requests
        }


def _arguments() -> list[str]:
    names = inspect.signature(AudiobenchLM.__init__).parameters
    return [name for name in names if name not in ("self", "lm_eval")]


def _plan(spec: ModelSpec, asked: str, allow_approx: bool) -> think.ThinkPlan:
    return think.resolve(spec, asked, allow_approx=allow_approx)


def _sorted(value: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()


def _by_overrides(
    tasks: Iterable[tuple[AudioBenchTask, list[Instance]]],
) -> Iterator[tuple[dict[str, Any], list[tuple[AudioBenchTask, list[Instance]]]]]:
    groups: dict[str, list[tuple[AudioBenchTask, list[Instance]]]] = {}
    for task, requests in tasks:
        groups.setdefault(_sorted(task.overrides), []).append((task, requests))
    for group in groups.values():
        yield group[0][0].overrides, group


def _run(prepared: prepare.Prepared) -> None:
    """Ask what the journals do not answer yet."""
    if not prepared.options.quiet:
        print("\n".join(plan_lines(prepared)), file=sys.stderr)
    result = execute(prepared)
    if result.exit_code is ExitCode.OK:
        return
    open_ = sum(entry.failed for entry in result.summaries)
    why = f" ({result.reason})" if result.reason else ""
    error = IncompleteError(
        f"{open_} of {prepared.total} requests have no response{why}; lm-eval cannot leave samples out. What is "
        f"answered stays in {prepared.folder}: rerun the command to resume"
    )
    error.exit_code = result.exit_code
    raise error
