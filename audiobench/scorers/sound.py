"""Scorers of sound: what measures (`audiobench.sound`) said of each answer's sound, as a score.

A measure gives numbers for a sound (`Figure`: how like its caption, its reference or the voice it should have; a listener's
rating), or what a network makes of it (`Frechet`, `Inception`: a vector, or labels' logits), which makes figures of whole sets.
An answer without usable sound has no vector, so that these figures leave it out; their n, and the summary, say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf
from typing import TYPE_CHECKING, Any

from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers.base import Scorer, ScoreResult
from audiobench.scorers.metrics import Counts, Mean, Metric, Side, Tally
from audiobench.statistics import sounds
from audiobench.statistics.intervals import Interval
from audiobench.statistics.paired import PairedComparison

if TYPE_CHECKING:
    import numpy as np

VECTOR, REFERENCE_VECTOR, LOGITS, REFERENCE_LOGITS = "vector", "reference_vector", "logits", "reference_logits"
"""Keys of an outcome's `detail`, each an array of shape (d,)."""


@dataclass(frozen=True, slots=True)
class SoundTally(Tally):
    """One sample's sounds, all repetitions: rows of what a network made of them and of their references."""

    made: np.ndarray
    """Shape (repetitions, d)."""
    reference: np.ndarray | None
    """The same; None where the figure needs no reference."""


