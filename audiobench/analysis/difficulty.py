"""Which samples are neither too easy nor hopeless: the filter and the reward of the Step-Audio-R1 report.

The report (arXiv 2511.15848, sections 3 and 4) draws k = 8 answers to a question and keeps it for reinforcement
learning when 3 to 6 of them are right; its reward for an audio question is 0.8 x (answer right) + 0.2 x (reasoning
present). The temperature of the draws is not published; here it is that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from audiobench.analysis.arms import Arm, chosen_text
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

    def manifest(self, task: str, keep: tuple[int, int]) -> dict[str, Any]:
        """The sample as a manifest line."""
        sample = self.records[0].shown
        return {
            "task": task, "id": self.id, "passed": self.passed, "k": self.k,
            "kept": keep[0] <= self.passed <= keep[1], "pass_at": {str(k): v for k, v in self.pass_at.items()},
            "question": sample.question, "choices": sample.choices, "target": sample.target,
            "audio": [{"path": clip.path, "sha256": clip.sha256} for clip in self.records[0].record.audio],
            "metadata": sample.metadata,
        }  # fmt: skip

    def rewards(self, task: str) -> Iterator[dict[str, Any]]:
        """One line for each response: what was asked, what came, and what it earns."""
        for scored in self.records:
            earned, response = reward(scored), scored.record.response
            if earned is None or response is None:
                continue
            yield {
                "task": task, "id": self.id, "epoch": scored.epoch, "passed": self.passed, "k": self.k,
                "prompt": to_builtins(scored.record.prompt),
                "audio": [{"path": clip.path, "sha256": clip.sha256} for clip in scored.record.audio],
                "reasoning": response.reasoning, "response": response.text,
                "answer": chosen_text(scored), "target": scored.shown.target,
                "status": scored.outcome.status, "accuracy": earned.accuracy, "reasoning_present": earned.reasoning,
                "reward": round(earned.total, 6),
            }  # fmt: skip


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
