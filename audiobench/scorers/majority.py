"""Questions that are asked in several runs, of which the option that most of them choose counts."""

from __future__ import annotations

from collections import defaultdict

from audiobench.core.types import Answer, Outcome, Sample
from audiobench.scorers.base import Scorer, ScoreResult, choice_text, option_match
from audiobench.scorers.metrics import Counts
from audiobench.scorers.starbench import AllRotations, question_of

_BETWEEN = "\x1f"
_EARLIER = 1 / 64
"""What the first run's vote has more than one; each later one has half of the one before, which decides ties and no more."""


class Majority(AllRotations):
    """Share of questions of which the option that most runs choose is the target; the earliest of those on a tie.

    A run without an option has no vote.
    """

    name, label = "majority_acc", "questions of which most runs choose the target"

    def counts(self, outcome: Outcome) -> Counts:
        """The question, and the run's vote for its target or for another option."""
        detail = outcome.detail
        question = detail.get("question", "")
        found = {f"asked {question}": 1.0}
        if detail.get("said") is not None:
            name = "" if outcome.value else str(detail["said"])
            found[f"vote {question}{_BETWEEN}{name}"] = 1.0 + _EARLIER * 0.5 ** int(detail.get("run", 0))
        return found

    def whole(self, counts: Counts) -> dict[str, float]:
        """Question -> 1 where the target has most votes, else 0."""
        votes: dict[str, dict[str, float]] = defaultdict(dict)
        for name, n in counts.items():
            if name.startswith("vote ") and n:
                question, option = name[5:].rsplit(_BETWEEN, 1)
                votes[question][option] = n
        asked = [name[6:] for name, n in counts.items() if name.startswith("asked ") and n]
        return {
            question: float(bool(votes[question]) and max(votes[question], key=votes[question].__getitem__) == "")
            for question in asked
        }


def _score(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    run = sample.id.rpartition("@")[2]
    detail = {
        "question": question_of(sample),
        "said": choice_text(answer, sample),
        "run": int(run) if run.isdigit() else 0,
    }
    return option_match(answer, sample, text)[0], detail


SCORER = Scorer(
    name="majority_vote",
    version="1",
    score=_score,
    doc="questions of which most runs choose the target; a sample's id ends with @ and the number of its run",
    metric=Majority(),
    extraction=("multiple_choice",),
)
