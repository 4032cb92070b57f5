"""Arms: the responses to one task under one think mode and audio condition, ready to be paired by sample.

Option orders and epochs are repetitions of an arm: a sample's value is averaged over epochs, then over the option
orders that both arms of a pair have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from audiobench.core.errors import UsageError
from audiobench.core.modes import Think
from audiobench.core.types import LETTERS, Condition
from audiobench.files.records import ClipFacts, ShownSample
from audiobench.results.runs import WHOLE_RECORD, Run, Scored, TaskRun
from audiobench.results.selection import split
from audiobench.results.summary import chance
from audiobench.statistics.clusters import shared_clusters


class How(NamedTuple):
    """What tells arms apart."""

    think: str
    audio: str
    prompt: str
    protocol: str

    @classmethod
    def of(cls, condition: Condition) -> How:
        """A condition without its option order."""
        return cls(condition.think, condition.audio, condition.prompt, condition.protocol)


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison."""

    label: str
    run: Run
    task_run: TaskRun
    how: How
    slots: Mapping[str, Mapping[int, Mapping[int, Scored]]] = field(repr=False)
    """Sample id -> option order -> epoch -> record with its outcome."""

    def __iter__(self) -> Iterator[Scored]:
        """Every record."""
        for sample in self.slots.values():
            for epochs in sample.values():
                yield from epochs.values()

    def of_sample(self, sample: str) -> Iterator[Scored]:
        """Every record of one sample."""
        for epochs in self.slots.get(sample, {}).values():
            yield from epochs.values()

    @property
    def answered(self) -> set[str]:
        """Ids of the samples with at least one response that has a value."""
        return {s.id for s in self if s.outcome.value is not None}

    def only(self, ids: Iterable[str]) -> Arm:
        """The arm, cut down to these samples, in this order."""
        return replace(self, slots={sample: self.slots[sample] for sample in ids if sample in self.slots})

    def kept(self, keep: Callable[[Scored], bool]) -> Arm:
        """The arm, cut down to the records for which `keep(scored)` holds."""
        slots: dict[str, dict[int, dict[int, Scored]]] = {}
        for scored in self:
            if keep(scored):
                order = scored.condition.option_order
                slots.setdefault(scored.id, {}).setdefault(order, {})[scored.epoch] = scored
        return replace(self, slots=slots)


def arms_of(
    run: Run, task_run: TaskRun, wanted: Mapping[str, str] | None = None, *, prompts: bool = False
) -> list[Arm]:
    """The arms of a task in a run, in the order of its plan; of all, or where fields of `How` have the `wanted` values.

    `prompts`: whether the records of single turns keep their prompts, on which no figure rests.
    """
    hows = list(dict.fromkeys(map(How.of, task_run.conditions)))
    chosen = [how for how in hows if all(getattr(how, name) == value for name, value in (wanted or {}).items())]
    slots: dict[How, dict[str, dict[int, dict[int, Scored]]]] = {how: {} for how in chosen}
    asked = [condition for condition in task_run.conditions if How.of(condition) in slots]
    take, known = (list if prompts else _without_prompts), _Known()
    for part in task_run.each(take, WHOLE_RECORD, asked) if asked else ():
        for scored in map(known.shared, part):
            condition = scored.condition
            group = slots[How.of(condition)]
            group.setdefault(scored.id, {}).setdefault(condition.option_order, {})[scored.epoch] = scored
    order = {sample: place for place, sample in enumerate(task_run.plan.ids)}
    return [
        Arm(label(how, hows), run, task_run, how, dict(sorted(found.items(), key=lambda i: order[i[0]])))
        for how, found in slots.items()
    ]


def _without_prompts(group: Iterable[Scored]) -> list[Scored]:
    found = list(group)
    for scored in found:
        if not scored.record.turns:  # of several turns, the first prompt says which clips were its own
            scored.record.prompt = []
    return found


class _Known:
    """What records have in common, held once: a hundred thousand of them fit in memory."""

    def __init__(self) -> None:
        self._conditions: dict[Condition, Condition] = {}
        self._items: dict[tuple[str, int], ShownSample] = {}
        self._clips: dict[str, ClipFacts] = {}

    def shared(self, scored: Scored) -> Scored:
        """The same, its record's condition, item and clips those of the records before it where they are equal."""
        record = scored.record
        record.condition = how = self._conditions.setdefault(record.condition, record.condition)
        if record.sample is not None:
            item = self._items.setdefault((record.id, how.option_order), record.sample)
            if item == record.sample:
                record.sample = item
        for place, clip in enumerate(record.audio):
            known = self._clips.setdefault(clip.path, clip)
            if known == clip:
                record.audio[place] = known
        return scored


def label(how: How, among: Sequence[How]) -> str:
    """The fields in which `how` differs from the others, as `think=on audio=none`; both where it stands alone."""
    names = [
        name
        for name in How._fields
        if len({getattr(other, name) for other in among}) > 1 or (len(among) == 1 and name in ("think", "audio"))
    ]
    return " ".join(f"{name}={getattr(how, name)}" for name in names or ("think", "audio"))


def by_think(arm: Arm) -> tuple[int, int]:
    """Sort key: default, off, budgets ascending, on."""
    think = Think.parse(arm.how.think)
    if think.limit is not None:
        return (1, think.limit)
    return (0, 0) if think.mode == "default" else (2, 0)


