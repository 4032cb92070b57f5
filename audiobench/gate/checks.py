"""The decision: which checks, in which order, and what each of them finds. Pure: arms in, verdict out.

A regression needs both a significant paired one-sided test and a drop beyond the margin: fixed tolerances alone are
noisy at small n and blind at large n. All tests of a verdict (scores, unparsed rates, think gains) are one Holm
family, so that the chance of any false alarm is at most alpha. Tests that could not reach alpha whatever the signs of
their changes are not counted (Tarone 1990): given how many samples changed they can never be rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isfinite

from msgspec import structs

from audiobench.core.plain_text import plural
from audiobench.files.summary_entry import RATERS
from audiobench.gate.arms import FAILED, Arm, Row
from audiobench.gate.baseline import Baseline, short_id
from audiobench.gate.policy import Policy
from audiobench.gate.verdict import Check, Flip, Item, Level, Measured, Verdict, label, placed, shown, size
from audiobench.scorers.metrics import Mean, Metric, Side, Tally
from audiobench.statistics.clusters import shared_clusters
from audiobench.statistics.distributions import normal_quantile
from audiobench.statistics.multiplicity import holm

Pair = tuple[str, Row, Row]
"""(sample id, baseline row, candidate row)."""
UNUSABLE = Mean("unusable", label="responses without a usable answer", unit="rate", higher_is_better=False)
CHECK_BYTES = ("samples", "audio")
"""Fingerprint parts that are compared sample by sample where the candidate is not complete."""


def evaluate(
    baseline: Baseline,
    candidate: Sequence[Arm],
    policy: Policy,
    *,
    tasks: Sequence[str] | None = None,
    names: tuple[str, str, str] = ("", "", ""),
) -> Verdict:
    """Compare; `tasks` restricts it, `names` are (candidate model, baseline file, run directory) for the report."""
    verdict = Verdict(names[0], names[1], baseline.title, names[2], policy.alpha, policy.power)
    arms = {arm.key: arm for arm in candidate}
    reference = [arm for arm in baseline.arms if tasks is None or arm.task in tasks]
    for name in tasks or ():
        if name not in baseline.tasks:
            missing = Item("score", name, "", "acc", 0.0)
            missing.checks.append(Check("present", "incomplete", f"{name}: not in the baseline"))
            verdict.items.append(missing)
    paired: dict[tuple[str, str], tuple[Arm, Arm, list[Pair]]] = {}
    for arm in reference:
        item = Item(
            "score", arm.task, label(arm), arm.metric.name, policy.margin_of(arm.task, arm.metric), n=len(arm.rows),
            lower_is_better=not arm.metric.higher_is_better, unit=arm.metric.unit,
            must_show=policy.must_show(arm.task, arm.metric),
        )  # fmt: skip
        verdict.items.append(item)
        pairs = _score(item, arm, arms.get(arm.key), candidate, policy)
        if pairs is not None:
            paired[arm.key] = (arm, arms[arm.key], pairs)
    verdict.items.extend(_gains(reference, paired, policy))
    if not reference and not verdict.items:
        nothing = Item("score", "(none)", "", "acc", 0.0)
        nothing.checks.append(Check("present", "incomplete", "the baseline holds no task"))
        verdict.items.append(nothing)
    _judge(verdict, policy)
    known = {arm.key for arm in baseline.arms}
    idle = policy.check_tasks(baseline.tasks, [arm.task for arm in candidate])
    verdict.notes += [f"the policy sets something for {name}, which is not in the baseline" for name in idle]
    gated = [arm for arm in candidate if tasks is None or arm.task in tasks]
    verdict.notes += [f"{arm.task}, {label(arm)}: {arm.thought}" for arm in gated if arm.thought]
    verdict.notes += [
        f"{arm.task}, {label(arm)}: not in the baseline, not gated" for arm in gated if arm.key not in known
    ]
    return verdict


def _score(item: Item, before: Arm, after: Arm | None, candidate: Sequence[Arm], policy: Policy) -> list[Pair] | None:
    """Checks 1 to 6, and the numbers of 7; None where the arms cannot be compared."""
    where = f"{before.task}, {label(before)}"
    if after is None:
        has = [label(arm) for arm in candidate if arm.task == before.task]
        if has:
            return _refuse(item, "present", "not_comparable", f"{where}: not in the run, which has {'; '.join(has)}")
        return _refuse(item, "present", "incomplete", f"{where}: the run has no such task")
    if not before.rows or not after.rows:
        empty = "baseline" if not before.rows else "run"
        return _refuse(item, "present", "incomplete", f"{where}: the {empty} has no samples")
    item.checks.append(Check("present", "pass", f"{where}: {after.size} samples"))
    item.rows = after.whole
    where = placed(where, after.size)
    item.unit = after.metric.unit  # a baseline of version 0.1 does not name it
    complete = not after.failures and before.ids_sha256 == after.ids_sha256
    different = _different_parts(before, after, complete)
    if different:
        return _refuse(item, "fingerprint", "not_comparable", f"{where}: {'; '.join(different)}")
    if after.counted and any(row.counts is None for row in before.rows.values()):
        name = after.metric.label or after.metric.name
        text = f"{where}: the baseline holds the values of single samples only, from which no {name} of the set can be computed"
        return _refuse(
            item, "score", "not_comparable", text + "; take a new baseline of the same run: --update-baseline"
        )
    by_hash = {short_id(sample, before.id_bytes): sample for sample in after.rows} if before.id_bytes else {}
    if not before.id_bytes:
        by_hash = {sample: sample for sample in after.rows}
    common = [key for key in before.rows if key in by_hash]
    lost, extra = len(before.rows) - len(common), len(after.rows) - len(common)
    if (lost or extra) and not policy.allow_subset:
        sides = ((lost, "baseline", "run"), (extra, "run", "baseline"))
        apart = [f"{n} {plural(n, 'sample')} of the {one} not in the {other}" for n, one, other in sides if n]
        text = f"{where}: {' and '.join(apart)}"
        return _refuse(item, "samples", "not_comparable", text + "; --allow-subset compares the others")
    if not common:
        return _refuse(item, "samples", "not_comparable", f"{where}: no sample in common")
    pairs = [(by_hash[key], before.rows[key], after.rows[by_hash[key]]) for key in common]
    changed = _changed_samples(pairs)
    if changed:
        return _refuse(item, "fingerprint", "not_comparable", f"{where}: {changed}")
    note = f"the {len(common)} common samples only ({lost} lost, {extra} new)" if lost or extra else "the same samples"
    item.checks.append(
        Check("fingerprint", "pass", f"{where}: prompt, extraction, scorer, data and audio are the same")
    )
    item.checks.append(Check("samples", "warn" if lost or extra else "pass", f"{where}: {note}"))
    for part in RATERS:
        if part in after.fingerprint and part not in before.fingerprint:
            text = f"{where}: the baseline does not say which {part} it rests on; the run has {after.fingerprint[part]}"
            item.checks.append(Check(part, "warn", f"{text}; a new baseline (--update-baseline) says it"))
    if dict(before.settings) != dict(after.settings):
        changed = f"{dict(before.settings)} and now {dict(after.settings)}"
        item.checks.append(Check("settings", "warn", f"{where}: generation parameters differ: {changed}"))
    if not _covered(item, where, pairs, policy):
        return None
    pairs = [pair for pair in pairs if pair[1].value is not None and pair[2].value is not None]
    item.measured = _measured(after.metric, _tallies(pairs), pairs)
    unusable = ([[Tally(row.unusable, {}) for row in side]] for side in _columns(pairs))
    item.unparsed = _measured(UNUSABLE, (next(unusable), next(unusable)), pairs)
    item.flips = _flips(before, pairs)
    _floor(item, where, after, policy)
    return pairs


def _refuse(item: Item, name: str, level: Level, message: str) -> None:
    item.checks.append(Check(name, level, message))


def _different_parts(before: Arm, after: Arm, complete: bool) -> list[str]:
    """What differs between the fingerprints, with both values."""
    found: list[str] = []
    if before.metric.name != after.metric.name:
        found.append(f"metric differs: {before.metric.name} in the baseline, {after.metric.name} in the run")
    elif before.metric.higher_is_better != after.metric.higher_is_better:
        words = ["more" if arm.metric.higher_is_better else "less" for arm in (before, after)]
        found.append(f"direction differs: {words[0]} is better in the baseline, {words[1]} in the run")
    elif before.metric.unit != after.metric.unit:
        found.append(f"unit differs: {before.metric.unit} in the baseline, {after.metric.unit} in the run")
    if before.condition.prompt != after.condition.prompt:
        found.append(f"prompt differs: {before.condition.prompt} in the baseline, {after.condition.prompt} in the run")
    if before.think_effective != after.think_effective:
        names = [", ".join(arm.think_effective) or "as asked" for arm in (before, after)]
        found.append(f"thinking was controlled differently: {names[0]} in the baseline, {names[1]} in the run")
    parts = {*before.fingerprint, *after.fingerprint}
    for part in sorted(
        parts - {name for name in RATERS if not (name in before.fingerprint and name in after.fingerprint)}
    ):
        old, new = (
            arm.fingerprint.get(part, "none" if part == "quantisation" else "absent") for arm in (before, after)
        )
        if old != new and (complete or part not in CHECK_BYTES):
            found.append(f"{part} differs: {_short(old)} in the baseline, {_short(new)} in the run")
    return found


def _short(value: str) -> str:
    return f"{value[:12]}..." if len(value) == 64 else value or "none"


def _changed_samples(pairs: Sequence[Pair]) -> str | None:
    """Samples of the same id with another text or another clip."""
    for name, attribute in (("question, options or target", "text_check"), ("audio", "audio_check")):
        differ = [
            sample for sample, before, after in pairs
            if None not in (getattr(before, attribute), getattr(after, attribute))
            and getattr(before, attribute) != getattr(after, attribute)
        ]  # fmt: skip
        if differ:
            return f"{name} of {len(differ)} samples changed, such as {differ[0]}"
    return None


def _covered(item: Item, where: str, pairs: Sequence[Pair], policy: Policy) -> bool:
    letters = "".join(after.statuses for _, _, after in pairs)
    failed = sum(letter in FAILED for letter in letters)
    both = sum(before.value is not None and after.value is not None for _, before, after in pairs)
    rate = failed / len(letters) if letters else 1.0
    allowed = policy.value(item.task, "max_error_rate")
    text = f"{where}: {failed} of {len(letters)} requests have no response ({100 * rate:.1f} %)"
    if rate > allowed or not both:
        text += f", more than {100 * allowed:g} %: run it again; this says nothing about the model"
        item.checks.append(Check("coverage", "incomplete", text))
        return False
    item.checks.append(Check("coverage", "warn" if failed else "pass", text))
    return True


def _floor(item: Item, where: str, after: Arm, policy: Policy) -> None:
    floor, score = policy.floor(item.task, after.metric), after.score
    if floor is None or score is None:
        return
    higher = after.metric.higher_is_better
    below = score < floor if higher else score > floor
    word = ("below" if higher else "above") if below else "within"
    text = f"{where}: {shown(item, score)} is {word} the absolute limit {shown(item, floor)}"
    item.checks.append(Check("floor", "regression" if below else "pass", text))


def _tallies(pairs: Sequence[Pair]) -> tuple[Side, Side]:
    old, new = _columns(pairs)
    return [[row.tally for row in old]], [[row.tally for row in new]]


def _columns(pairs: Sequence[Pair]) -> tuple[list[Row], list[Row]]:
    return [before for _, before, _ in pairs], [after for _, _, after in pairs]


def _measured(metric: Metric, sides: tuple[Side, Side], pairs: Sequence[Pair], *, gain: bool = False) -> Measured:
    clusters = [after.cluster or f"id:{sample}" for sample, _, after in pairs]
    return Measured.of(
        metric.difference(*sides, shared_clusters(clusters)), higher_is_better=metric.higher_is_better, gain=gain
    )


def _flips(arm: Arm, pairs: Sequence[Pair]) -> list[Flip]:
    """Samples that got worse, largest loss first, then those that got better."""
    sign = 1 if arm.metric.higher_is_better else -1
    flips = [
        (sign * ((after.value or 0) - (before.value or 0)), sample, before, after)
        for sample, before, after in pairs
        if before.value != after.value
    ]
    flips.sort(key=lambda flip: flip[:2])
    return [Flip(s, b.value or 0.0, a.value or 0.0, a.answer, a.target) for _, s, b, a in flips]


def _gains(reference: Sequence[Arm], paired: dict[tuple[str, str], tuple[Arm, Arm, list[Pair]]], policy: Policy):
    """The think gain (on minus off) of every task where both runs have both arms: a paired difference in differences.

    Per sample: (on - off) of the candidate minus (on - off) of the baseline.
    """
    for arm in reference:
        if arm.condition.think != "on" or policy.value(arm.task, "think_gain") == "off":
            continue
        off = structs.replace(arm.condition, think="off")
        on_found, off_found = paired.get(arm.key), paired.get((arm.task, off.label))
        if on_found is None or off_found is None:
            continue
        others = {sample: (before, after) for sample, before, after in off_found[2]}
        both = [pair for pair in on_found[2] if pair[0] in others]
        if not both:
            continue
        item = Item(
            "think_gain", arm.task, label(arm), arm.metric.name, policy.margin_of(arm.task, arm.metric, gain=True),
            n=len(arm.rows), rows=on_found[1].whole, unit=on_found[1].metric.unit, must_show=policy.must_show(arm.task, arm.metric, gain=True),
        )  # fmt: skip
        on, off_pairs = _tallies(both), _tallies([(pair[0], *others[pair[0]]) for pair in both])
        sides = ([*on[0], *off_pairs[0]], [*on[1], *off_pairs[1]])
        item.measured = _measured(on_found[1].metric, sides, both, gain=True)
        yield item


def _judge(verdict: Verdict, policy: Policy) -> None:
    """Checks 5, 7, 8 and 9, once all tests are known."""
    tests = [m for item in verdict.items for m in (item.measured, item.unparsed) if m is not None]
    counted = [m for m in tests if m.least_p <= policy.alpha]
    for measured, adjusted in zip(counted, holm([m.p for m in counted]), strict=True):
        measured.p_adjusted = adjusted
    for measured, adjusted in zip(counted, holm([m.p_better for m in counted]), strict=True):
        measured.p_better = adjusted
    factor = _mde_factor(policy, max(1, len(counted)))
    for item in verdict.items:
        if item.measured is None:
            continue
        item.measured.mde *= factor
        if item.unparsed is not None:
            _judge_unparsed(item, policy)
        _judge_score(item, policy)


def _mde_factor(policy: Policy, tests: int) -> float:
    """From the two-sided 5 %, 80 % power of `compare` to this gate's one-sided alpha over so many tests."""
    wanted = normal_quantile(1 - policy.alpha / tests) + normal_quantile(policy.power)
    return wanted / (normal_quantile(0.975) + normal_quantile(0.8))


