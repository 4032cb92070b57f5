"""Do answers depend on the order of the options, or change when the same question is asked again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from audiobench.ablation.arms import Arm, chosen_slot, chosen_text, clusters_of
from audiobench.ablation.measure import is_share, means
from audiobench.results import Scored
from audiobench.statistics.listening import option_order, position_bias, self_consistency
from audiobench.statistics.passk import maj_at_k, pass_at_k, pass_hat_k

RIGHT = "\0right"
"""Stands for every answer that was scored as right, so that two spellings of it agree."""


def option_stability(arm: Arm) -> dict[str, Any] | None:
    """Accuracy at each option order, circular accuracy, position histogram; None with one order or no options.

    Over the samples that have an answered epoch at every order of theirs. A sample with fewer options than there are
    orders was not asked again what it had been asked: its options, rotated further, come to an order that it has, whose
    answers stand for it. The histogram counts every answer of these samples once.
    """
    if not is_share(arm.task_run.task):
        return None
    orders = sorted({order for sample in arm.slots.values() for order in sample})
    table = means(arm, arm.slots)
    options = {i: _options(arm, i) for i in arm.slots}
    rotated = {i: [order % options[i] for order in orders] for i in arm.slots if options[i]}
    ids = [i for i, own in rotated.items() if all(order in table.get(i, {}) for order in own)]
    if len(orders) < 2 or not ids:
        return None
    values = [[table[i][order] for order in rotated[i]] for i in ids]
    answers = [[_first_answer(arm.slots[i][order].values()) for order in rotated[i]] for i in ids]
    found = asdict(option_order(values, answers, clusters_of(arm, ids)))
    return {**found, "position": positions(arm.only(ids)), "lost": len(arm.slots) - len(ids)}


def positions(arm: Arm) -> dict[str, Any]:
    """How often each offered place was chosen, against an even choice (places count the offered options only).

    Every answer is counted; the test takes the sample as its unit.
    """
    chosen: list[int | None] = []
    offered: list[int] = []
    samples: list[str] = []
    for scored in arm:
        places = [slot for slot, text in enumerate(scored.record["sample"]["choices"]) if text is not None]
        slot = chosen_slot(scored)
        if scored.outcome.value is not None and places:
            chosen.append(places.index(slot) if slot in places else None)
            offered.append(len(places))
            samples.append(scored.id)
    return asdict(position_bias(chosen, offered, samples))


def consistency(arm: Arm) -> dict[str, Any] | None:
    """Agreement, maj@k, pass@k and pass^k over epochs at the published option order; None with one epoch.

    maj@k is given for k = 1, 3, 5, ... and k = all epochs. Samples with an unanswered epoch are left out and counted.
    """
    epochs = arm.task_run.epochs
    if epochs < 2 or not is_share(arm.task_run.task):
        return None
    rows = {}
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
    return {
        **summary,
        "n": n,
        "epochs": epochs,
        "maj_at": {k: sum(maj_at_k(row, RIGHT, k) for row in answers) / n for k in sorted({*odd, epochs})},
        "pass_at": {k: sum(pass_at_k(epochs, c, k) for c in rights) / n for k in range(1, epochs + 1)},
        "pass_hat": {k: sum(pass_hat_k(epochs, c, k) for c in rights) / n for k in range(1, epochs + 1)},
        "lost": len(arm.slots) - n,
    }


def _countable(n: int, k: int) -> bool:
    from math import comb

    return comb(n, k) <= 2000


def _vote(scored: Scored) -> str | None:
    if scored.outcome.status != "scored":
        return None
    return RIGHT if (scored.outcome.value or 0.0) >= 0.5 else chosen_text(scored)


def _first_answer(epochs: Any) -> str | None:
    first: Sequence[Scored] = sorted(epochs, key=lambda scored: scored.epoch)
    return chosen_text(first[0]) if first else None


def _options(arm: Arm, sample: str) -> int:
    choices = next(iter(arm.of_sample(sample))).record["sample"]["choices"]
    return sum(text is not None for text in choices)
