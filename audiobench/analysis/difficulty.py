"""Which samples are neither too easy nor hopeless: the filter and the reward of the Step-Audio-R1 report.

The report (arXiv 2511.15848, sections 3 and 4) draws k = 8 answers to a question and keeps it for reinforcement
learning when 3 to 6 of them are right; its reward for an audio question is 0.8 x (answer right) + 0.2 x (reasoning
present). The temperature of the draws is not published; here it is that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from audiobench.analysis.arms import Arm, chosen_text
from audiobench.files.records import Turn
from audiobench.results.runs import Scored
from audiobench.statistics.passk import pass_at_k

ACCURACY_SHARE, REASONING_SHARE = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class Reward:
    """The composite reward of one response, in [0, 1], and its two parts."""

    accuracy: float
    reasoning: float

    @property
    def total(self) -> float:
        """0.8 x accuracy + 0.2 x reasoning."""
        return ACCURACY_SHARE * self.accuracy + REASONING_SHARE * self.reasoning


def reward(scored: Scored) -> Reward | None:
    """The reward of a response; None where there was none (an error is no answer).

    Reasoning is present when the thought holds any text and was closed.
    """
    response = scored.record.response
    if response is None or scored.outcome.value is None:
        return None
    present = bool(scored.record.reasoning) and response.reasoning_closed
    return Reward(scored.outcome.value, float(present))


class Heard(Struct):
    """A clip that was sent."""

    path: str
    sha256: str


class ManifestLine(Struct, kw_only=True):
    """One sample for a trainer's selection."""

    task: str
    id: str
    passed: int
    k: int
    kept: bool
    pass_at: dict[str, float]
    """By k."""
    question: str
    choices: tuple[str | None, ...]
    target: str | tuple[str, ...] | None
    audio: list[Heard]
    metadata: dict[str, Any]


class RewardLine(Struct, kw_only=True):
    """One response: what was asked, what came, and what it earns."""

    task: str
    id: str
    epoch: int
    passed: int
    k: int
    prompt: list[Turn]
    audio: list[Heard]
    reasoning: str | None
    response: str
    answer: str | None
    target: str | tuple[str, ...] | None
    status: str
    accuracy: float
    reasoning_present: float
    reward: float


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How often one sample was passed."""

    id: str
    passed: int
    k: int
    records: tuple[Scored, ...]

    @property
    def pass_at(self) -> dict[int, float]:
        """Unbiased pass@1 ... pass@k (Chen et al. 2021)."""
        return {k: pass_at_k(self.k, self.passed, k) for k in range(1, self.k + 1)}

    def manifest(self, task: str, keep: tuple[int, int]) -> ManifestLine:
        """The sample as a manifest line."""
        sample = self.records[0].shown
        return ManifestLine(
            task=task, id=self.id, passed=self.passed, k=self.k, kept=keep[0] <= self.passed <= keep[1],
            pass_at={str(k): v for k, v in self.pass_at.items()}, question=sample.question, choices=sample.choices,
            target=sample.target, audio=_heard(self.records[0]), metadata=sample.metadata,
        )  # fmt: skip

    def rewards(self, task: str) -> Iterator[RewardLine]:
        """One line for each response."""
        for scored in self.records:
            earned, response = reward(scored), scored.record.response
            if earned is None or response is None:
                continue
            yield RewardLine(
                task=task, id=self.id, epoch=scored.epoch, passed=self.passed, k=self.k, prompt=scored.record.prompt,
                audio=_heard(scored), reasoning=response.reasoning, response=response.text, answer=chosen_text(scored),
                target=scored.shown.target, status=scored.outcome.status, accuracy=earned.accuracy,
                reasoning_present=earned.reasoning, reward=round(earned.total, 6),
            )  # fmt: skip


def _heard(scored: Scored) -> list[Heard]:
    return [Heard(clip.path, clip.sha256) for clip in scored.record.audio]


def difficulties(arm: Arm, k: int) -> tuple[list[Difficulty], int]:
    """Each sample's passes of its first k answered epochs, and how many samples have fewer than k.

    An answer passes when its value is 0.5 or more. Epochs are those of the first option order.
    """
    found: list[Difficulty] = []
    short = 0
    for sample, orders in arm.slots.items():
        epochs = orders[min(orders)]
        answered = [epochs[e] for e in sorted(epochs) if epochs[e].outcome.value is not None][:k]
        if len(answered) < k:
            short += 1
            continue
        passed = sum((scored.outcome.value or 0.0) >= 0.5 for scored in answered)
        found.append(Difficulty(sample, passed, k, tuple(answered)))
    return found, short + len(arm.task_run.plan.ids) - len(arm.slots)