class OfSets(Metric):
    """Base of figures of whole sets of sounds: a subclass gives `made` (and `against`), the key of its arrays, and `figure`."""

    of_sets = True
    made = VECTOR
    against = ""

    def figure(self, rows: _Rows, without: Sequence[int] | None) -> float | None:
        """The figure without the samples at some places."""
        raise NotImplementedError

    def counts(self, outcome: Outcome) -> Counts:
        """Whether it adds to the figure; what it adds are arrays (`tally`)."""
        return {"n": float(self.made in outcome.detail)}

    def value(self, total: Counts) -> float | None:
        """No figure of sets can be made of numbers alone."""
        del total
        return None

    def tally(self, outcomes: Iterable[Outcome]) -> SoundTally | None:
        """The arrays of a sample's repetitions; None where it has none."""
        import numpy as np

        found = [outcome for outcome in outcomes if self.made in outcome.detail]
        found = [outcome for outcome in found if not self.against or self.against in outcome.detail]
        if not found:
            return None
        values = [outcome.value or 0.0 for outcome in found]
        rows = np.stack([outcome.detail[self.made] for outcome in found])
        reference = np.stack([outcome.detail[self.against] for outcome in found]) if self.against else None
        return SoundTally(fsum(values) / len(values), {"n": 1.0}, rows, reference)

    def of(self, tallies: Sequence[Tally]) -> float | None:
        """The figure of these samples."""
        return self.figure(_Rows.of(tallies), None) if tallies else None

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """The grouped jackknife (`audiobench.statistics.sounds`)."""
        del epochs  # a sample's repetitions are in its tally and are left out together
        rows = _Rows.of(tallies)
        return sounds.interval(
            lambda without: self.figure(rows, without), len(tallies), clusters, lowest=self.bounds[0]
        )

    def difference(self, before: Side, after: Side, clusters: Sequence[str] | None = None) -> PairedComparison:
        """`after` minus `before`; the same samples are left out of both sides."""
        n = len(before[0])
        sides = [[_Rows.of(arm) for arm in side] for side in (before, after)]

        def both(without: Sequence[int] | None) -> list[float] | None:
            found: list[float] = []
            for side in sides:
                values = [self.figure(rows, without) for rows in side]
                if any(value is None for value in values):
                    return None
                first, *second = (value or 0.0 for value in values)
                found.append(first - second[0] if second else first)
            return found

        def apart(without: Sequence[int] | None) -> float | None:
            values = both(without)
            return None if values is None else values[1] - values[0]

        values = both(None) or [0.0, 0.0]
        low, high = self.bounds
        known = sounds.change(apart, n, clusters, high - low)
        least = 0.0 if known.p < 1 else 1.0
        return PairedComparison(
            n, values[0], values[1], values[1] - values[0], known.interval, 0, 0, known.p, "jackknife-t", known.mde,
            len(set(clusters)) if clusters else None, known.p_less, known.p_greater, least,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """The arrays of many samples, and each sample's rows in them."""

    made: np.ndarray
    reference: np.ndarray | None
    places: Sequence[Sequence[int]]
    cache: dict[str, Any]
    """What a figure keeps from one call to the next."""

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> _Rows:
        import numpy as np

        found = [tally for tally in tallies if isinstance(tally, SoundTally)]
        places: list[list[int]] = []
        end = 0
        for tally in found:
            places.append(list(range(end, end + len(tally.made))))
            end += len(tally.made)
        references = [tally.reference for tally in found if tally.reference is not None]
        reference = np.concatenate(references) if references else None
        return cls(np.concatenate([tally.made for tally in found]), reference, places, {})

    def rows(self, samples: Sequence[int]) -> list[int]:
        """The rows of samples at some places."""
        return [row for sample in samples for row in self.places[sample]]


class Frechet(OfSets):
    """Frechet distance of the answers' vectors from those of their references."""

    unit = "distance"
    higher_is_better = False
    bounds = (0.0, inf)
    against = REFERENCE_VECTOR

    def figure(self, rows: _Rows, without: Sequence[int] | None) -> float | None:
        """From moments of all, less those of the samples left out; what rounding makes negative is 0."""
        if rows.reference is None:
            return None
        if "whole" not in rows.cache:
            rows.cache["whole"] = sounds.Moments.of(rows.made), sounds.Moments.of(rows.reference)
        made, reference = rows.cache["whole"]
        if without is not None:
            left = rows.rows(without)
            made = made - sounds.Moments.of(rows.made[left])
            reference = reference - sounds.Moments.of(rows.reference[left])
        found = sounds.frechet(made, reference)
        return None if found is None else max(0.0, found)


class Inception(OfSets):
    """Inception score of the answers' labels, of the whole set at once."""

    unit = "points"
    bounds = (1.0, inf)
    made = LOGITS

    def figure(self, rows: _Rows, without: Sequence[int] | None) -> float | None:
        """From the sums of the distributions and of their entropies, less those of the samples left out."""
        import numpy as np

        if "whole" not in rows.cache:
            p = sounds.softmax(rows.made.astype(float))
            entropies = (p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1)
            rows.cache["whole"] = p, entropies, p.sum(axis=0), float(entropies.sum())
        p, entropies, total, entropy = rows.cache["whole"]
        n = float(len(p))
        if without is not None:
            left = rows.rows(without)
            total, entropy, n = total - p[left].sum(axis=0), entropy - float(entropies[left].sum()), n - len(left)
        return sounds.inception(total, entropy, n) if n > 0 else None


class Figure(Mean):
    """The mean of a number that a measure gives for each sound; an answer without usable sound counts as `worst`, and where
    that is None it is left out.
    """

    def __init__(self, name: str, *, lacking: float | None, **facts: object) -> None:
        super().__init__(name, **facts)
        self._lacking = lacking

    @property
    def worst(self) -> float | None:
        """What an answer without usable sound counts as."""
        return self._lacking

    @property
    def averaged(self) -> bool:
        """Not with accuracies."""
        return self.unit == "rating"

    def tally(self, outcomes: Iterable[Outcome]) -> Tally | None:
        """The mean value of those that have one."""
        return super().tally(outcome for outcome in outcomes if outcome.detail.get("lacking") is None)


def _lacking(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """An answer without usable sound, where it counts as nothing."""
    del answer, sample, text
    return 0.0, {"lacking": "sound"}


FIGURES: Mapping[str, Metric] = {
    "frechet": Frechet("frechet", label="Frechet distance of the sounds from their references"),
    "kl": Figure("kl", label="KL divergence of the sound's labels from its reference's", unit="nats", lacking=None,
                 higher_is_better=False, bounds=(-inf, inf)),
    "inception": Inception("inception", label="inception score"),
    "text_similarity": Figure("text_similarity", label="similarity of sound and caption", unit="cosine", lacking=0.0,
                              bounds=(-1.0, 1.0)),
    "reference_similarity": Figure("reference_similarity", label="similarity of the sound and its reference", unit="cosine",
                                   lacking=0.0, bounds=(-1.0, 1.0)),
    "voice_similarity": Figure("voice_similarity", label="similarity of the voice and the one that was asked for",
                               unit="cosine", lacking=0.0, bounds=(-1.0, 1.0)),
    "mos_signal": Figure("mos_signal", label="the same of the voice itself", unit="rating", lacking=1.0, bounds=(1.0, 5.0)),
    "mos_background": Figure("mos_background", label="the same of what is behind it", unit="rating", lacking=1.0,
                             bounds=(1.0, 5.0)),
    "mos_p808": Figure("mos_p808", label="predicted P.808 score, from 1 to 5", unit="rating", lacking=1.0,
                       bounds=(1.0, 5.0)),
    "mos": Figure("mos", label="predicted mean opinion score, from 1 to 5", unit="rating", lacking=1.0, bounds=(1.0, 5.0)),
}  # fmt: skip
"""Every figure that measures of sound allow, by name; those that need no whole set are numbers of a measure's line too."""


def figure_value(name: str, values: Mapping[str, float], arrays: Mapping[str, np.ndarray]) -> float | None:
    """One sound's own part of a figure: the measure's number, its KL divergence, or the squared distance of its vector from
    its reference's. None where the measure does not give it.
    """
    import numpy as np

    if name == "kl":
        pair = [arrays.get(key) for key in (REFERENCE_LOGITS, LOGITS)]
        if pair[0] is None or pair[1] is None:
            return None
        return float(sounds.divergences(pair[0][None], pair[1][None])[0])
    if name == "frechet":
        pair = [arrays.get(key) for key in (REFERENCE_VECTOR, VECTOR)]
        return None if pair[0] is None or pair[1] is None else float(np.square(pair[1] - pair[0]).sum())
    if name == "inception":
        return 0.0 if LOGITS in arrays else None
    return values.get(name)


def _scorer(name: str, doc: str, source: str = "") -> Scorer:
    return Scorer(
        name=f"sound_{name}", version="1", score=_lacking, doc=doc, metric=FIGURES[name], needs_target=False,
        measured=name, source=source,
    )  # fmt: skip


_AUDIOLDM_EVAL = "haoheliu/audioldm_eval @8dc07ee7c42f9dc6e295460a1034175a0d49b436"
FRECHET = _scorer(
    "frechet", "Frechet distance of the answers' vectors from their references' (FAD, FD)", _AUDIOLDM_EVAL
)
KL = _scorer("kl", "KL divergence of each answer's labels from its reference's, averaged", _AUDIOLDM_EVAL)
INCEPTION = _scorer("inception", "inception score of the answers' labels, of the whole set at once", _AUDIOLDM_EVAL)
TEXT_SIMILARITY = _scorer("text_similarity", "cosine of what a CLAP model makes of the sound and of its caption")
REFERENCE_SIMILARITY = _scorer("reference_similarity", "cosine of what a model makes of the sound and of its reference")
VOICE_SIMILARITY = _scorer(
    "voice_similarity", "cosine of a speaker model's vectors of the sound and of the voice asked for"
)
MOS = _scorer("mos", "mean opinion score as a model predicts it")
