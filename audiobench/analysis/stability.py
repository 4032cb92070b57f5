"""Do answers depend on the order of the options, or change when the same question is asked again?"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict

from audiobench.analysis.arms import Arm, chosen_slot, chosen_text, clusters_of
from audiobench.analysis.measure import is_share, value_of
from audiobench.results.runs import Scored
from audiobench.statistics.listening import (
    OptionOrder,
    PositionBias,
    SelfConsistency,
    option_order,
    position_bias,
    self_consistency,
)
from audiobench.statistics.passk import maj_at_k, pass_at_k, pass_hat_k

RIGHT = "\0right"
"""Stands for every answer that was scored as right, so that two spellings of it agree."""


class OptionStability(OptionOrder, kw_only=True, frozen=True):
    """How the answers of one arm move with the order of the options."""

    arm: str
    think: str
    audio: str
    prompt: str
    protocol: str
    position: PositionBias
    lost: int
    """Samples without an epoch that is answered at every order of theirs."""


class Consistency(SelfConsistency, kw_only=True, frozen=True):
    """How the answers of one arm agree over its epochs; `maj_at`, `pass_at` and `pass_hat` are by k."""

    arm: str
    think: str
    audio: str
    prompt: str
    protocol: str
    n: int
    epochs: int
    maj_at: dict[int, float]
    """For k = 1, 3, 5, ... and k = all epochs."""
    pass_at: dict[int, float]
    pass_hat: dict[int, float]
    lost: int
    """Samples with an unanswered epoch."""


def option_stability(arm: Arm) -> OptionStability | None:
    """Accuracy at each option order, circular accuracy, position histogram; None with one order or no options.

    Over the samples with an epoch that is answered at every order of theirs: as many as the run has, or as they have
    options. Each such epoch counts for itself. The histogram counts every answer of these samples.
    """
    if not is_share(arm.task_run.task):
        return None
    orders = sorted({order for sample in arm.slots.values() for order in sample})
    rows = {i: _rows(arm, i, orders) for i in arm.slots}
    ids = [i for i, found in rows.items() if found]
    if len(orders) < 2 or not ids:
        return None
    answered = [row for i in ids for row in rows[i]]
    keys = clusters_of(arm, ids) or ids
    clusters = [key for i, key in zip(ids, keys, strict=True) for _ in rows[i]]
    values = [[value_of(scored) for scored in row] for row in answered]
    answers = [[chosen_text(scored) for scored in row] for row in answered]
    found = {**asdict(option_order(values, answers, clusters)), "n": len(ids)}
    place = positions(arm.only(ids))
    return OptionStability(**found, arm=arm.label, **arm.how._asdict(), position=place, lost=len(arm.slots) - len(ids))


def _rows(arm: Arm, sample: str, orders: Sequence[int]) -> list[list[Scored]]:
    """The sample's answers at each of its orders, one row for every epoch that has them all."""
    choices = next(iter(arm.of_sample(sample))).shown.choices
    own = orders[: sum(text is not None for text in choices)]
    found = [arm.slots[sample].get(order, {}) for order in own]
    epochs = sorted(set[int].intersection(*(set(answers) for answers in found))) if found else []
    rows = [[answers[epoch] for answers in found] for epoch in epochs]
    return [row for row in rows if all(scored.outcome.value is not None for scored in row)]


def positions(arm: Arm) -> PositionBias:
    """How often each offered place was chosen, against an even choice (places count the offered options only).

    Every answer is counted; the test takes the sample as its unit.
    """
    chosen: list[int | None] = []
    offered: list[int] = []
    samples: list[str] = []
    for scored in arm:
        places = [slot for slot, text in enumerate(scored.shown.choices) if text is not None]
        slot = chosen_slot(scored)
        if scored.outcome.value is not None and places:
            chosen.append(places.index(slot) if slot in places else None)
            offered.append(len(places))
            samples.append(scored.id)
    return position_bias(chosen, offered, samples)


def consistency(arm: Arm) -> Consistency | None:
    """Agreement, maj@k, pass@k and pass^k over epochs at the published option order; None with one epoch.

    Samples with an unanswered epoch are left out and counted.
    """
    epochs = arm.task_run.epochs
    if epochs < 2 or not is_share(arm.task_run.task):
        return None
    rows: dict[str, list[str | None]] = {}
    for sample, orders in arm.slots.items():
        found = [s for s in orders.get(min(orders), {}).values() if s.outcome.value is not None]
        if len(found) == epochs:
            rows[sample] = [_vote(s) for s in found]
    if not rows:
        return None
    answers = list(rows.values())
    rights = [row.count(RIGHT) for row in answers]
    n = len(answers)
    summary = asdict(self_consistency(answers, [RIGHT] * n))
    odd = [k for k in (1, 3, 5, 7, 9) if k <= epochs and _countable(epochs, k)]
    return Consistency(
        **summary,
        arm=arm.label,
        **arm.how._asdict(),
        n=n,
        epochs=epochs,
        maj_at={k: sum(maj_at_k(row, RIGHT, k) for row in answers) / n for k in sorted({*odd, epochs})},
        pass_at={k: sum(pass_at_k(epochs, c, k) for c in rights) / n for k in range(1, epochs + 1)},
        pass_hat={k: sum(pass_hat_k(epochs, c, k) for c in rights) / n for k in range(1, epochs + 1)},
        lost=len(arm.slots) - n,
    )


def _countable(n: int, k: int) -> bool:
    from math import comb

    return comb(n, k) <= 2000


def _vote(scored: Scored) -> str | None:
    if scored.outcome.status != "scored":
        return None
    return RIGHT if (scored.outcome.value or 0.0) >= 0.5 else chosen_text(scored)
