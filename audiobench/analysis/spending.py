"""What an arm's answers took: reasoning tokens, tokens, seconds and dollars, in all and for each right answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from audiobench.analysis.arms import Arm
from audiobench.analysis.measure import is_share
from audiobench.files.records import Record
from audiobench.files.summary_entry import Quantiles
from audiobench.results import cost
from audiobench.results.condensed import Spent, quantile
from audiobench.results.runs import Scored


class ReasoningTokens(Struct):
    """Of the responses whose length is known."""

    mean: float
    median: float
    p95: float
    n: int
    estimated: bool
    """Some of the lengths are completion tokens shared out by characters."""


class Spending(Struct, kw_only=True):
    """What was not measured is None. A right answer's share is known only where values are shares of right answers: an
    error rate or a rating counts none.
    """

    responses: int
    reasoning_tokens: ReasoningTokens | None
    completion_tokens: float | None
    """Mean of a response."""
    tokens_per_correct: float | None
    cached_prompt: float | None
    """Share of the prompt tokens that the server took from its cache, where it counts them."""
    latency: dict[str, Quantiles]
    """Seconds."""
    dollars: float | None
    dollars_per_correct: float | None


def reasoning_tokens(record: Record) -> tuple[float, bool] | None:
    """(tokens of the reasoning, whether that is an estimate), or None where nothing tells.

    The server's own count where it gives one; else the completion's tokens shared out by characters.
    """
    response = record.response
    if response is None:
        return None
    usage, thought, text = response.usage, response.reasoning or "", response.text
    if usage.get("reasoning") is not None:
        return float(usage["reasoning"]), False
    if not thought:
        return 0.0, False
    if usage.get("completion") is None or response.reasoning_is_summary:
        return None
    return usage["completion"] * len(thought) / (len(thought) + len(text)), True


def spending(arm: Arm, ids: Sequence[str]) -> Spending:
    """Tokens, seconds and dollars of the arm's responses to these samples."""
    spec = arm.run.spec
    answered = [s for sample in ids for s in arm.of_sample(sample) if s.record.response is not None]
    right = sum(s.outcome.value or 0.0 for s in answered) if is_share(arm.task_run.task) else None
    completions = [n for s in answered if (n := s.record.usage.get("completion")) is not None]
    dollars = [d for s in answered if (d := cost.of_record(s.record, spec)) is not None]
    complete = len(completions) == len(answered)
    paid = sum(dollars) if dollars and len(dollars) == len(answered) else None
    return Spending(
        responses=len(answered),
        reasoning_tokens=_lengths(answered),
        completion_tokens=sum(completions) / len(completions) if completions else None,
        tokens_per_correct=sum(completions) / right if completions and complete and right else None,
        cached_prompt=_cached(answered),
        latency=Spent.of(answered).latency(),
        dollars=paid,
        dollars_per_correct=paid / right if paid is not None and right else None,
    )


def _cached(answered: Sequence[Scored]) -> float | None:
    counted = [u for s in answered if (u := s.record.usage).get("prompt")]
    if all(u.get("cached") is None for u in counted):
        return None
    return sum(u.get("cached") or 0 for u in counted) / sum(u["prompt"] for u in counted)  # vLLM leaves out a 0


def _lengths(answered: Sequence[Scored]) -> ReasoningTokens | None:
    found = [length for s in answered if (length := reasoning_tokens(s.record)) is not None]
    if not found:
        return None
    values = [tokens for tokens, _ in found]
    mean, estimated = sum(values) / len(values), any(estimated for _, estimated in found)
    return ReasoningTokens(mean, quantile(values, 0.5), quantile(values, 0.95), len(values), estimated)
