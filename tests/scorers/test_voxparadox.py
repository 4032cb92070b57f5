"""VoxParadox: agreement with what the words claim."""

from __future__ import annotations

from typing import Any

import pytest

from audiobench.core.types import Answer, Sample
from audiobench.scorers.voxparadox import SCORER


@pytest.mark.parametrize("claimed", ["Man", "A", ["man"], ["man", "boy"]])
def test_the_claimed_option_agrees_and_no_other(claimed: Any) -> None:
    sample = Sample("1", "Who?", choices=("man", "woman"), target="woman", metadata={"adversarial_labels": claimed})
    values = [SCORER.score(Answer(letter, "", index), sample, "")[0] for index, letter in enumerate("AB")]
    assert values == [1.0, 0.0]
    assert SCORER.score(Answer(None), sample, "")[0] == 1.0, "silence is no merit"


def test_less_agreement_is_better() -> None:
    assert not SCORER.metric.higher_is_better