@dataclass(frozen=True, slots=True)
class Selector:
    """What a user wrote for one side of `compare`: a run, and which of its conditions."""

    text: str
    run: Run
    wanted: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """`RUN` or `RUN:CONDITION` (`results.selection`).

        Raises:
            UsageError: no such run, or a condition that is not one.
        """
        path, wanted = split(text)
        return cls(text, Run.open(path), wanted)

    def arms(self, task: str, *, prompts: bool = False) -> list[Arm]:
        """The arms of `task` that were asked for; `prompts` as in `arms_of`.

        Raises:
            UsageError: there is none.
        """
        chosen = arms_of(self.run, self.run.tasks[task], self.wanted, prompts=prompts)
        if not chosen:
            hows = dict.fromkeys(map(How.of, self.run.tasks[task].conditions))
            have = "; ".join(f"think={how.think},audio={how.audio}" for how in hows)
            raise UsageError(f"{self.text}: task {task} has no such condition; it has: {have}")
        return chosen


def matched(selectors: Sequence[Selector], task: str) -> list[list[Arm]]:
    """Groups of arms to set beside each other, one arm of every selector in each, labelled by what differs.

    A selector that leaves several conditions open is matched with the others by them: two runs with the same
    conditions are compared once for each.

    Raises:
        UsageError: the open conditions have nothing in common.
    """
    found = [selector.arms(task) for selector in selectors]
    varying = [name for name in How._fields if any(len({getattr(a.how, name) for a in side}) > 1 for side in found)]
    sides = [{tuple(getattr(arm.how, name) for name in varying): arm for arm in side} for side in found]
    common = [key for key in sides[0] if all(key in side for side in sides)]
    if not common:
        raise UsageError(
            f"task {task}: {' and '.join(s.text for s in selectors)} have no condition in common; "
            "name one of each as RUN:think=on,audio=full"
        )
    return [_labelled([side[key] for side in sides]) for key in common]


def common(arms: Sequence[Arm]) -> list[str]:
    """Ids of the samples that every arm has answered, in the order of the first."""
    answered = [arm.answered for arm in arms]
    return [sample for sample in arms[0].slots if all(sample in found for found in answered)]


def paired(arms: Sequence[Arm]) -> list[Arm]:
    """The arms, cut down to the samples and option orders at which every one of them has a value.

    Orders differ in difficulty, so figures over other orders would differ without any effect. Epochs repeat the same
    question; an arm keeps all of its own.
    """
    shared: dict[str, set[int]] = {}
    for sample in common(arms):
        orders = set[int].intersection(*(_orders(arm, sample) for arm in arms))
        if orders:
            shared[sample] = orders
    cut: list[Arm] = []
    for arm in arms:
        slots = {i: {o: e for o, e in arm.slots[i].items() if o in orders} for i, orders in shared.items()}
        cut.append(replace(arm, slots=slots))
    return cut


def _orders(arm: Arm, sample: str) -> set[int]:
    """The option orders at which the sample has a value."""
    slots = arm.slots[sample].items()
    return {order for order, epochs in slots if any(s.outcome.value is not None for s in epochs.values())}


def relabelled(arms: Sequence[Arm]) -> list[Arm]:
    """Arms of one run, named by the fields in which these differ from each other."""
    hows = list(dict.fromkeys(arm.how for arm in arms))
    return [replace(arm, label=label(arm.how, hows)) for arm in arms]


def _labelled(group: Sequence[Arm]) -> list[Arm]:
    """Arms named by model and run, folder and condition, as far as these differ."""
    models = len({arm.run.title for arm in group}) > 1
    folders = len({arm.run.folder.resolve() for arm in group}) > 1
    hows = list(dict.fromkeys(arm.how for arm in group))
    named: list[Arm] = []
    for arm in group:
        parts = [arm.run.title] if models else []
        if folders and (not models or len({(a.run.title, a.how) for a in group}) < len(group)):
            parts.append(arm.run.folder.name)
        if len(hows) > 1 or not parts:
            parts.append(label(arm.how, hows))
        named.append(replace(arm, label=" ".join(parts)))
    return named


def chosen_slot(scored: Scored) -> int | None:
    """Which option slot (0 = first) the answer names; None when unparsed or not multiple choice."""
    answer, choices = scored.outcome.answer, scored.shown.choices
    if scored.outcome.status != "scored" or not answer:
        return None
    slot = LETTERS.find(answer[0])
    return slot if 0 <= slot < len(choices) and answer == f"{answer[0]}. {choices[slot]}" else None


def chosen_text(scored: Scored) -> str | None:
    """What was answered, whatever letter it stood under; None when there is no answer."""
    slot = chosen_slot(scored)
    if slot is not None:
        return scored.shown.choices[slot]
    return scored.outcome.answer if scored.outcome.status == "scored" else None


def clusters_of(arm: Arm, ids: Iterable[str]) -> Sequence[str] | None:
    """The clip that each sample shares with others; None where no two of them do."""
    return shared_clusters([next(iter(arm.of_sample(sample))).record.cluster for sample in ids])


def chance_of(arm: Arm, ids: Iterable[str]) -> float | None:
    """Expected accuracy of guessing over these samples; None where the task declares none."""
    firsts = (next(iter(arm.of_sample(sample))) for sample in ids)
    return chance(arm.task_run.task, firsts)
