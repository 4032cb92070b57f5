"""A task's verdict as a reward for reinforcement learning, in the forms that TRL and verl call.

The reward is that of the Step-Audio-R1 report (arXiv 2511.15848, section 4): 0.8 x (answer right) + 0.2 x (reasoning present),
and where wanted a term for grounding. Nothing here reads or writes a file or asks a model.

TRL:   GRPOTrainer(reward_funcs=[audiobench.rewards.task_reward("mmau")], ...)
verl:  custom_reward_function.path=<this file>, custom_reward_function.name=compute_score
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

from audiobench.analysis.difficulty import ACCURACY_SHARE, REASONING_SHARE, reward
from audiobench.analysis.training_rows import SOURCE
from audiobench.core.errors import UsageError
from audiobench.core.thought import Tags
from audiobench.core.types import Response, Sample
from audiobench.files.records import Record, ShownSample
from audiobench.model import think
from audiobench.model.spec import Thinking
from audiobench.results.runs import Scored
from audiobench.results.score import outcome, scorer_of
from audiobench.scorers import official_verdicts
from audiobench.task.check import refusals
from audiobench.task.find import find_task

Grounded = Callable[[str, Sample], float]
"""(reasoning, sample) -> how well the reasoning rests on the sound, from 0 to 1."""


class Earned(Struct, frozen=True):
    """What one completion earns, in [0, 1], and its parts."""

    score: float
    accuracy: float
    """The task's value of the answer."""
    reasoning: float
    """1 where there is a thought that was closed."""
    grounding: float
    """What `grounded` says of the thought; 0 without one."""
    status: str
    """scored, unparsed, truncated, refused."""


