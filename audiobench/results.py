"""A run directory, read: what was asked for, what happened, and what each record is worth.

<run>/run.json                what the run was made with
<run>/<task>/plan.json        what was asked for (ids, conditions, epochs, task, fingerprint parts)
<run>/<task>/samples.jsonl    the journal: what happened
<run>/<task>/judgements.jsonl what a judge said, for judged tasks
<run>/<task>/transcripts.jsonl what a recogniser heard in spoken answers (<run>/answers/*.wav)
<run>/<task>/summary.json     what came out, a pure function of the files above (`audiobench.summary`)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import orjson

from audiobench import journal
from audiobench.errors import UsageError
from audiobench.score import outcome, sample_of
from audiobench.speech.heard import heard
from audiobench.task.spec import TaskSpec
from audiobench.types import Condition, Outcome, Sample
from model_adapters.spec import ModelSpec

SCHEMA_VERSION = 1


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

    def served_models(self) -> dict[str, int]:
        """Answers by the name under which the server gave them; empty where it gives none."""
        responses = (r.get("response") or {} for task_run in self.tasks.values() for r in task_run.records())
        return dict(sorted(Counter(name for r in responses if (name := r.get("served_model"))).items()))


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
