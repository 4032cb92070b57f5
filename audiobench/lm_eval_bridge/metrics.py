"""Word and character error rate as lm-eval metrics: counted per document, pooled over the corpus.

    metric_list: [{metric: wer, aggregation: wer, higher_is_better: false}]

The names are known once the bridge has been imported; a task file that says
`aggregation: !function audiobench.lm_eval_bridge.pooled_wer` imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audiobench.scorers.metrics import CER, WER, total
from audiobench.scorers.text import char_counts, letters_only, whisper_english, word_counts

Pair = Sequence[str]
"""(reference, hypothesis)."""


def wer(items: Pair) -> Pair:
    """The document's (reference, hypothesis), for `pooled_wer`."""
    return items


def cer(items: Pair) -> Pair:
    """The document's (reference, hypothesis), for `pooled_cer`."""
    return items


def pooled_wer(items: Sequence[Pair]) -> float:
    """All word errors over all reference words, after Whisper's English normaliser (as audiobench's `wer`)."""
    counts = [word_counts(whisper_english(gold).strip(), whisper_english(said).strip()) for gold, said in items]
    return WER.value(total(map(WER.counted, counts))) or 0.0


def pooled_cer(items: Sequence[Pair]) -> float:
    """All character errors over all reference characters, letters and digits only (as audiobench's `cer`)."""
    counts = [char_counts(letters_only(gold), letters_only(said)) for gold, said in items]
    return CER.value(total(map(CER.counted, counts))) or 0.0


METRICS: dict[str, Callable[[Pair], Pair]] = {"wer": wer, "cer": cer}
AGGREGATIONS: dict[str, Callable[[Sequence[Pair]], float]] = {"wer": pooled_wer, "cer": pooled_cer}
