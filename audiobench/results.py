"""From journals to numbers: a run directory, and the summary of each task and condition.

<run>/run.json                what the run was made with
<run>/<task>/plan.json        what was asked for (ids, conditions, epochs, task, fingerprint parts)
<run>/<task>/samples.jsonl    the journal: what happened
<run>/<task>/judgements.jsonl what a judge said, for judged tasks
<run>/<task>/transcripts.jsonl what a recogniser heard in spoken answers (<run>/answers/*.wav)
<run>/<task>/summary.json     what came out, a pure function of the three above
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf
from pathlib import Path
from typing import Any

import orjson

from audiobench import journal
from audiobench.errors import UsageError
from audiobench.score import outcome, sample_of, scorer_of
from audiobench.scorers import official_verdicts
from audiobench.speech.heard import heard
from audiobench.statistics import intervals
from audiobench.task.spec import TaskSpec
from audiobench.types import LETTERS, STATUSES, Answer, Condition, Outcome, Sample
from model_adapters.spec import ModelSpec

SCHEMA_VERSION = 1
MOST_REASONS = 5
"""Different error messages that a summary keeps, the commonest first."""
SHARES = ("acc", "rubric")
"""Metrics whose sample values lie in [0, 1] and whose mean is the score."""
ERROR_RATES = ("wer", "cer")
"""Metrics that are a ratio of pooled counts: a mean of per-sample rates would be another number."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One journal record with its outcome."""

    record: Mapping[str, Any]
    outcome: Outcome

    @property
    def id(self) -> str:
        """The sample's id."""
        return self.record["id"]

    @property
    def condition(self) -> Condition:
        """How it was asked."""
        return Condition(**self.record["condition"])

    @property
    def epoch(self) -> int:
        """Which repetition."""
        return self.record["epoch"]

    @property
    def sample(self) -> Sample:
        """The item, as it was shown."""
        return sample_of(self.record)


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task of a run directory."""

    folder: Path
    plan: Mapping[str, Any]
    task: TaskSpec

    @property
    def conditions(self) -> list[Condition]:
        """The conditions that were asked for, in order."""
        return [Condition(**condition) for condition in self.plan["conditions"]]

    @property
    def epochs(self) -> int:
        """Repetitions a condition."""
        return self.plan["epochs"]

    def asked(self, condition: Condition) -> list[str]:
        """Ids of the samples that the plan asks under this condition: those with so many option orders."""
        fewer = self.plan.get("fewer_orders", {})
        return [sample for sample in self.plan["ids"] if condition.option_order < fewer.get(sample, inf)]

    def judgements(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Judge verdicts by sample id and journal key; a later line wins."""
        return {(line["id"], line["key"]): line for line in journal.read(self.folder / "judgements.jsonl")}

    def transcripts(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """What a recogniser heard in spoken answers, by sample id and journal key; a later line wins."""
        if self.task.protocol != "realtime":
            return {}
        return {(line["id"], line["key"]): line for line in journal.read(self.folder / "transcripts.jsonl")}

    def scored(self, condition: Condition | None = None) -> Iterator[Scored]:
        """Every record that the plan asks for, with its outcome; spoken answers as a recogniser heard them."""
        judgements, transcripts = self.judgements(), self.transcripts()
        for record in self.records(condition):
            if transcripts:
                record = heard(record, transcripts.get((record["id"], record["key"])))
            yield Scored(record, outcome(record, self.task, judgements))

    def records(self, condition: Condition | None = None) -> Iterator[Mapping[str, Any]]:
        """Every record that the plan asks for; a later line of the same slot wins, and a stale one takes it back."""
        asked, epochs = {how: set(self.asked(how)) for how in self.conditions}, self.epochs
        latest: dict[tuple[str, Condition, int], Mapping[str, Any]] = {}
        for record in journal.read(self.folder / "samples.jsonl"):
            how = Condition(**record["condition"])
            if record["id"] not in asked.get(how, ()) or record["epoch"] >= epochs:
                continue
            if condition is not None and how != condition:
                continue
            slot = (record["id"], how, record["epoch"])
            if record.get("stale"):
                latest.pop(slot, None)
            else:
                latest[slot] = record
        yield from latest.values()


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory, read.

    Raises:
        UsageError: `folder` is not one.
    """

    folder: Path
    info: Mapping[str, Any]
    tasks: Mapping[str, TaskRun]

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read `run.json` and the plans."""
        info = read_json(folder / "run.json", f"{folder}: not a run directory (no run.json)")
        tasks = {}
        for path in sorted(folder.glob("*/plan.json")):
            plan = read_json(path)
            try:
                tasks[path.parent.name] = TaskRun(path.parent, plan, TaskSpec.model_validate(plan["task"]))
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(f"{path}: not a plan of this version: {error}") from error
        return cls(folder, info, tasks)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.info["model"]["name"]

    @property
    def spec(self) -> ModelSpec:
        """The model as it was declared then."""
        return ModelSpec.model_validate({k: v for k, v in self.info["model"].items() if k != "sha256"})

    def summaries(self) -> list[dict[str, Any]]:
        """Every task's and condition's summary, made anew from the journals."""
        return [entry for task_run in self.tasks.values() for entry in summarise(task_run)]


def read_json(path: Path, missing: str | None = None) -> Any:
    """A JSON file.

    Raises:
        UsageError: missing or not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(missing or f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """Every run directory at or under `paths`.

    Raises:
        UsageError: there is none.
    """
    folders = list(dict.fromkeys(file.parent for path in paths for file in sorted(path.rglob("run.json"))))
    if not folders:
        raise UsageError(f"{', '.join(map(str, paths))}: no run found (no run.json at or below)")
    return [Run.open(folder) for folder in folders]


def summarise(task_run: TaskRun) -> list[dict[str, Any]]:
    """One summary entry for each condition of a task (the format is in docs/design.md)."""
    by_condition: dict[Condition, list[Scored]] = {condition: [] for condition in task_run.conditions}
    for scored in task_run.scored():
        by_condition[scored.condition].append(scored)
    return [summarise_condition(task_run, condition, group) for condition, group in by_condition.items()]


def summarise_condition(task_run: TaskRun, condition: Condition, group: Sequence[Scored]) -> dict[str, Any]:
    """The summary entry of one condition."""
    task, plan = task_run.task, task_run.plan
    asked = len(task_run.asked(condition))
    expected = asked * task_run.epochs
    counts = {status: 0 for status in STATUSES}
    for scored in group:
        counts[scored.outcome.status] += 1
    responded = [scored for scored in group if scored.outcome.value is not None]
    reasons = Counter(s.outcome.detail["message"] for s in group if "message" in s.outcome.detail)
    entry: dict[str, Any] = {
        "task": task.task,
        "condition": {**condition.as_dict(), "epochs": task_run.epochs},
        "n": asked,
        "counts": {**counts, "missing": expected - len(group)},
        "errors": [{"message": message, "n": n} for message, n in reasons.most_common(MOST_REASONS)],
        "coverage": (len(group) - counts["error"] - counts["invalid_audio"]) / expected if expected else 0.0,
        "metrics": {},
        "chance": chance(task, group),
        "usage": total_usage(group),
        "latency": latency(group),
        "fingerprint": fingerprint(plan, group),
    }
    effective = {s.record["response"].get("think_effective") for s in group if s.record.get("response")} - {None}
    if effective:
        entry["think_effective"] = sorted(effective)
    if task.answers_withheld:
        return entry
    main = metric(task, responded, task_run.epochs)
    entry["metrics"] = {task.metric_list[0].metric: main}
    entry["bounds"] = bounds(task, group, expected, main["value"])
    entry["official"] = official(task, group)
    entry["breakdown"] = breakdown(task, responded, task_run.epochs)
    if task.protocol == "realtime":
        from audiobench.speech.summary import speech

        entry["speech"] = speech(task, group, task_run.epochs)
    return entry


def metric(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, Any]:
    """The task's metric over everything that got a response: value, 95 % interval, n (samples).

    Epochs are averaged per sample first; samples that share a clip are one cluster.
    """
    scorer = scorer_of(task.scorer)
    by_sample: dict[str, list[Scored]] = {}
    for scored in responded:
        by_sample.setdefault(scored.id, []).append(scored)
    if not by_sample:
        return {"value": None, "ci": [None, None], "interval": "none", "n": 0}
    clusters = _clusters(by_sample)
    everything = [s.outcome for group in by_sample.values() for s in group]
    if scorer.metric in ERROR_RATES:
        keys = [(clusters or {}).get(s.id, s.id) for group in by_sample.values() for s in group]
        errors = [o.detail["sub"] + o.detail["del"] + o.detail["ins"] for o in everything]
        lengths = [o.detail["ref"] for o in everything]
        value = sum(errors) / sum(lengths) if sum(lengths) else None
        interval = intervals.ratio(errors, lengths, clusters=keys)
    elif scorer.aggregate is not None:
        value = scorer.aggregate([_number(o.value) for o in everything], [o.detail for o in everything])
        interval = intervals.UNKNOWN
    else:
        values = [fsum(_number(s.outcome.value) for s in group) / len(group) for group in by_sample.values()]
        value = fsum(values) / len(values)
        keys = [clusters[sample] for sample in by_sample] if clusters else None
        bounded = scorer.metric in SHARES
        interval = intervals.proportion(values, keys, epochs=epochs) if bounded else intervals.mean(values, keys)
    return {
        "value": value,
        "ci": [interval.low, interval.high] if interval.method != "none" else [None, None],
        "interval": interval.method,
        "n": len(by_sample),
    }


def _number(value: float | None) -> float:
    return 0.0 if value is None else value


def _clusters(by_sample: Mapping[str, Sequence[Scored]]) -> dict[str, str] | None:
    """Sample id -> cluster, or None when no two samples share one."""
    keys = {sample: group[0].record["sample"]["cluster"] or f"id:{sample}" for sample, group in by_sample.items()}
    return keys if len(set(keys.values())) < len(keys) else None


def bounds(task: TaskSpec, group: Sequence[Scored], expected: int, value: float | None) -> dict[str, Any]:
    """The score if every request without a response were wrong, and without them."""
    if value is None or scorer_of(task.scorer).metric not in SHARES:
        return {"errors_wrong": None, "errors_excluded": value}
    total = fsum(_number(s.outcome.value) for s in group)
    return {"errors_wrong": total / expected if expected else None, "errors_excluded": value}


def official(task: TaskSpec, group: Sequence[Scored]) -> dict[str, Any] | None:
    """The official scorer's own number, with its own denominator."""
    scorer = scorer_of(task.scorer)
    if scorer.official is None or scorer.official_summary is None:
        return None
    answered = [s for s in group if s.record.get("response")]
    samples = [s.sample for s in answered]
    verdicts = official_verdicts(scorer, [s.record["response"]["text"] for s in answered], samples)
    summary = {"scorer": f"{scorer.name}@{scorer.version}", **scorer.official_summary(verdicts, samples)}
    if scorer.official_extracted is not None:
        mapped = [scorer.official_extracted(_extracted(s), s.sample) for s in answered]
        summary["on_extracted"] = scorer.official_summary(mapped, samples)["value"]
    return summary


def _extracted(scored: Scored) -> Answer:
    """The extracted answer again, from what the outcome shows of it."""
    shown, sample = scored.outcome.answer, scored.sample
    if shown is None:
        return Answer(None)
    letter = shown.split(". ", 1)[0]
    index = LETTERS.find(letter) if sample.choices and len(letter) == 1 else None
    return Answer(letter if index is not None else shown, scored.outcome.rule, index)


def breakdown(task: TaskSpec, responded: Sequence[Scored], epochs: int) -> dict[str, Any]:
    """The metric by each breakdown column: {column: {label: {n, value, ci}}}."""
    tables: dict[str, Any] = {}
    for column in task.breakdown:
        groups: dict[str, list[Scored]] = {}
        for scored in responded:
            label = scored.record["sample"]["metadata"].get(column)
            groups.setdefault("(none)" if label is None else str(label), []).append(scored)
        tables[column] = {label: metric(task, group, epochs) for label, group in sorted(groups.items())}
    return tables


def chance(task: TaskSpec, group: Iterable[Scored]) -> float | None:
    """Expected accuracy of guessing: one over the number of options, averaged over samples."""
    if task.chance == "none":
        return None
    if task.chance != "per_sample":
        return float(task.chance)
    options = {s.id: sum(c is not None for c in s.record["sample"]["choices"]) for s in group if "sample" in s.record}
    known = [1 / n for n in options.values() if n]
    return fsum(known) / len(known) if known else None


def total_usage(group: Iterable[Scored]) -> dict[str, float]:
    """Sums of the token counts that the server gave, and how many responses gave them."""
    totals: dict[str, float] = {}
    for scored in group:
        usage = (scored.record.get("response") or {}).get("usage") or {}
        for key, count in usage.items():
            if isinstance(count, (int, float)):
                totals[key] = totals.get(key, 0) + count
        if usage:
            totals["responses"] = totals.get("responses", 0) + 1
    return totals


def latency(group: Iterable[Scored]) -> dict[str, Any]:
    """Median and 95th percentile of each measured latency, in seconds."""
    measured: dict[str, list[float]] = {}
    for scored in group:
        for key, seconds in ((scored.record.get("response") or {}).get("latency") or {}).items():
            measured.setdefault(key, []).append(seconds)
    return {
        key: {"n": len(values), "median": quantile(values, 0.5), "p95": quantile(values, 0.95)}
        for key, values in measured.items()
    }


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile by linear interpolation (numpy's default), of at least one value."""
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def fingerprint(plan: Mapping[str, Any], group: Iterable[Scored]) -> dict[str, str]:
    """Everything that can change a score, as sha256 by part: the plan's parts, the samples and their audio."""
    samples, clips = [], []
    for scored in group:
        if scored.epoch != 0 or "sample" not in scored.record:
            continue
        kept = scored.record["sample"]
        samples.append([scored.id, kept["question"], sorted(str(c) for c in kept["choices"]), kept["target"]])
        clips.append([scored.id, [clip["sha256"] for clip in scored.record["audio"]]])
    return {
        **plan["fingerprint"],
        "samples": _digest(sorted(samples, key=str)),
        "audio": _digest(sorted(clips, key=str)),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()
