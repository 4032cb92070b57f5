"""Word and character error rate, and BLEU: counts per sample, pooled over the corpus.

A corpus error rate is the sum of all errors over the sum of all reference words, never a mean of rates. Errors come
from jiwer, the English and the basic normaliser from whisper-normalizer, BLEU from sacrebleu. Thinking has been
removed before a text gets here; that matters, because the English normaliser drops everything in brackets.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import exp, log
from typing import Any

from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers import chinese
from audiobench.scorers.base import Normalizer, Score, Scorer, ScoreResult, references
from audiobench.scorers.metrics import CER, WER, Counts, Metric, Rate


@functools.cache
def _english() -> Normalizer:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


@functools.cache
def _basic(split_letters: bool, remove_diacritics: bool) -> Normalizer:
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


def edit_counts(
    reference: Sequence[str], hypothesis: Sequence[str], *, prefer: str, keep_equal: bool = False
) -> dict[str, int]:
    """{cor, sub, ins, del} of the alignment that an official code takes among those with the fewest edits.

    `prefer`: of s (substitution or match), i and d the one that is taken where they cost the same, best first;
    `keep_equal`: equal tokens are always matched.
    """
    kinds = ("cor", "sub", "ins", "del")
    above = [(n, 0, 0, n, 0) for n in range(len(hypothesis) + 1)]  # edits, then as in `kinds`
    for row, token in enumerate(reference, 1):
        line = [(row, 0, 0, 0, row)]
        for column, said in enumerate(hypothesis, 1):
            equal = token == said
            edits, cor, sub, ins, gone = above[column - 1]
            options = {"s": (edits + (not equal), cor + equal, sub + (not equal), ins, gone)}
            if not (equal and keep_equal):
                edits, cor, sub, ins, gone = line[column - 1]
                options["i"] = (edits + 1, cor, sub, ins + 1, gone)
                edits, cor, sub, ins, gone = above[column]
                options["d"] = (edits + 1, cor, sub, ins, gone + 1)
            line.append(min((options[kind] for kind in prefer if kind in options), key=lambda one: one[0]))
        above = line
    return dict(zip(kinds, above[-1][1:], strict=True))


def rate(edits: Mapping[str, float]) -> float:
    """One text's errors over reference length."""
    return float(WER.value(WER.counted(edits)) or 0.0)


def error_rate(
    normaliser: Normalizer, counts: Callable[[str, str], dict[str, int]]
) -> Callable[[Answer, Sample, str], ScoreResult]:
    def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
        """The sample's error rate against its nearest reference; an unparsed answer is an empty hypothesis."""
        del text
        hypothesis = normaliser(answer.value or "").strip()
        found = [counts(normaliser(reference).strip(), hypothesis) for reference in references(sample)]
        best = min(found, key=rate) if found else counts("", hypothesis)
        return rate(best), best

    return score


class Bleu(Metric):
    """Corpus BLEU of summed n-gram counts: sacrebleu's own, smoothed as by default (exp)."""

    name, label, unit, bounds = "bleu", "corpus BLEU", "points", (0.0, 100.0)
    names = ("said", "reference", *(f"match{n}" for n in range(1, 5)), *(f"ngrams{n}" for n in range(1, 5)))
    """Length of the answer and of the nearest reference, matching n-grams, n-grams: nothing of what was said."""
    tokenizer = "13a"
    """sacrebleu's."""

    def sentence(self, hypothesis: str, refs: Sequence[str]) -> float:
        """BLEU of one answer by itself, over the orders that it has."""
        return _sacrebleu(self.tokenizer, True).sentence_score(hypothesis, refs).score

    def counts(self, outcome: Outcome) -> Counts:
        """From what the scorer kept of the answer."""
        hypothesis, refs = outcome.detail["hypothesis"], outcome.detail["references"]
        found = _sacrebleu(self.tokenizer, False).corpus_score([hypothesis], [[reference] for reference in refs])
        return dict(zip(self.names, (found.sys_len, found.ref_len, *found.counts, *found.totals), strict=True))

    def value(self, total: Counts) -> float | None:
        """BLEU (0 to 100). sacrebleu takes whole numbers only; averages over epochs go into the same formula here."""
        if not total:
            return None
        numbers = [float(total.get(name, 0.0)) for name in self.names]
        if all(number.is_integer() for number in numbers):
            from sacrebleu.metrics.bleu import BLEU

            whole = [int(number) for number in numbers]
            return float(BLEU.compute_bleu(whole[2:6], whole[6:], *whole[:2], smooth_method="exp").score)
        hypothesis, reference, matches, found = *numbers[:2], numbers[2:6], numbers[6:]
        if not hypothesis or not any(matches) or not all(found):
            return 0.0
        smooth, logs = 1.0, 0.0
        for matching, all_of_them in zip(matches, found, strict=True):
            if not matching:
                smooth *= 2
            logs += log(matching / all_of_them if matching else 1 / (smooth * all_of_them))
        return 100 * exp(logs / 4 + min(0.0, 1 - reference / hypothesis))


@functools.cache
def _sacrebleu(tokenizer: str, effective_order: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, effective_order=effective_order)


def _error_scorer(
    name: str, metric: Rate, doc: str, normaliser: Normalizer, counts: Callable[[str, str], dict[str, int]]
) -> Scorer:
    return Scorer(
        name, "1", error_rate(normaliser, counts), f"corpus {metric.label} {doc}", metric,
        source="jiwer; whisper-normalizer", score_after=lambda other: error_rate(other, counts),
    )  # fmt: skip


def bleu_score(metric: Bleu) -> Score:
    """Sentence BLEU (0 to 100), and the texts that the corpus figure counts in."""

    def score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
        del text
        hypothesis, refs = answer.value or "", list(references(sample)) or [""]
        return metric.sentence(hypothesis, refs), {"hypothesis": hypothesis, "references": refs}

    return score


def _bleu_scorer(name: str, metric: Bleu) -> Scorer:
    doc = f"corpus BLEU, sacrebleu tokenizer {metric.tokenizer}, case kept"
    return Scorer(name, "1", bleu_score(metric), doc, metric, source="sacrebleu")


WER_ENGLISH = _error_scorer("wer", WER, "after Whisper's English normaliser", whisper_english, word_counts)
WER_BASIC = _error_scorer("wer_basic", WER, "after Whisper's basic normaliser", whisper_basic, word_counts)
WER_RAW = _error_scorer("wer_raw", WER, "of the texts as they are", unchanged, word_counts)
CER_LETTERS = _error_scorer("cer", CER, "of letters and digits", letters_only, char_counts)
CER_URO = _error_scorer(
    "cer_zh_uro", CER, "with numbers in Chinese, without punctuation (URO-Bench)", chinese.uro, char_counts
)
BLEU = _bleu_scorer("bleu", Bleu())
BLEU_ZH = _bleu_scorer("bleu_zh", Bleu(tokenizer="zh"))
BLEU_JA = replace(_bleu_scorer("bleu_ja", Bleu(tokenizer="ja-mecab")), extra="ja")
