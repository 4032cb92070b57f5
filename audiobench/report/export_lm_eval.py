"""A run as lm-eval's own files, so that tools which read lm-eval's output read ours (format of lm-eval 0.4.13).

    OUT/<model>/results_<time>.json             one a condition: results, configs, versions, n-samples, ...
    OUT/<model>/samples_<task>_<time>.jsonl     one line a sample: doc, arguments, resps, filtered_resps, metrics, hashes

A run of several conditions makes one model folder for each, named `<model> <condition>`. lm-eval knows no failed
requests: samples without a response are left out and `n-samples` says how many were kept. Unparsed answers are there,
with an empty filtered response, and count as wrong. Audio is named by path and sha256, never copied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any

import orjson

import audiobench
from audiobench.core.disk import write_json, write_whole
from audiobench.core.errors import UsageError
from audiobench.core.types import Condition
from audiobench.files.records import Record
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.score import metric_of
from audiobench.results.summary import summarise_condition
from audiobench.scorers.metrics import Mean, Metric

FILTER = "none"


def write_lm_eval(out: Path, runs: Sequence[Run], tasks: Sequence[str] | None = None) -> list[Path]:
    """Write the files of every run; returns the paths of the results files.

    Raises:
        UsageError: there is nothing to write.
    """
    written: list[Path] = []
    for run in runs:
        chosen = {name: task_run for name, task_run in run.tasks.items() if tasks is None or name in tasks}
        conditions = list(dict.fromkeys(c.label for task_run in chosen.values() for c in task_run.conditions))
        for label in conditions:
            name = run.title if len(conditions) == 1 else f"{run.title} {label}"
            path = _write_condition(out, run, chosen, label, name)
            written += [path] if path else []
    if not written:
        raise UsageError(f"{', '.join(str(run.folder) for run in runs)}: no scored samples to export")
    return written


def sanitize(name: str) -> str:
    """A model's name as lm-eval writes it in paths."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name)


def stamp(run: Run) -> str:
    """The run's time as lm-eval writes it in file names: ISO, colons as dashes."""
    return datetime.fromtimestamp(run.info.moment, UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")


def _write_condition(out: Path, run: Run, tasks: Mapping[str, TaskRun], label: str, name: str) -> Path | None:
    folder, time = out / sanitize(name), stamp(run)
    results: dict[str, Any] = {
        "results": {}, "group_subtasks": {}, "configs": {}, "versions": {}, "n-shot": {}, "higher_is_better": {},
        "n-samples": {},
    }  # fmt: skip
    hashes: dict[str, str] = {}
    for task, task_run in tasks.items():
        condition = next((c for c in task_run.conditions if c.label == label), None)
        if condition is None or task_run.task.answers_withheld:
            continue
        group = list(task_run.scored(condition))
        lines = _samples(task_run, group)
        if not lines:
            continue
        write_whole(
            folder / f"samples_{task}_{time}.jsonl",
            b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines),
        )
        hashes[task] = _hash("".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines))
        _add_task(results, task, task_run, condition, group, lines)
    if not results["results"]:
        return None
    path = folder / f"results_{time}.json"
    write_json(path, {**results, **_about(run, name, label), "task_hashes": hashes})
    return path


def _add_task(
    results: dict[str, Any], task: str, task_run: TaskRun, condition: Condition, group: Sequence[Scored],
    lines: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    spec, plan = task_run.task, task_run.plan
    entry = summarise_condition(task_run, condition, group)
    metric, value = next(iter(entry.metrics.items()))
    made = metric_of(spec)
    better, pooled = made.higher_is_better, "mean" if isinstance(made, Mean) else made.name
    results["results"][task] = {
        "name": task, "alias": spec.title, "sample_len": len(lines), f"{metric},{FILTER}": value.value,
        f"{metric}_stderr,{FILTER}": _stderr(made, [line[metric] for line in lines]),
    }  # fmt: skip
    results["group_subtasks"][task] = []
    results["configs"][task] = {
        "task": task, "dataset_path": spec.dataset_path, "dataset_name": spec.dataset_name,
        "test_split": spec.test_split, "doc_to_text": plan.prompt.get("text"),
        "doc_to_target": spec.doc_to_target, "output_type": "generate_until", "num_fewshot": spec.num_fewshot,
        "repeats": task_run.epochs, "generation_kwargs": {**spec.generation_kwargs, **plan.overrides},
        "metric_list": [{"metric": metric, "aggregation": pooled, "higher_is_better": better}],
        "metadata": {"audiobench": {"condition": condition.as_dict(), "fingerprint": entry.fingerprint,
                                    "counts": entry.counts, "ci": value.ci, "chance": entry.chance}},
    }  # fmt: skip
    results["versions"][task] = spec.metadata.get("version", 1.0)
    results["n-shot"][task] = spec.num_fewshot
    results["higher_is_better"][task] = {metric: better}
    total = (plan.dataset and plan.dataset.rows) or len(plan.ids)
    results["n-samples"][task] = {"original": total, "effective": len(lines)}


def _stderr(metric: Metric, values: Sequence[float]) -> float | str:
    """Of the mean, as lm-eval computes it (the interval under `configs` is the better one); N/A for what is no mean."""
    n = len(values)
    if not isinstance(metric, Mean) or n < 2:
        return "N/A"
    mean = sum(values) / n
    return sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)


