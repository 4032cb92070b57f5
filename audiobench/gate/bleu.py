"""BLEU of a whole set from the counts of its samples: a mean of sentence BLEUs would be another number.

The counts hold nothing of what a model said, so a baseline may keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiobench.scorers.text import BLEU_TOKENIZERS, BleuCounts, bleu_counts

METRIC = "bleu"
SIZE = 10
"""Numbers in a sample's counts."""


def counts(scorer: str, detail: Mapping[str, Any], target: Any) -> BleuCounts:
    """Counts of one response; one without a usable answer (no `detail`) is an empty hypothesis."""
    known = detail.get("references") or ([target] if isinstance(target, str) else list(target or [""]))
    return bleu_counts(BLEU_TOKENIZERS[scorer], detail.get("hypothesis", ""), tuple(known))
