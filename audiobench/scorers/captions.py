"""Captions against several references: CIDEr-D, with BLEU, ROUGE-L and METEOR beside it as the official figures.

By pycocoevalcap 1.2, whose PTB tokenizer and METEOR are Java programs that it brings along: Java has to be installed. SPICE,
and so SPIDEr, needs Stanford CoreNLP's models from its own site, FENSE a sentence model from the Hub: neither is here. An
empty caption is 0 everywhere. Corpus BLEU and METEOR are no means over items; ROUGE-L and CIDEr-D are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers.base import OfficialFigure, Scorer, ScoreResult, references, require
from audiobench.scorers.metrics import Counts, Metric, Side, Tally
from audiobench.statistics import intervals, paired
from audiobench.statistics.intervals import Interval
from audiobench.statistics.paired import PairedComparison

Item = tuple[str, tuple[str, ...]]
"""A caption and its references."""


def _library() -> None:
    require("captions", "scoring captions")
    if shutil.which("java") is None:
        raise UsageError(
            "scoring captions needs Java (the PTB tokenizer and METEOR of pycocoevalcap); there is no `java`"
        )


def tokenize(texts: Sequence[str]) -> list[str]:
    """Each text in PTB tokens, in lower case and without punctuation.

    Raises:
        UsageError: pycocoevalcap or Java is not installed.
    """
    _library()
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    rows = {number: [{"caption": text}] for number, text in enumerate(texts)}
    found = PTBTokenizer().tokenize(rows)
    return [found[number][0] for number in rows]


@lru_cache(maxsize=16)
def _tokenized(items: tuple[Item, ...]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """(references, captions) by number, as pycocoevalcap takes them."""
    flat = [text for caption, meant in items for text in (caption, *meant)]
    tokens = iter(tokenize(flat))
    said: dict[int, list[str]] = {}
    meant: dict[int, list[str]] = {}
    for number, (_, refs) in enumerate(items):
        said[number] = [next(tokens)]
        meant[number] = [next(tokens) for _ in refs]
    return meant, said


def scores(items: Sequence[Item], *, meteor: bool = True) -> tuple[dict[str, float], list[dict[str, float]]]:
    """(corpus figures, figures of each item): bleu_1 to bleu_4, rouge_l, cider_d, meteor.

    CIDEr-D of an item depends on the others, whose references say how rare an n-gram is.

    Raises:
        UsageError: pycocoevalcap or Java is not installed.
    """
    _library()
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge

    meant, said = _tokenized(tuple(items))
    whole, each = Bleu(4).compute_score(meant, said, verbose=0)
    corpus: dict[str, Any] = {f"bleu_{n}": value for n, value in enumerate(whole, 1)}
    columns: dict[str, Any] = {f"bleu_{n}": column for n, column in enumerate(each, 1)}
    for name, scorer in (("rouge_l", Rouge), ("cider_d", Cider), *((("meteor", Meteor),) if meteor else ())):
        corpus[name], columns[name] = scorer().compute_score(meant, said)
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(len(items))]
    return {name: float(value) for name, value in corpus.items()}, rows


@lru_cache(maxsize=16)
def _cider(items: tuple[Item, ...]) -> tuple[float, ...]:
    _library()
    from pycocoevalcap.cider.cider import Cider

    return tuple(map(float, Cider().compute_score(*_tokenized(items))[1]))


def _names(tallies: Sequence[Tally]) -> list[str]:
    return sorted({name for tally in tallies for name in tally.counts})


def _values(tallies: Sequence[Tally], among: Sequence[str]) -> list[float]:
    """Each sample's CIDEr-D, with the n-grams' rarity among the items of these names."""
    items = tuple((said, tuple(meant)) for said, meant in map(json.loads, among))
    of = dict(zip(among, _cider(items), strict=True))
    return [sum(n * of[name] for name, n in t.counts.items()) / sum(t.counts.values()) for t in tallies]


class CiderD(Metric):
    """Mean CIDEr-D over samples. A caption with its references is the name of a count, so that a corpus adds up."""

    name, label, unit, bounds = "cider_d", "CIDEr-D", "points", (0.0, 10.0)

    @property
    def worst(self) -> float | None:
        """An empty caption's."""
        return None

    def counts(self, outcome: Outcome) -> Counts:
        """The item itself."""
        return {json.dumps([outcome.detail["said"], outcome.detail["meant"]], ensure_ascii=False): 1.0}

    def value(self, total: Counts) -> float | None:
        """The mean over the items."""
        found = {name: number for name, number in total.items() if number}
        tallies = [Tally(0.0, {name: number}) for name, number in found.items()]
        if not tallies:
            return None
        values = _values(tallies, _names(tallies))
        return sum(n * value for n, value in zip(found.values(), values, strict=True)) / sum(found.values())

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """The bootstrap of the mean, with the rarity of n-grams as it is."""
        return intervals.mean(_values(tallies, _names(tallies)), clusters)

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """Sign flips of the samples' CIDEr-D, the rarity of n-grams taken from each side's own items."""
        old, new = ([_values(arm, _names(arm)) for arm in side] for side in (before, after))
        flat = [[x - y for x, y in zip(*side, strict=True)] if len(side) > 1 else side[0] for side in (old, new)]
        return paired.compare(flat[0], flat[1], clusters)


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """Nothing by itself: CIDEr-D is a figure of a corpus."""
    del text
    return 0.0, {"said": answer.value or "", "meant": list(references(sample))}


def _summary(verdicts: Sequence[Any], samples: Sequence[Sample]) -> OfficialFigure:
    parts = scores([(str(v), references(s)) for v, s in zip(verdicts, samples, strict=True)])[0] if samples else {}
    return OfficialFigure("cider_d", parts.get("cider_d"), len(samples), parts=parts)


SCORER = Scorer(
    name="cider_d",
    version="1",
    score=_score,
    doc="mean CIDEr-D of captions in PTB tokens; official.parts has BLEU, ROUGE-L and METEOR",
    metric=CiderD(),
    source="pycocoevalcap 1.2",
    official=lambda text, sample: text or "",
    official_summary=_summary,
    extra="captions",
)
