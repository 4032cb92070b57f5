"""May two arms be compared? Only if what was asked and how it was scored are the same, apart from the condition.

A think mode or an audio condition legitimately changes what is sent; the task's prompt, its extraction, scorer, data
set and the samples themselves it does not. Parts, as in `summary.fingerprint`:

- prompt, extraction, extraction_version, scorer, scorer_version, dataset, revision: must be equal;
- samples: the question, options (in any order) and target of every common sample must be equal;
- audio: the clips must be equal where both conditions are made from the sample's own clips (full, silence, noise,
  reverse), or both exchange them (swap). `none` and `transcript` send no clip, so there is nothing to compare;
- judge: judged scores need the same judge (name and start of its sha256) and the same template, as in the gate;
- recogniser: spoken answers on both sides must have been written down by the same recogniser, told apart likewise;
- protocol: the code and the settings of a protocol of several turns, where both conditions name the same one;
- quantisation: what was done to a model's weights, where the model file says that something was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from audiobench.analysis.arms import Arm
from audiobench.core.errors import NotComparableError, UsageError
from audiobench.results.summary import raters

OWN_CLIPS = ("full", "silence", "noise", "reverse")
PARTS = (
    "prompt", "extraction", "extraction_version", "scorer", "scorer_version", "dataset", "revision", "task_version",
    "samples", "audio", "judge", "recogniser", "quantisation", "protocol",
)  # fmt: skip


def check(a: Arm, b: Arm, ids: Sequence[str], allowed: Collection[str] = ()) -> list[str]:
    """Names of the parts that differ and were allowed to.

    Raises:
        NotComparableError: another part differs; the message names it and both values.
        UsageError: `allowed` names something that is no part.
    """
    unknown = [name for name in allowed if name not in PARTS]
    if unknown:
        raise UsageError(f"--allow-different {','.join(unknown)}: not a part; parts are: {', '.join(PARTS)}")
    excused: list[str] = []
    for part, left, right in _differing(a, b, ids):
        if part not in allowed:
            raise NotComparableError(
                f"task {a.task_run.task.task}: {a.label} and {b.label} cannot be compared: {part} differs "
                f"({left} against {right}); --allow-different {part} compares them anyway"
            )
        excused.append(part)
    return excused


def _differing(a: Arm, b: Arm, ids: Sequence[str]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    left, right = a.task_run.plan.fingerprint, b.task_run.plan.fingerprint
    for part in sorted(left.keys() | right.keys()):
        if left.get(part) != right.get(part):
            found.append((part, _short(left.get(part)), _short(right.get(part))))
    if a.how.protocol == b.how.protocol:
        x, y = (arm.task_run.plan.protocols.get(arm.how.protocol, "") for arm in (a, b))
        if x != y:
            found.append(("protocol", x, y))
    if a.how.prompt != b.how.prompt and not any(part == "prompt" for part, _, _ in found):
        found.append(("prompt", a.how.prompt, b.how.prompt))
    for part, values in (("samples", _samples), ("audio", _clips)):
        if part == "audio" and not _same_kind_of_clips(a, b):
            continue
        x, y = values(a, ids), values(b, ids)
        differing = [sample for sample in ids if x[sample] != y[sample]]
        if differing:
            first = differing[0]
            where = f"{len(differing)} of {len(ids)} samples, the first is {first}"
            found.append((part, f"{where}: {_short(x[first])}", _short(y[first])))
    x, y = (raters(arm.task_run, list(arm)) for arm in (a, b))
    if x.get("judge") != y.get("judge"):
        found.append(("judge", x.get("judge", "none"), y.get("judge", "none")))
    if "recogniser" in x and "recogniser" in y and x["recogniser"] != y["recogniser"]:
        found.append(("recogniser", x["recogniser"], y["recogniser"]))
    return found


def _same_kind_of_clips(a: Arm, b: Arm) -> bool:
    own = a.how.audio in OWN_CLIPS and b.how.audio in OWN_CLIPS
    return own or (a.how.audio == b.how.audio == "swap")


def _samples(arm: Arm, ids: Sequence[str]) -> dict[str, Any]:
    kept = {sample: next(iter(arm.of_sample(sample))).shown for sample in ids}
    return {i: (s.question, sorted(map(str, s.choices)), s.target) for i, s in kept.items()}


def _clips(arm: Arm, ids: Sequence[str]) -> dict[str, Any]:
    """From a record with a response: one that failed may not have come as far as its clips."""
    asked = {i: next(s.record for s in arm.of_sample(i) if s.record.response is not None) for i in ids}
    return {i: record.own_clips for i, record in asked.items()}


def _short(value: Any) -> str:
    text = str(value) if value not in (None, "") else "none"
    return text[:12] if len(text) == 64 else text[:80]


def unlike_columns(a: Arm, b: Arm) -> list[str]:
    """Columns to which different annotators, or different code or models, have given the values of the two arms."""
    if a.run.folder.resolve() == b.run.folder.resolve():
        return []
    x, y = a.task_run.annotators(), b.task_run.annotators()
    return sorted(name for name in x.keys() | y.keys() if x.get(name) != y.get(name))


def _sampling(arm: Arm) -> Mapping[str, Any]:
    return arm.run.info.model.declared.get("sampling") or {}


def notes(a: Arm, b: Arm) -> list[str]:
    """What differs between two runs without forbidding the comparison, in words."""
    if a.run.folder.resolve() == b.run.folder.resolve():
        return []
    lines: list[str] = [
        f"{name}: left out, because its values are not of the same annotator in both" for name in unlike_columns(a, b)
    ]
    for name in ("overrides", "seed"):
        first, second = getattr(a.task_run.plan, name), getattr(b.task_run.plan, name)
        if first != second:
            x, y = ("none" if value in (None, {}) else value for value in (first, second))
            lines.append(f"generation differs: {name} {x} ({a.label}), {y} ({b.label})")
    x, y = _sampling(a), _sampling(b)
    if a.run.model == b.run.model and x != y:
        lines.append(f"sampling of {a.run.model} differs: {x} against {y}")
    return lines