class TaskReward:
    """The reward of one task's completions; TRL calls it, and verl calls its `compute_score`."""

    def __init__(
        self, task: str | os.PathLike[str], *, reading: Literal["ours", "official"] = "ours",
        accuracy: float = ACCURACY_SHARE, reasoning: float = REASONING_SHARE, grounding: float = 0.0,
        grounded: Grounded | None = None, prefill: str | None = None, think_tags: Sequence[Tags] = (),
    ) -> None:  # fmt: skip
        """
        Args:
            task: by name or file.
            reading: whether our extraction and scorer or the benchmark's official scorer says what is right.
            accuracy: weight of the answer.
            reasoning: weight of a thought that is there and closed; 0 for the report's ablation without it.
            grounding: weight of `grounded`.
            grounded: (reasoning, sample) -> a number from 0 to 1, such as the share of named events that are in the clip.
            prefill: what the prompt begins the model's turn with (`<think>` and a line break), so that completions lack it.
            think_tags: what opens and closes a thought, beside the known ones.

        Raises:
            UsageError: the task needs a judge or cannot be scored, or the weights do not add up to 1.
        """
        self.task, file = find_task(os.fspath(task))
        if findings := refusals(self.task, file):
            raise UsageError("\n".join(findings))
        self._scorer = scorer_of(self.task)
        if self._scorer.judge is not None or self.task.answers_withheld or not self._scorer.metric.is_share:
            raise UsageError(
                f"task {self.task.task}: its verdicts (scorer {self.task.scorer}) are not right or wrong by a rule, so they "
                "are no reward"
            )
        if reading == "official" and self._scorer.official_summary is None:
            raise UsageError(
                f"task {self.task.task}: scorer {self.task.scorer} has no official verdict; reading='ours' has"
            )
        if abs(accuracy + reasoning + grounding - 1) > 1e-9 or min(accuracy, reasoning, grounding) < 0:
            raise UsageError(f"weights {accuracy:g}, {reasoning:g}, {grounding:g}: must be 0 or more and add up to 1")
        if (grounding > 0) != (grounded is not None):
            raise UsageError("grounding: give a weight and a function `grounded`, or neither")
        self._official = reading == "official"
        self._weights = accuracy, reasoning, grounding
        self._grounded = grounded
        self._prefill, self._tags = prefill, list(think_tags)
        self.__name__ = f"audiobench_{self.task.task}"
        """By which trainers log it."""

    def earned(self, completion: str, sample: Sample) -> Earned:
        """What a completion earns: the model's whole turn, thought included."""
        response = think.split(Response(completion), self._prefill, Thinking(), self._tags)
        record = Record(sample.id, sample=ShownSample.of(sample), response=response)
        result = outcome(record, self.task)
        found = reward(Scored(record, result))
        if found is None:
            return Earned(0.0, 0.0, 0.0, 0.0, result.status)
        right = self._by_official(response.text, sample) if self._official else found.accuracy
        rests = self._grounded(response.reasoning or "", sample) if self._grounded and found.reasoning else 0.0
        if not 0 <= rests <= 1:
            raise ValueError(f"grounded: returned {rests!r:.40}; it must return a number from 0 to 1")
        parts = right, found.reasoning, rests
        score = sum(weight * part for weight, part in zip(self._weights, parts, strict=True))
        return Earned(score, *parts, result.status)

    def _by_official(self, text: str, sample: Sample) -> float:
        assert self._scorer.official_summary is not None
        figure = self._scorer.official_summary(official_verdicts(self._scorer, [text], [sample]), [sample])
        return figure.value or 0.0

    def __call__(
        self, prompts: Sequence[Any] | None = None, completions: Sequence[Any] = (), **columns: Sequence[Any]
    ) -> list[float]:
        """TRL's form: a reward for each completion (a text, or a conversation whose last turn is it).

        Args:
            prompts: not looked at.
            completions: as TRL hands them over.
            columns: the data set's other columns, a value for each completion: `target`, and where the task has options
                `choices`; `id`, `question`, `metadata` where the scorer needs them. `audiobench difficulty` writes them.
        """
        del prompts
        told = {name: values for name, values in columns.items() if _is_column(values, completions)}
        return [
            self.earned(_text(completion), _sample({name: values[place] for name, values in told.items()})).score
            for place, completion in enumerate(completions)
        ]

    def compute_score(
        self, data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Verl's form: `score`, which is the reward, and its parts, which verl logs.

        Args:
            data_source: not looked at.
            solution_str: the completion.
            ground_truth: the target, where `extra_info` has none.
            extra_info: the sample's other facts, as `audiobench difficulty` writes them.
        """
        del data_source
        found = self.earned(solution_str, _sample({"target": ground_truth, **(extra_info or {})}))
        return {
            "score": found.score,
            "accuracy": found.accuracy,
            "reasoning": found.reasoning,
            "grounding": found.grounding,
        }


def task_reward(task: str | os.PathLike[str], **options: Any) -> TaskReward:
    """The reward of a task; arguments and errors as those of `TaskReward`."""
    return TaskReward(task, **options)


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **options: Any
) -> dict[str, float]:
    """The reward that verl's `custom_reward_function` names, for rows that `audiobench difficulty` wrote.

    Args:
        data_source: `audiobench/` and the task's name.
        solution_str: the completion.
        ground_truth: the target.
        extra_info: the sample's other facts.
        options: those of `TaskReward` (`custom_reward_function.reward_kwargs` in verl).

    Raises:
        UsageError: `data_source` names no task, or as `TaskReward`.
    """
    if not data_source.startswith(SOURCE):
        raise UsageError(f"data_source {data_source}: must be {SOURCE} and the name of a task")
    made = _known(data_source.removeprefix(SOURCE), tuple(sorted(options.items())))
    return made.compute_score(data_source, solution_str, ground_truth, extra_info)


@lru_cache(maxsize=64)
def _known(task: str, options: tuple[tuple[str, Any], ...]) -> TaskReward:
    return TaskReward(task, **dict(options))


def _is_column(values: Any, completions: Sequence[Any]) -> bool:
    """Trainers hand over more than the data set's columns (`trainer_state`, `log_metric`)."""
    return hasattr(values, "__getitem__") and not isinstance(values, str | Mapping) and len(values) == len(completions)


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _sample(row: Mapping[str, Any]) -> Sample:
    """The sample of a row. Lists may be arrays, and metadata JSON text."""
    target, choices = row.get("target"), row.get("choices")
    told: Any = row.get("metadata") or "{}"
    metadata: dict[str, Any] = json.loads(told) if isinstance(told, str) else dict(told)
    several = None if target is None or isinstance(target, str) else tuple(map(str, target))
    return Sample(
        id=str(row.get("id", "")),
        question=str(row.get("question") or ""),
        choices=() if choices is None else tuple(None if one is None else str(one) for one in choices),
        target=target if isinstance(target, str) else (several[0] if several and len(several) == 1 else several),
        metadata=metadata,
    )
