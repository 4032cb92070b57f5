"""Translation: BLEU in FLORES-200's tokens, chrF, and COMET.

BLEU's flores200 tokenizer needs sentencepiece, and sacrebleu downloads its model at first use. COMET needs unbabel-comet and
a model of 2 GB from the Hub; it reads the source text from the sample's transcript.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers.base import Scorer, ScoreResult, references, require
from audiobench.scorers.metrics import Counts, Mean, Metric
from audiobench.scorers.text import Bleu, bleu_score

COMET_MODEL = "Unbabel/wmt22-comet-da"
ORDERS = range(1, 7)
BETA = 2
"""Recall counts twice as much as precision (chrF2)."""


class Chrf(Metric):
    """Corpus chrF2 of summed counts of character n-grams, as sacrebleu has it: blanks left out, case kept."""

    name, label, unit, bounds = "chrf", "chrF2", "points", (0.0, 100.0)
    names = tuple(f"{kind}{n}" for n in ORDERS for kind in ("said", "meant", "hit"))

    @classmethod
    def of_pair(cls, said: str, meant: str) -> Counts:
        """Counts of one answer against one reference."""
        counts: dict[str, float] = {}
        for n in ORDERS:
            one, two = _ngrams(said, n), _ngrams(meant, n)
            counts |= {f"said{n}": one.total(), f"meant{n}": two.total(), f"hit{n}": (one & two).total()}
        return counts

    def counts(self, outcome: Outcome) -> Counts:
        """Against the reference that is nearest."""
        said = outcome.detail["hypothesis"]
        return max(
            (self.of_pair(said, meant) for meant in outcome.detail["references"]), key=lambda c: self.value(c) or 0.0
        )

    def value(self, total: Counts) -> float | None:
        """F2 of the mean precision and recall, over the orders that both sides have."""
        both = [n for n in ORDERS if total.get(f"said{n}") and total.get(f"meant{n}")]
        if not both:
            return 0.0 if total else None
        precision = sum(total.get(f"hit{n}", 0.0) / total[f"said{n}"] for n in both) / len(both)
        recall = sum(total.get(f"hit{n}", 0.0) / total[f"meant{n}"] for n in both) / len(both)
        weight = BETA**2
        return 100 * (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0


def _ngrams(text: str, n: int) -> Counter[str]:
    letters = "".join(text.split())
    return Counter(letters[i : i + n] for i in range(len(letters) - n + 1))


class FloresBleu(Bleu):
    """Corpus BLEU in FLORES-200's tokens."""

    name, tokenizer = "bleu_flores200", "flores200"

    def sentence(self, hypothesis: str, refs: Sequence[str]) -> float:
        """BLEU of one answer by itself."""
        if not hypothesis:
            return 0.0
        require("flores", "BLEU in FLORES-200's tokens")
        try:
            return super().sentence(hypothesis, refs)
        except OSError as error:
            raise UsageError(f"sacrebleu cannot get the model of its flores200 tokenizer: {error}") from error


CHRF_METRIC = Chrf()


def _chrf(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    del text
    detail = {"hypothesis": answer.value or "", "references": list(references(sample)) or [""]}
    return CHRF_METRIC.value(CHRF_METRIC.counts(Outcome("scored", detail=detail))) or 0.0, detail


@cache
def _comet() -> Any:
    require("comet", "COMET")
    from comet import download_model, load_from_checkpoint

    return load_from_checkpoint(download_model(COMET_MODEL))


def _comet_score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    del text
    if not answer.value:
        return 0.0, {}
    source = sample.transcript or sample.question
    rows = [{"src": source, "mt": answer.value, "ref": reference} for reference in references(sample)]
    found = _comet().predict(rows, batch_size=len(rows), gpus=0, progress_bar=False)
    return max(min(1.0, max(0.0, float(score))) for score in found.scores), {}


BLEU = Scorer(
    "bleu_flores200", "1", bleu_score(FloresBleu()), "corpus BLEU, sacrebleu tokenizer flores200, case kept", FloresBleu(),
    source="sacrebleu", extra="flores",
)  # fmt: skip
CHRF = Scorer(
    "chrf", "1", _chrf, "corpus chrF2 against the nearest reference, case kept", CHRF_METRIC, source="sacrebleu"
)
COMET = Scorer(
    name="comet",
    version="1",
    score=_comet_score,
    doc=f"mean COMET ({COMET_MODEL}) of source, translation and the nearest reference, cut to 0 to 1",
    metric=Mean("comet", label="COMET", unit="graded"),
    source="unbabel-comet",
    columns=("transcript",),
    extra="comet",
)
