"""Natural language inference as a stage: does one text that a judge took out of a reasoning entail the other?

A judgement whose verdict hangs on it gets a second line in judgements.jsonl, with the probability as its value. Judgements that
have one by the same model with the same settings are not compared again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, structs

from audiobench.ask.annotate import Terms, carry
from audiobench.ask.engine import Ending
from audiobench.ask.stage import Reply, Stage, responses
from audiobench.ask.work import TaskWork
from audiobench.core.types import Message, Request, TextPart
from audiobench.files.annotations import Judgement
from audiobench.files.run_spec import RunSpec
from audiobench.model.registry import find_model, sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results.runs import Run, TaskRun
from audiobench.results.score import scorer_of
from audiobench.task.spec import TaskSpec


class Entailment(Struct):
    """What an NLI model replies, as JSON: probabilities that sum up to 1."""

    contradiction: float
    entailment: float
    neutral: float


class Compared(NamedTuple):
    """One judgement with its claims."""

    folder: Path
    """Of the task."""
    line: Judgement


class NliStage(Stage[Compared]):
    """The judgements of some tasks whose claims this model has not compared."""

    def __init__(self, model: ModelSpec, tasks: Sequence[TaskRun]) -> None:
        super().__init__(model)
        self.who = f"NLI model {model.name}"
        self.tasks = tasks
        self._digest = sha256_of(model)

    def open(self) -> Iterator[Compared]:
        """Judgements with claims and without this model's value."""
        for task_run in self.tasks:
            for line in task_run.judgements().values():
                if line.claims is not None and (line.value is None or line.nli_sha256 != self._digest):
                    yield Compared(task_run.folder, line)

    def path(self, item: Compared) -> Path:
        """The task's judgements.jsonl."""
        return item.folder / Judgement.FILE

    def requests(self, item: Compared) -> list[Request]:
        """Premise and hypothesis, as the two texts of one turn."""
        premise, hypothesis = item.line.claims or ("", "")
        return [Request((Message("user", (TextPart(premise), TextPart(hypothesis))),), sample_id=item.line.id)]

    def line(self, item: Compared, replies: Sequence[Reply]) -> Judgement | None:
        """The judgement with the probability of entailment as its value."""
        for response in responses(replies):
            found = msgspec.json.decode(response.text, type=Entailment)
            name = f"{self.model.name} ({response.served_model})" if response.served_model else self.model.name
            return structs.replace(item.line, value=found.entailment, nli=name, nli_sha256=self._digest)
        return None


def compares(task: TaskSpec) -> bool:
    """Whether verdicts on a task hang on an NLI model."""
    judge = scorer_of(task).judge
    return judge is not None and judge.compares


def nli_run(works: Sequence[TaskWork], options: RunSpec, spent: float) -> Ending:
    """Compare every pair of claims that this NLI model has not compared yet."""
    compared = [work for work in works if compares(work.task)]
    if not compared:
        return Ending()
    run = Run.open(compared[0].folder.parent)
    stage = NliStage(find_model(options.nli or ""), [run.tasks[work.task.task] for work in compared])
    return carry(stage, Terms.of(options, spent), concurrency=8)
