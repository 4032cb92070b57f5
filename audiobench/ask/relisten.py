"""`--protocol relisten`: the model names a span of the clip in its thought, hears it again, and goes on.

Echo (arXiv:2602.11909; github.com/wdqqdw/Echo @7b2fdc0, inference/inference_multiturn.py and prompt.txt): the answer
stops at `</seg>`; the last span that the new text names is cut out of the clip and stands behind the tag, inside the
assistant's own turn; the first clip, the question and all of the thought stay. At most eight turns, each with the whole
token limit. A span that is reversed, outside of the clip or under 0.2 s is not heard, and the thought goes on all the same.

Unlike the released script, what fails is an error and no wrong answer, a thought that is not done after the last turn is
truncated, and the answer is read as every other here (`audiobench.scorers.echo` has the script's own reading).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from audiobench import media as audio
from audiobench.ask.protocols import Asked, behind, protocol, read
from audiobench.ask.room import check_room, most_of_one
from audiobench.core.errors import UsageError
from audiobench.core.modes import FinishReason, Transform
from audiobench.core.parts import continued, text_of
from audiobench.core.spans import CLOSE, OPEN, Span, another, audible, last_named
from audiobench.core.types import AudioPart, Exchange, Message, Part, Request, Response, TextPart
from audiobench.model.registry import refusal
from audiobench.task.spec import Prompt

if TYPE_CHECKING:
    from audiobench.ask.work import TaskWork

Form = Literal["inline", "turn_based"]
"""inline: inside the assistant's turn, as Echo has it; turn_based: the span comes as a new turn of the user, for servers
that cannot continue a turn with sound in it. Another experiment, never one score with inline."""
Hear = Literal["span", "text_only", "random_segment", "off"]
"""span: the sound that was named; text_only: none, the thought goes on; random_segment: another span of equal length;
off: the thought is not stopped, one turn."""

PROMPT = Prompt(
    name="echo",
    source="wdqqdw/Echo@7b2fdc0 inference/prompt.txt, inference/inference_multiturn.py",
    order=["audio", "text"],
    text="{{question}} Choose the answer from {{options | map(attribute='text') | list}}. Think step-by-step. Refer to the "
    "specific audio segments while thinking, and indicate the corresponding timestamps. Answer in the format of "
    "<think>...</think><answer>...</answer>.",
    generation_kwargs={"temperature": 0.7, "max_gen_toks": 2048},
)
SOUND_AGAIN = "This is the recording from {start:g} to {end:g} s. Go on."
GO_ON = "Go on."
"""What the user's turn says under `turn_based`, with a span and without."""


def check(work: TaskWork, *, form: Form, hear: Hear, turns: int) -> None:
    """Raise UsageError where the run could not be asked so."""
    where = f"task {work.task.task}"
    if turns < 1:
        raise UsageError(f"--protocol relisten: turns={turns}: must be at least 1")
    if work.prompt == PROMPT and (bare := next((s.id for s in work.samples if not s.options), None)) is not None:
        raise UsageError(
            f"--protocol relisten: {where}: sample {bare} has no options, which Echo's prompt needs; name one of the "
            "task's own prompts with --prompt"
        )
    if hear == "off" or not work.samples:
        return
    if budget := next((plan.asked for plan in work.thinks.values() if plan.two_pass), None):
        raise UsageError(f"--protocol relisten: --think {budget} cuts the thought by tokens: take on, off or default")
    if several := next((s.id for s in work.samples if len(s.clips) > 1), None):
        raise UsageError(
            f"--protocol relisten: {where}: sample {several} has several clips: a span does not say of which"
        )
    if partly := next((s.id for s in work.samples if any(clip.span for clip in s.clips)), None):
        raise UsageError(
            f"--protocol relisten: {where}: sample {partly} is a part of its clip: a span would be of the whole"
        )
    _check_clips(work, turns)
    for condition in work.conditions:
        first = work.request(work.samples[0], condition, 0)
        if why := refusal(work.model, _second(first, form, hear)):
            other = "; form=turn_based needs no sound in an assistant's turn" if form == "inline" else ""
            raise UsageError(f"--protocol relisten: {why}{other}")


def _check_clips(work: TaskWork, turns: int) -> None:
    """Raise UsageError where so many clips are more than a request may hold: a span may be as long as its clip."""
    longest = most_of_one((clip for sample in work.samples for clip in sample.clips), work.model.audio)
    try:
        check_room(work.model, turns * longest, f"{turns} turns send", "lower turns")
    except UsageError as error:
        raise UsageError(f"--protocol relisten: {error}") from None


def _second(first: Request, form: Form, hear: Hear) -> Request:
    """The form of a second turn, to ask whether it can be sent."""
    stopped = _stopping(first)
    clip = _clip(first)
    sound = (replace(clip, span=(0.0, 1.0)),) if clip and hear != "text_only" else ()
    if form == "turn_based":
        return _in_a_new_turn(stopped, "", sound, None)
    return replace(stopped, prefill=(*continued(first.prefill, CLOSE), *sound))


