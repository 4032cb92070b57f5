"""Whether a task, a prompt, a protocol and a model fit together: checks that need no data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audiobench.ask.protocols import Protocol, find_protocol
from audiobench.core import template
from audiobench.core.errors import UsageError
from audiobench.core.modes import AudioCondition
from audiobench.files.run_spec import RunSpec
from audiobench.model.capabilities import lacking
from audiobench.model.registry import capabilities
from audiobench.model.spec import ModelSpec
from audiobench.scorers import find_scorer
from audiobench.scorers.base import require
from audiobench.sound import MEASURES, find_measure
from audiobench.task.check import refusals
from audiobench.task.spec import OPTION_NAMES, Prompt, TaskSpec


def check_task(task: TaskSpec, file: Path) -> None:
    """Raise UsageError with what `audiobench tasks check` finds, but for where the data are."""
    findings = refusals(task, file)
    if findings:
        raise UsageError("\n".join(findings))
    scorer = find_scorer(task.scorer, task.normalizer)
    require(scorer.extra, f"scorer {scorer.name}")


def find_protocols(model: ModelSpec, options: RunSpec) -> list[Protocol]:
    """The protocols that `--protocol` names.

    Raises:
        UsageError: a name is unknown, or the model cannot do what one needs.
    """
    found = [find_protocol(written) for written in options.protocol]
    for protocol in found:
        if why := lacking(model, capabilities(model), protocol.needs, f"protocol {protocol.name}"):
            raise UsageError(f"--protocol {protocol.written}: {why}")
    if twice := {p.written for p in found if [q.written for q in found].count(p.written) > 1}:
        raise UsageError(f"--protocol: {', '.join(sorted(twice))} is given twice")
    return found


def protocols_of(task: TaskSpec, protocols: Sequence[Protocol]) -> list[Protocol]:
    """The protocols that a task is asked under: one whose items are conversations, or whose tools answer, is asked as such.

    Raises:
        UsageError: such a task under another protocol.
    """
    if any(form.dialogue for form in (task, *task.forms)):
        own, why = "dialogue", f"the items of task {task.task} are conversations"
    elif task.scripts_tools:
        own, why = "tools", f"task {task.task} has results of tools"
    else:
        return list(protocols)
    found = [find_protocol(own) if protocol.one_turn else protocol for protocol in protocols]
    if other := next((protocol for protocol in found if protocol.name != own), None):
        raise UsageError(f"--protocol {other.written}: {why}, which --protocol {own} asks")
    return list(dict.fromkeys(found))


def choose_prompt(task: TaskSpec, model: ModelSpec, asked: str | None, protocols: Sequence[Protocol] = ()) -> Prompt:
    """The prompt that was asked for; else the one that the protocol prescribes; else the model publisher's own where the
    task has it; else the task's first.

    Raises:
        UsageError: the task has no prompt of the asked name, or protocols with different prompts would share a run.
    """
    own = {p.prompt.name if p.prompt else None: p for p in protocols}
    if asked is None and len(own) > 1:
        names = ", ".join(f"{p.name} ({name or 'the prompt of the task'})" for name, p in own.items())
        raise UsageError(
            f"--protocol: each has a prompt of its own, and the conditions of a run share one: {names}; run them apart, "
            "or name one with --prompt"
        )
    prescribed = [p.prompt for p in protocols if p.prompt and asked in (None, p.prompt.name)]
    if prescribed:
        return task.with_shots(prescribed[0])
    names = [prompt.name for prompt in task.prompt]
    if asked is not None and asked not in names:
        raise UsageError(f"--prompt {asked}: task {task.task} has: {', '.join(names)}")
    if asked is None and model.prompt in names:
        asked = model.prompt
    return task.find_prompt(asked)


def transport(task: TaskSpec, model: ModelSpec) -> str:
    """What the conditions of a single turn say of it: chat, or realtime (speech to speech)."""
    return "realtime" if "realtime" in (task.protocol, capabilities(model).protocol) else "chat"


def check_transport(task: TaskSpec, model: ModelSpec, protocols: Sequence[Protocol]) -> None:
    """Raise UsageError when the task wants spoken answers and the model's adapter only gives text, or when an answer in
    sound would have to be sent back in a further turn.
    """
    if task.answer == "audio" and capabilities(model).audio_out is not True:
        raise UsageError(
            f"task {task.task} asks for sound: model {model.name} (adapter {model.adapter}) does not answer in audio; see "
            "docs/answers_in_sound.md for those that do"
        )
    if task.protocol == "realtime" and capabilities(model).audio_out is False:
        raise UsageError(
            f"task {task.task} is speech to speech: model {model.name} (adapter {model.adapter}) does not answer in "
            "audio; take a model of adapter realtime, such as gpt-realtime-2.1"
        )
    several = [protocol.written for protocol in protocols if not protocol.one_turn]
    if several and transport(task, model) == "realtime":
        raise UsageError(
            f"--protocol {several[0]}: task {task.task} on model {model.name} is speech to speech, which takes one turn "
            "only; leave --protocol out"
        )


def check_conditions(options: RunSpec) -> None:
    """Raise UsageError for an audio condition that there is not."""
    unknown = [name for name in options.audio if name not in list(AudioCondition)]
    if unknown:
        raise UsageError(f"--audio {','.join(unknown)}: allowed: {', '.join(AudioCondition)}")


def check_heard(task: TaskSpec, model: ModelSpec, options: RunSpec) -> None:
    """Raise UsageError for a model of text alone that would be sent sound."""
    heard = [name for name in options.audio if AudioCondition(name).sends_sound]
    sounds = any(form.doc_to_audio is not None for form in (task, *task.forms))
    if model.text_only and heard and sounds:
        raise UsageError(f"--audio {','.join(heard)}: model {model.name} takes text only; use none or transcript")


def check_measures(task: TaskSpec) -> None:
    """Raise UsageError for a measure that there is not, or a scorer of sound whose figure none of the measures gives."""
    found = [find_measure(written) for written in task.measures]
    if task.measured and found and not any(task.measured in measure.gives for measure in found):
        able = ", ".join(name for name in MEASURES if task.measured in find_measure(name).gives)
        raise UsageError(
            f"task {task.task}: --measure {','.join(task.measures)}: its score is {task.measured}, which these do not give: {able}"
        )


def check_order(task: TaskSpec, asked: Prompt, orders: int) -> None:
    """Refuse to turn options that the prompt does not show: they are spoken, or stand in the question as published."""
    chooses = any(form.doc_to_choice is not None for form in (task, *task.forms))
    if orders > 1 and chooses and not (asked.text and template.names(asked.text) & OPTION_NAMES):
        raise UsageError(
            f"--option-order {orders}: prompt {asked.name} of task {task.task} does not show the options itself (they are "
            "spoken, or stand in the question), so their order cannot be changed"
        )


def check_judged_in_one(task: TaskSpec) -> None:
    """Raise UsageError for batch jobs of a judge whose questions hang on its earlier replies."""
    judge = find_scorer(task.scorer, task.normalizer).judge
    if judge is not None and judge.questions is not None:
        raise UsageError(
            f"--judge-batch: task {task.task}: scorer {task.scorer} asks its judge one question after another, which batch jobs "
            "cannot; leave it out"
        )
