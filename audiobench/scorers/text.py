"""Word and character error rate, and BLEU: counts per sample, pooled over the corpus.

A corpus error rate is the sum of all errors over the sum of all reference words, never a mean of rates. Errors come
from jiwer, the English and the basic normaliser from whisper-normalizer, BLEU from sacrebleu. Thinking has been
removed before a text gets here; that matters, because the English normaliser drops everything in brackets.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from math import exp, log
from typing import Any

from audiobench.scorers import chinese
from audiobench.scorers.base import Scorer, ScoreResult, references
from audiobench.types import Answer, Sample

Normaliser = Callable[[str], str]


@functools.cache
def _english() -> Normaliser:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


@functools.cache
def _basic(split_letters: bool, remove_diacritics: bool) -> Normaliser:
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer(remove_diacritics=remove_diacritics, split_letters=split_letters)


def whisper_english(text: str) -> str:
    """Whisper's English normaliser: spelling, numbers, contractions; brackets are dropped."""
    return _english()(text)


def whisper_basic(text: str, *, split_letters: bool = False, remove_diacritics: bool = False) -> str:
    """Whisper's language-independent normaliser: lower case, no punctuation, brackets dropped.

    It also drops combining marks, and with them the vowels of Indic scripts: do not use it for those.
    """
    return _basic(split_letters, remove_diacritics)(text)


def unchanged(text: str) -> str:
    """No normalisation beyond single blanks."""
    return " ".join(text.split())


def letters_only(text: str) -> str:
    """NFKC, case-folded, only letters and digits: the raw convention for character error rates."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum() or unicodedata.combining(c))


def word_counts(reference: str, hypothesis: str) -> dict[str, int]:
    """Substitutions, deletions, insertions and reference length, in words."""
    import jiwer

    words = len(reference.split())
    if not words:
        return {"sub": 0, "del": 0, "ins": len(hypothesis.split()), "ref": 0}
    out = jiwer.process_words(reference, hypothesis)
    return {"sub": out.substitutions, "del": out.deletions, "ins": out.insertions, "ref": words}


def char_counts(reference: str, hypothesis: str) -> dict[str, int]:
    """Substitutions, deletions, insertions and reference length, in characters."""
    import jiwer

    if not reference:
        return {"sub": 0, "del": 0, "ins": len(hypothesis), "ref": 0}
    out = jiwer.process_characters(reference, hypothesis)
    return {"sub": out.substitutions, "del": out.deletions, "ins": out.insertions, "ref": len(reference)}


def rate(counts: Mapping[str, Any]) -> float:
    """Errors over reference length; with an empty reference the number of insertions, as jiwer has it."""
    errors = counts["sub"] + counts["del"] + counts["ins"]
    return errors / counts["ref"] if counts["ref"] else float(errors)


def pooled_rate(values: Sequence[float], details: Sequence[Mapping[str, Any]]) -> float | None:
    """Corpus error rate: all errors over all reference units."""
    del values
    if not details:
        return None
    return rate({key: sum(d[key] for d in details) for key in ("sub", "del", "ins", "ref")})


def _error_rate(
    normaliser: Normaliser, counts: Callable[[str, str], dict[str, int]]
) -> Callable[[Answer, Sample, str], ScoreResult]:
    def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
        """The sample's error rate against its nearest reference; an unparsed answer is an empty hypothesis."""
        del text
        hypothesis = normaliser(answer.value or "").strip()
        found = [counts(normaliser(reference).strip(), hypothesis) for reference in references(sample)]
        best = min(found, key=rate) if found else counts("", hypothesis)
        return rate(best), best

    return score


BLEU_TOKENIZERS = {"bleu": "13a", "bleu_zh": "zh"}
"""Scorer -> sacrebleu's tokenizer."""

BleuCounts = tuple[float, ...]
"""Length of the answer, of the nearest reference, matching n-grams (1 to 4), n-grams (1 to 4): they add up, and hold
nothing of what was said."""
BLEU_COUNTS = 10
"""Numbers in a sample's counts."""


