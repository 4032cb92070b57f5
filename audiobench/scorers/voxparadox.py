"""VoxParadox: how often the answer goes by what the words claim instead of by the voice.

Each clip says of its speaker what is not so; the column `adversarial_labels` holds that claim (arXiv 2605.27772; the card of
IHP-Lab/VoxParadox). The authors report this agreement beside accuracy.
"""

from __future__ import annotations

from audiobench.core.narrow import is_sequence
from audiobench.core.types import LETTERS, Answer, Sample
from audiobench.scorers.base import Scorer, ScoreResult, choice_text
from audiobench.scorers.general import plain_text
from audiobench.scorers.metrics import Mean

AGREEMENT = Mean("agrees_with_words", label="share of answers that are what the words claim", higher_is_better=False)


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    """1 when the extracted option is a claimed one, by its text or its letter; an answer that cannot be read counts as one,
    so that silence is no merit.
    """
    del text
    if answer.index is None:
        return 1.0, {}
    claimed = sample.metadata.get("adversarial_labels")
    claims = {plain_text(str(claim)) for claim in (claimed if is_sequence(claimed) else [claimed]) if claim}
    said = {plain_text(choice_text(answer, sample) or ""), plain_text(LETTERS[answer.index])}
    return float(bool(said & claims)), {}


SCORER = Scorer(
    name="voxparadox_agreement",
    version="1",
    score=_score,
    doc="the extracted option is what the clip's words claim against its voice (VoxParadox)",
    metric=AGREEMENT,
    source="arXiv 2605.27772",
    extraction=("multiple_choice",),
    columns=("adversarial_labels",),
    needs_target=False,
)
