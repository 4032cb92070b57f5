"""BLEU of a whole set from the counts of its samples: a mean of sentence BLEUs would be another number.

A sample's counts: length of the answer, length of the nearest reference, matching n-grams (1 to 4), n-grams (1 to 4).
They add up over samples, and they hold nothing of what a model said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import exp, log
from typing import Any

METRIC = "bleu"
TOKENIZERS = {"bleu": "13a", "bleu_zh": "zh"}
"""Scorer -> sacrebleu's tokenizer, as in `audiobench.scorers.text`."""
SIZE = 10
"""Numbers in a sample's counts."""

Counts = tuple[float, ...]


@cache
def _metric(scorer: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=TOKENIZERS[scorer], effective_order=False)


def counts(scorer: str, detail: Mapping[str, Any], target: Any) -> Counts:
    """Counts of one response; one without a usable answer (no `detail`) is an empty hypothesis."""
    known = detail.get("references") or ([target] if isinstance(target, str) else list(target or [""]))
    found = _metric(scorer).corpus_score([detail.get("hypothesis", "")], [[reference] for reference in known])
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


def bleu(total: Sequence[float]) -> float:
    """BLEU (0 to 100) of summed counts, smoothed as sacrebleu does by default (exp); sums may be of averages."""
    hypothesis, reference, *numbers = (float(number) for number in total)
    matches, found = numbers[:4], numbers[4:]
    if not hypothesis or not any(matches) or not all(found):
        return 0.0
    smooth, logs = 1.0, 0.0
    for matching, all_of_them in zip(matches, found, strict=True):
        if not matching:
            smooth *= 2
        logs += log(matching / all_of_them if matching else 1 / (smooth * all_of_them))
    return 100 * exp(logs / 4 + min(0.0, 1 - reference / hypothesis))