@functools.cache
def _sacrebleu(tokenizer: str, effective_order: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, effective_order=effective_order)


def bleu_counts(scorer: str, detail: Mapping[str, Any]) -> BleuCounts:
    """Counts of one answer, from what its scorer kept of it."""
    return _counts(BLEU_TOKENIZERS[scorer], detail["hypothesis"], tuple(detail["references"]))


@functools.lru_cache(maxsize=1 << 16)
def _counts(tokenizer: str, hypothesis: str, refs: tuple[str, ...]) -> BleuCounts:
    """Remembered, since an interval takes hundreds of resamples of the same answers."""
    found = _sacrebleu(tokenizer, False).corpus_score([hypothesis], [[reference] for reference in refs])
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


def _whole_bleu(correct: list[int], total: list[int], hypothesis: int, reference: int) -> float:
    from sacrebleu.metrics.bleu import BLEU

    return float(BLEU.compute_bleu(correct, total, hypothesis, reference, smooth_method="exp").score)


def bleu_of(total: Sequence[float]) -> float:
    """BLEU (0 to 100) of summed counts, which is the corpus figure: sacrebleu's own, smoothed as by default (exp).

    It takes whole numbers only; sums of averages over epochs are put into the same formula here.
    """
    if all(float(number).is_integer() for number in total):
        whole = [int(number) for number in total]
        return _whole_bleu(whole[2:6], whole[6:], *whole[:2])
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


def _bleu(name: str) -> tuple[Callable[[Answer, Sample, str], ScoreResult], Callable[..., float | None]]:
    def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
        """Sentence BLEU (0 to 100); the corpus figure pools n-gram counts."""
        del text
        hypothesis, refs = answer.value or "", list(references(sample)) or [""]
        value = _sacrebleu(BLEU_TOKENIZERS[name], True).sentence_score(hypothesis, refs).score
        return value, {"hypothesis": hypothesis, "references": refs}

    def aggregate(values: Sequence[float], details: Sequence[Mapping[str, Any]]) -> float | None:
        del values
        if not details:
            return None
        counts = [bleu_counts(name, detail) for detail in details]
        return bleu_of([sum(column) for column in zip(*counts, strict=True)])

    return score, aggregate


def _error_scorer(name: str, doc: str, normaliser: Normaliser, counts: Callable[[str, str], dict[str, int]]) -> Scorer:
    return Scorer(
        name=name,
        version="1",
        metric=name.split("_")[0],
        score=_error_rate(normaliser, counts),
        doc=doc,
        source="jiwer; whisper-normalizer",
        aggregate=pooled_rate,
        higher_is_better=False,
    )


def _bleu_scorer(name: str) -> Scorer:
    score, aggregate = _bleu(name)
    doc = f"corpus BLEU, sacrebleu tokenizer {BLEU_TOKENIZERS[name]}, case kept"
    return Scorer(name, "1", "bleu", score, doc, source="sacrebleu", aggregate=aggregate)


TEXT_SCORERS = (
    _error_scorer("wer", "corpus word error rate after Whisper's English normaliser", whisper_english, word_counts),
    _error_scorer("wer_basic", "corpus word error rate after Whisper's basic normaliser", whisper_basic, word_counts),
    _error_scorer("wer_raw", "corpus word error rate of the texts as they are", unchanged, word_counts),
    _error_scorer("cer", "corpus character error rate of letters and digits", letters_only, char_counts),
    _error_scorer("cer_zh_uro", "corpus CER, numbers in Chinese, no punctuation (URO-Bench)", chinese.uro, char_counts),
    _error_scorer(
        "cer_zh_speechio", "corpus CER after SpeechIO's text normalisation", chinese.speechio_letters, char_counts
    ),
    *map(_bleu_scorer, BLEU_TOKENIZERS),
)
