"""Two or more arms of the same samples: accuracy each, differences to the first, what was not scored, what it took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from audiobench.analysis import comparable
from audiobench.analysis.arms import Arm, common, paired, relabelled
from audiobench.analysis.measure import as_dict, difference, score
from audiobench.analysis.spending import spending
from audiobench.results.reasoned import contrary, counted
from audiobench.results.runs import Scored
from audiobench.results.score import metric_of
from audiobench.results.summary import whole_set
from audiobench.statistics.multiplicity import benjamini_hochberg


def compare_arms(arms: Sequence[Arm], *, allowed: Collection[str] = ()) -> dict[str, Any]:
    """Compare every arm with the first, over the samples and option orders that all of them answered.

    Returns a JSON-ready dict: task, metric, unit (of `scorers.metrics.UNITS`), higher_is_better, n, rows (of
    the whole data set, None where that is not known), lost, arms (value, ci, counts, parsed_only, spending), pairs (b - a with its breakdown), notes.

    Raises:
        NotComparableError: the arms do not rest on the same prompt, samples, audio, extraction, scorer or judge.
    """
    if len({arm.run.folder for arm in arms}) == 1:
        arms = relabelled(arms)
    task = arms[0].task_run.task
    made = metric_of(task)
    answered = [arm.answered for arm in arms]
    everyone = set().union(*(arm.slots for arm in arms))
    whole, arms = arms, paired(arms)
    ids = list(arms[0].slots)
    excused: list[str] = []
    notes = [f"{arm.label}: {unlike}" for arm in arms if (unlike := thought_otherwise(arm))]
    for arm in arms[1:]:
        excused += comparable.check(arms[0], arm, ids, allowed)
        notes += comparable.notes(arms[0], arm)
    notes += [f"{part} differs, which was allowed" for part in dict.fromkeys(excused)]
    lost = {
        "samples": len(everyone),
        "common": len(ids),
        "by_arm": {
            arm.label: {"not_asked": len(everyone - arm.slots.keys()), "no_response": len(arm.slots.keys() - found)}
            for arm, found in zip(whole, answered, strict=True)
        },
        "no_common_order": len(common(whole)) - len(ids),
        "requests": requests_of(whole, arms),
    }
    pairs = [_pair(arms[0], arm, ids) for arm in arms[1:]]
    _adjust(pairs)
    return {
        "task": task.task,
        "metric": made.name,
        "unit": made.unit,
        "higher_is_better": made.higher_is_better,
        "n": len(ids),
        "rows": whole_set(arms[0].task_run),
        "lost": lost,
        "arms": [_arm(arm, ids) for arm in arms],
        "pairs": pairs,
        "notes": notes,
    }


def effective(arm: Arm) -> list[str]:
    """What was really done about thinking, where it is not what was asked."""
    return sorted({done for s in arm if s.record.response and (done := s.record.response.think_effective)})


def thought_otherwise(arm: Arm) -> str:
    """How its responses contradict their think mode; empty where they do not."""
    return contrary(arm.how.think, effective(arm), counted(s.record.response for s in arm))


def requests_of(whole: Sequence[Arm], arms: Sequence[Arm]) -> dict[str, dict[str, int]]:
    """Label -> of the compared samples: requests made, those without a response, responses that were set aside.

    Set aside: at an option order at which another arm has none.
    """
    found = {}
    for before, after in zip(whole, arms, strict=True):
        known = [s.outcome.value is not None for sample in after.slots for s in before.of_sample(sample)]
        kept = sum(s.outcome.value is not None for s in after)
        found[before.label] = {
            "made": len(known), "no_response": known.count(False), "set_aside": known.count(True) - kept,
        }  # fmt: skip
    return found


def _arm(arm: Arm, ids: Sequence[str]) -> dict[str, Any]:
    value, interval = score(arm, ids)
    parsed = arm.only(ids).kept(_is_scored)
    known = list(parsed.slots)
    parsed_value, parsed_interval = score(parsed, known)
    return {
        "label": arm.label,
        "model": arm.run.model,
        "name": arm.run.info.name,
        "run": str(arm.run.folder),
        "condition": arm.how._asdict(),
        "think_effective": effective(arm),
        "n": len(ids),
        "value": value,
        "ci": [interval.low, interval.high],
        "interval": interval.method,
        "counts": counts(arm, ids),
        "parsed_only": {"n": len(known), "value": parsed_value, "ci": [parsed_interval.low, parsed_interval.high]},
        **spending(arm, ids),
    }


def _is_scored(scored: Scored) -> bool:
    return scored.outcome.status == "scored"


def counts(arm: Arm, ids: Sequence[str]) -> dict[str, int]:
    """Responses by what became of them; `truncated` is told apart by what the token limit cut.

    truncated_thinking: the thought never ended, so there is no answer; truncated_answer: the answer was cut;
    budget_reached: a thinking budget closed the thought and the model went on to answer (not a failure).
    """
    found: dict[str, int] = dict.fromkeys(
        ("responses", "scored", "unparsed", "refused", "truncated_thinking", "truncated_answer", "error",
         "invalid_audio", "budget_reached"), 0,
    )  # fmt: skip
    for sample in ids:
        for scored in arm.of_sample(sample):
            response, status = scored.record.response, scored.outcome.counted_as
            found["responses"] += response is not None
            if status == "truncated":
                unfinished = response is not None and not response.reasoning_closed
                found["truncated_thinking" if unfinished else "truncated_answer"] += 1
            else:
                found[status] += 1
            found["budget_reached"] += bool(scored.record.raw.get("thinking_cut"))
    return found


def _pair(a: Arm, b: Arm, ids: Sequence[str]) -> dict[str, Any]:
    first, second = a.only(ids).kept(_is_scored), b.only(ids).kept(_is_scored)
    both = [sample for sample in ids if sample in first.slots and sample in second.slots]
    return {
        "a": a.label,
        "b": b.label,
        **{f"value_{k}" if k in "ab" else k: v for k, v in as_dict(difference(a, b, ids)).items()},
        "parsed_only": {k: v for k, v in as_dict(difference(first, second, both)).items() if k not in "ab"},
        "breakdown": breakdown(a, b, ids),
    }


def breakdown(a: Arm, b: Arm, ids: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Column -> label -> difference; `p_adjusted` is Benjamini-Hochberg over every label of every column."""
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for column, labels in groups(a, ids).items():
        tables[column] = {}
        for name, members in labels.items():
            row = as_dict(difference(a, b, members))
            tables[column][name] = {f"value_{k}" if k in "ab" else k: v for k, v in row.items()}
    rows = [row for labels in tables.values() for row in labels.values()]
    for row, adjusted in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = adjusted
    return tables


def groups(arm: Arm, ids: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Breakdown column -> label -> sample ids; columns with a single label are left out."""
    tables: dict[str, dict[str, list[str]]] = {}
    for column in arm.task_run.task.breakdown:
        labels: dict[str, list[str]] = {}
        for sample in ids:
            value = next(iter(arm.of_sample(sample))).shown.metadata.get(column)
            labels.setdefault("(none)" if value is None else str(value), []).append(sample)
        if len(labels) > 1:
            tables[column] = dict(sorted(labels.items()))
    return tables


def _adjust(pairs: Sequence[dict[str, Any]]) -> None:
    """Benjamini-Hochberg over the comparisons with the first arm, where there are several."""
    for pair, adjusted in zip(pairs, benjamini_hochberg([pair["p"] for pair in pairs]), strict=True):
        pair["p_adjusted"] = adjusted
