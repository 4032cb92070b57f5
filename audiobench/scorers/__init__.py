"""Scorers by name: our verdict, the official verdict and the official summary of each benchmark family.

`SCORERS` is the closed set a task's YAML may name. Everything here is a pure function of texts and samples; a judge is
described (`JudgeSpec`), never called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.scorers import (
    big_bench_audio,
    general,
    mmar_rubrics,
    mmau,
    mmau_pro,
    mmsu,
    spoken_mqa,
    text,
    wildspeech,
)
from audiobench.scorers.base import JudgeSpec, Scorer, ScoreResult
from audiobench.types import Sample

__all__ = ["SCORERS", "JudgeSpec", "ScoreResult", "Scorer", "official_verdicts"]

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


def official_verdicts(scorer: Scorer, texts: Sequence[str | None], samples: Sequence[Sample]) -> list[Any]:
    """Official verdicts of a whole file in its order; empty where the scorer has no official rule."""
    if scorer.official_sequence is not None:
        return scorer.official_sequence(texts, samples)
    if scorer.official is None:
        return []
    return [scorer.official(t, s) for t, s in zip(texts, samples, strict=True)]