def _samples(task_run: TaskRun, group: Sequence[Scored]) -> list[dict[str, Any]]:
    """One line a sample; epochs are lm-eval's repeats, their values averaged."""
    metric = metric_of(task_run.task).name
    by_id: dict[str, list[Scored]] = {}
    for scored in group:
        if scored.outcome.value is not None:
            by_id.setdefault(scored.id, []).append(scored)
    kwargs = {**task_run.task.generation_kwargs, **task_run.plan.overrides}
    lines: list[dict[str, Any]] = []
    for number, sample in enumerate(task_run.plan.ids):
        found = sorted(by_id.get(sample, ()), key=lambda scored: scored.epoch)
        if not found:
            continue
        record = found[0].record
        shown = record.sample
        assert shown is not None  # it has a response
        doc = {
            "id": sample, "question": shown.question, "choices": shown.choices, "target": shown.target,
            **shown.metadata,
        }  # fmt: skip
        prompt = _prompt(record)
        audio = [{"path": clip.path, "sha256": clip.sha256} for clip in record.audio]
        text = shown.target if isinstance(shown.target, str) else orjson.dumps(shown.target).decode()
        lines.append(
            {
                "doc_id": number, "doc": doc, "target": text,
                "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": kwargs, "arg_2": {"audio": audio}}},
                "resps": [[scored.record.text for scored in found]],
                "filtered_resps": [scored.outcome.answer or "" for scored in found], "filter": FILTER,
                "metrics": [metric], "doc_hash": _hash(orjson.dumps(doc, option=orjson.OPT_SORT_KEYS).decode()),
                "prompt_hash": _hash(prompt), "target_hash": _hash(text),
                metric: sum(scored.outcome.value or 0.0 for scored in found) / len(found),
                "outcomes": [scored.outcome.status for scored in found],
                "reasoning": [scored.record.response and scored.record.response.reasoning for scored in found],
            }
        )  # fmt: skip
    return lines


def _prompt(record: Record) -> str:
    """The turns as text, `<audio>` where a clip stands."""
    turns: list[str] = []
    for turn in record.prompt:
        parts = [part if isinstance(part, str) else "<audio>" for part in turn.parts]
        turns.append("\n".join(parts))
    return "\n".join(turns)


def _about(run: Run, name: str, label: str) -> dict[str, Any]:
    model = run.info.model
    return {
        "config": {
            "model": "audiobench", "model_args": f"model={run.model},{label.replace(' ', ',')}",
            "model_sha": model.sha256, "batch_size": None, "batch_sizes": [], "device": None, "use_cache": None,
            "limit": None, "bootstrap_iters": 0, "gen_kwargs": {}, "random_seed": 0, "numpy_seed": 0, "torch_seed": 0,
            "fewshot_seed": 0,
        },
        "git_hash": None, "date": run.info.created, "model_source": "audiobench", "model_name": name,
        "model_name_sanitized": sanitize(name), "system_instruction": model.declared.get("system"),
        "system_instruction_sha": None, "fewshot_as_multiturn": None, "chat_template": None, "chat_template_sha": None,
        "total_evaluation_time_seconds": str((run.info.updated or 0) - (run.info.created or 0)),
        "audiobench_version": audiobench.__version__,
    }  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
