"""The final answer of a conversation with tools, and beside it the calls that led there.

The answer is right where a target stands in it as whole words (case, punctuation and articles apart). The calls of all turns
are matched against the row's `reference` by BFCL's rules (`audiobench.scorers.bfcl`), but for those that a tool refused: an
unknown name and wrong arguments are counted by themselves. A row without `reference` has the answer alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from audiobench.core.types import Answer, Sample
from audiobench.scorers import bfcl
from audiobench.scorers.base import OfficialFigure, Scorer, ScoreResult
from audiobench.scorers.lists import contains_alias

ERRORS = ("unknown_tool", "wrong_arguments", "no_result", "turn_limit")


def verdict(text: str | None, sample: Sample) -> dict[str, Any]:
    """Whether the answer and the calls are right, and how often a call was answered with an error."""
    told = [one.told for one in sample.called or ()]
    found: dict[str, Any] = {
        "answer": bool(contains_alias(Answer(text), sample, text or "")[0]),
        "calls": len(told),
        **{error: told.count(error) for error in ERRORS},  # pyright: ignore[reportArgumentType]
    }
    if sample.metadata.get("reference") is not None:
        found["match"] = bfcl.judged(text or "", sample)
    return found


def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 where the answer is right."""
    return contains_alias(answer, sample, text)[0], {}


def summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    """The share of right answers; that of right calls and of both, BFCL's parts, and errors per call."""
    if not verdicts:
        return OfficialFigure("tool_use", None, 0, parts=UNSET)
    right, calls = sum(one["answer"] for one in verdicts), sum(one["calls"] for one in verdicts)
    parts: dict[str, Any] = {"answer": right / len(verdicts), "calls_per_item": calls / len(verdicts)}
    matched = [one for one in verdicts if "match" in one]
    if matched:
        told = bfcl.summary([one["match"] for one in matched], samples)
        parts |= {
            "calls": told.value,
            "both": sum(one["answer"] and one["match"]["valid"] for one in matched) / len(matched),
            **(told.parts or {}),
        }
    parts |= {error: sum(one[error] for one in verdicts) / calls if calls else None for error in ERRORS}
    return OfficialFigure("tool_use", parts["answer"], len(verdicts), parts=parts)


SCORER = Scorer(
    name="tool_use",
    version="1",
    score=score,
    doc="a target stands in the final answer; official.parts: right calls by BFCL's rules, both, errors per call",
    source="audiobench; calls: " + bfcl.SOURCE,
    official=verdict,
    official_summary=summary,
    columns=("tools", "reference"),
)
