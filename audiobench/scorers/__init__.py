"""Scorers by name: our verdict, the official verdict and the official summary of each benchmark family.

`SCORERS` are the built-in ones; `find_scorer` also knows those of other packages and files (`audiobench.scorers.own`).
Everything here is a pure function of texts and samples; a judge is described (`JudgeSpec`), never called.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.errors import UsageError
from audiobench.scorers import (
    big_bench_audio,
    general,
    mmar_rubrics,
    mmau,
    mmau_pro,
    mmsu,
    own,
    spoken_mqa,
    text,
    wildspeech,
)
from audiobench.scorers.base import JudgeSpec, Scorer, ScoreResult
from audiobench.scorers.metrics import Mean, Metric, Rate
from audiobench.types import Sample

__all__ = [
    "METRICS", "SCORERS", "JudgeSpec", "Mean", "Metric", "Rate", "ScoreResult", "Scorer", "find_scorer",
    "official_verdicts",
]  # fmt: skip

SCORERS: Mapping[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        general.OPTION_MATCH,
        general.EXACT_MATCH,
        general.NUMERIC,
        *text.TEXT_SCORERS,
        general.JUDGE,
        mmau.SCORER,
        mmsu.V1,
        mmsu.V2,
        spoken_mqa.SCORER,
        big_bench_audio.EXTRACT,
        big_bench_audio.JUDGED,
        wildspeech.SCORER,
        mmar_rubrics.SCORER,
        mmau_pro.AIF,
        mmau_pro.OPEN,
    )
}


METRICS: Mapping[str, Metric] = {scorer.metric.name: scorer.metric for scorer in reversed(SCORERS.values())}
"""The metrics that the built-in scorers make, by name: for results of tasks that are not at hand."""


def find_scorer(name: str) -> Scorer:
    """The scorer of that name: built in, of another package's entry point, or `FILE.py:Class`.

    Raises:
        UsageError: there is none, or it does not work.
    """
    found = SCORERS.get(name) or own.find(name)
    if found is None:
        close = difflib.get_close_matches(name, SCORERS, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"allowed: {', '.join(sorted(SCORERS))}, or FILE.py:Class"
        raise UsageError(f"unknown scorer {name!r}; {hint}")
    return found


def official_verdicts(scorer: Scorer, texts: Sequence[str | None], samples: Sequence[Sample]) -> list[Any]:
    """Official verdicts of a whole file in its order; empty where the scorer has no official rule."""
    if scorer.official_sequence is not None:
        return scorer.official_sequence(texts, samples)
    if scorer.official is None:
        return []
    return [scorer.official(t, s) for t, s in zip(texts, samples, strict=True)]
