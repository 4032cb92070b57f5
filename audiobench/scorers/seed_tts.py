"""Seed-TTS-eval: word (English) or character (Chinese) errors of what a recogniser hears, averaged over utterances.

Official rule: BytedanceSpeech/seed-tts-eval run_wer.py @95003fe, average_wer.py. Punctuation but the apostrophe goes (here by its
Unicode class, there by the lists of zhon and string), English is lower-cased, Chinese split into characters after what was heard is
made simplified. The figure is the mean of the utterances' rates, not errors over length.
"""

from __future__ import annotations

import unicodedata
from math import inf

from audiobench.core.types import Answer, Sample
from audiobench.scorers.base import Scorer, ScoreResult, references
from audiobench.scorers.metrics import Mean

_SOURCE = "BytedanceSpeech/seed-tts-eval run_wer.py @95003fe41923e46cf45d14a13143b0879f38415e"


class UtteranceRate(Mean):
    """The mean of the utterances' own error rates; an answer without words has every word of its reference wrong."""

    unit = "rate"
    higher_is_better = False
    bounds = (0.0, inf)

    @property
    def worst(self) -> float | None:
        """That of an empty answer."""
        return None


def clean(text: str) -> str:
    """Without punctuation but the apostrophe, double blanks made one."""
    kept = "".join(c for c in text if c == "'" or not (unicodedata.category(c).startswith("P") or c in "$+<=>^`|~"))
    return kept.replace("  ", " ")


def _rate(reference: str, heard: str) -> ScoreResult:
    import jiwer

    if not reference.strip():
        return float(bool(heard.strip())), {"ref": 0}
    found = jiwer.process_words(reference, heard)
    return found.wer, {"sub": found.substitutions, "del": found.deletions, "ins": found.insertions}


def _words(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    del text
    (reference, *_) = references(sample)
    return _rate(clean(reference).lower(), clean(answer.value or "").lower())


def _characters(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    import zhconv

    del text
    (reference, *_) = references(sample)
    heard = zhconv.convert(answer.value or "", "zh-cn")
    return _rate(" ".join(clean(reference)), " ".join(clean(heard)))


WER = Scorer(
    name="seed_tts_wer", version="1", score=_words, source=_SOURCE,
    doc="word error rate of what a recogniser hears, mean over utterances",
    metric=UtteranceRate("wer_utterance", label="word error rate, mean over utterances"),
)  # fmt: skip
CER = Scorer(
    name="seed_tts_cer", version="1", score=_characters, source=_SOURCE, extra="zh",
    doc="character error rate of what a recogniser hears, made simplified, mean over utterances",
    metric=UtteranceRate("cer_utterance", label="character error rate, mean over utterances"),
)  # fmt: skip
