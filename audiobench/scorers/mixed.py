"""Mixed error rate of Chinese with other scripts: Chinese by the character, all else by the word.

lmms-eval's rule (EvolvingLMMs-Lab/lmms-eval tasks/wenet_speech/utils.py @75571cf) swallows Chinese after a Latin letter
("iPhone打电话" is one token), leaves digits out, and divides by the longer side, so that it never passes 1 and is averaged
over utterances. Ours cuts between scripts, keeps digits, ignores case and width, and is pooled over the corpus.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from audiobench.core.types import Sample
from audiobench.scorers.base import OfficialFigure, Scorer, or_crash, references
from audiobench.scorers.metrics import Rate
from audiobench.scorers.text import error_rate, word_counts

LMMS = "EvolvingLMMs-Lab/lmms-eval tasks/wenet_speech/utils.py @75571cf"
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}_])[\w\u0300-\u036f])+(?:'(?![{_UNSPACED}_])\w+)*")


def tokens(text: str) -> str:
    """Chinese and Japanese characters, and words and numbers of other scripts, with single blanks between them."""
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFKC", text.replace("’", "'")).casefold()))


def lmms_tokens(text: str) -> list[str]:
    """lmms-eval's: a Chinese character, or what begins with a Latin letter or an apostrophe, whatever follows it."""
    return re.findall(r"[\u4e00-\u9fff]|[a-zA-Z']+\w*", text)


def lmms_rate(reference: str, hypothesis: str) -> float:
    """lmms-eval's rate of one utterance: edits over the longer side."""
    from rapidfuzz.distance import Levenshtein

    ref, hyp = lmms_tokens(reference), lmms_tokens(hypothesis)
    return Levenshtein.distance(ref, hyp) / max(len(ref), len(hyp)) if ref or hyp else 0.0


def lmms_result(reference: str | Sequence[str] | None, results: Sequence[str]) -> dict[str, float]:
    """What lmms-eval gives of one utterance, in per cent; 100 where the reference or the result is missing."""
    if not results or not reference:
        return {"mer": 100.0, "accuracy": 0.0}
    texts = [reference] if isinstance(reference, str) else reference
    rates = [lmms_rate(str(r).strip(), str(h or "").strip()) for r, h in zip(texts, results, strict=False)]
    value = sum(rates) / len(rates)
    return {"mer": value * 100, "accuracy": max(0, (1 - value) * 100), "mer_raw": value}


def _official(text: str | None, sample: Sample) -> Any:
    return or_crash(lambda: lmms_result(references(sample)[0], [text or ""])["mer"])


def _summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    del samples
    read = [verdict for verdict in verdicts if isinstance(verdict, float)]
    return OfficialFigure("mer", sum(read) / len(read) / 100 if read else None, len(read))


SCORER = Scorer(
    name="mer",
    version="1",
    score=error_rate(tokens, word_counts),
    doc="corpus mixed error rate: Chinese by the character, other scripts by the word",
    metric=Rate("mer", label="mixed error rate"),
    source=LMMS,
    official=_official,
    official_summary=_summary,
    score_after=lambda other: error_rate(other, word_counts),
)


def wenetspeech(text: str) -> str:
    """WenetSpeech's normalisation (wenet-e2e/WenetSpeech toolkits/espnet/local/text_normalize.pl @d293df8).

    Blanks go, except between English words in capitals and at their borders with Chinese; words in lower case are glued
    together, because the script's own change to capitals has no effect.
    """
    import regex

    text = text.replace("\u3000", "").replace("\u00a0", "")
    for _ in range(2):
        text = re.sub(r"([A-Z]+)\s+([A-Z]+)", r"\1_\2", text)
    text = regex.sub(r"([A-Z]+)(\p{Han}+)", r"\1_\2", text)
    text = regex.sub(r"(\p{Han}+)([A-Z]+)", r"\1_\2", text)
    return re.sub(r"\s+", "", text).replace("_", " ")