@protocol(version="1", prompt=PROMPT, check=check)
async def relisten(
    ask: Asked, request: Request, *, form: Form = "inline", hear: Hear = "span", turns: int = 8
) -> Exchange:
    """Ask, and let the model hear what it names.

    Args:
        ask: sends a turn.
        request: the first one.
        form: see `Form`.
        hear: see `Hear`.
        turns: most calls an item may take.
    """
    if hear == "off":
        return Exchange(await ask(request))
    clip, tags = _clip(request), ask.plan.thinking
    current = _stopping(request)
    written: list[str] = []
    while True:
        response = await ask.raw(current)
        begun = (request.prefill_text or "") + "".join(written)
        said = _said(
            response, (tags.open_tag, tags.close_tag), opened=begun.rfind(tags.open_tag) > begun.rfind(tags.close_tag)
        )
        if not _asks_to_hear(response, said):
            written.append(said)
            return Exchange(_answer(ask, request, response, written, form))
        said = said.removesuffix(CLOSE) + CLOSE
        written.append(said)
        if len(written) >= turns:
            cut = copy(response)
            cut.finish_reason = FinishReason.LENGTH
            cut.raw = {**cut.raw, "turn_limit": turns}
            return Exchange(_answer(ask, request, cut, written, "inline"))
        span = await _heard(request, clip, said, hear, len(written))
        sound = () if clip is None or span is None else (replace(clip, span=(span.start, span.end)),)
        if form == "inline":
            current = replace(current, prefill=(*continued(current.prefill, said), *sound))
        else:
            current = _in_a_new_turn(current, said, sound, last_named(said))


def _stopping(request: Request) -> Request:
    """The request, to stop where a span has been named."""
    until: str | Sequence[str] = request.generation.get("until") or ()
    stops = [until] if isinstance(until, str) else list(until)
    return replace(request, generation={**request.generation, "until": [*stops, CLOSE]})


def _clip(request: Request) -> AudioPart | None:
    """The item's own clip: the one in the last turn of the user; None where it is asked without sound."""
    asked = next((m for m in reversed(request.messages) if m.role == "user"), None)
    return next((part for part in asked.parts if isinstance(part, AudioPart)), None) if asked else None


def _said(response: Response, tags: tuple[str, str], *, opened: bool) -> str:
    """What the model wrote, in one text: where a server took the thought out, it is put back between its tags."""
    if not response.reasoning:
        return response.text
    opening, closing = tags
    return f"{'' if opened else opening}{response.reasoning}{closing + response.text if response.text else ''}"


def _asks_to_hear(response: Response, said: str) -> bool:
    """Whether the answer ended because it named a span: the server says so, or the tag is open at its end."""
    if response.finish_reason != FinishReason.STOP:
        return False
    if isinstance(stop := response.raw.get("stop_reason"), str):
        return stop == CLOSE
    return said.endswith(CLOSE) or said.rfind(OPEN) > said.rfind(CLOSE)


async def _heard(request: Request, clip: AudioPart | None, said: str, hear: Hear, number: int) -> Span | None:
    """What is heard of the clip after this text, in seconds of its file; None for nothing."""
    named = last_named(said)
    if clip is None or named is None or hear == "text_only":
        return None
    seconds = clip.clip.seconds
    if seconds is None:
        seconds = (await asyncio.to_thread(audio.read, clip.clip)).seconds
    span = audible(named, seconds)
    if span is not None and hear == "random_segment":
        seed = (request.generation.get("seed"), request.sample_id, request.epoch, number)
        span = another(span, seconds, "\x1f".join(map(str, seed)))
    if span is not None and Transform.parse(clip.transform).kind == "reverse":
        span = Span(seconds - span.end, seconds - span.start)
    return span


def _in_a_new_turn(current: Request, said: str, sound: Sequence[Part], named: Span | None) -> Request:
    """The conversation, with the span as the user's next turn."""
    text = GO_ON if named is None or not sound else SOUND_AGAIN.format(start=named.start, end=named.end)
    return behind(current, (current.prefill_text or "") + said, Message("user", (*sound, TextPart(text))))


def _answer(ask: Asked, request: Request, last: Response, written: Sequence[str], form: Form) -> Response:
    """The response that counts: all of the thought, and the answer behind it."""
    answer = copy(last)
    if form == "inline" or len(written) == 1:
        answer.text, answer.reasoning = "".join(written), None
        return read(answer, request.prefill_text, ask.plan)
    answer.text, answer.reasoning = written[-1], None
    answer = read(answer, request.prefill_text, ask.plan)
    before = "\n".join([text_of(request.prefill or ()).removeprefix(ask.plan.thinking.open_tag), *written[:-1]]).strip()
    answer.reasoning = f"{before}\n{answer.reasoning}" if answer.reasoning else before
    return answer