def _judge_unparsed(item: Item, policy: Policy) -> None:
    found, allowed = item.unparsed, policy.value(item.task, "max_unparsed_increase")
    assert found is not None
    failed = found.p_adjusted < policy.alpha and found.difference > allowed
    text = (
        f"{item.where}: {100 * found.candidate:.1f} % of the responses have no usable answer, "
        f"{100 * found.baseline:.1f} % in the baseline (p={found.p_adjusted:.2g})"
    )
    item.checks.append(Check("unparsed", "regression" if failed else "pass", text))


def _judge_score(item: Item, policy: Policy) -> None:
    found = item.measured
    assert found is not None
    name = item.kind
    what = "think gain " if name == "think_gain" else ""
    loss = found.difference if item.lower_is_better else -found.difference
    where = item.where
    change = (
        f"{what}{shown(item, found.baseline, sign=bool(what))} -> {shown(item, found.candidate, sign=bool(what))} "
        f"({shown(item, found.difference, sign=True)}, "
        f"95 % [{shown(item, found.ci[0], sign=True)}, {shown(item, found.ci[1], sign=True)}], "
        f"p={found.p_adjusted:.2g})"
    )
    if found.p_adjusted < policy.alpha and loss > item.margin:
        only_warns = name == "think_gain" and policy.value(item.task, "think_gain") == "warn"
        item.checks.append(Check(name, "warn" if only_warns else "regression", f"{where}: {change}"))
        return
    item.checks.append(Check(name, "pass", f"{where}: {change}"))
    gain = -loss
    if name == "score" and found.p_better < policy.alpha and gain > item.margin:
        better = f"{where}: better by {size(item, gain)}; keep it as the new bar: --update-baseline"
        item.checks.append(Check("improvement", "pass", better))
    unchanged = not found.gained and not found.lost
    worst_case = inf if unchanged else found.ci[1] if item.lower_is_better else -found.ci[0]
    if worst_case > item.margin and found.mde > item.margin:
        # a think gain is noisier than the two scores it is made of: its power is told, and required of scores only
        text = (
            f"{where}: {what}cannot detect a drop below {size(item, found.mde)} at n={found.n:,}{_needed(item, found)}"
        )
        failing = policy.require_power and name == "score"
        level = "pass" if found.mde <= item.must_show else "warn"
        item.checks.append(Check("power", "regression" if failing else level, text))


def _needed(item: Item, found: Measured) -> str:
    goal = item.must_show
    need = found.n * (found.mde / goal) ** 2 if goal > 1e-9 else inf
    if not isfinite(need) or found.mde <= goal:
        return ""
    return f"; one of {size(item, goal)} needs n of about {ceil(need)}"
