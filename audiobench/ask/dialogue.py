"""`--protocol dialogue`: a conversation of several turns, whose earlier answers are given or the model's own.

A task whose file has `dialogue` is asked so without being told. Where no answer of the assistant follows a turn of the
user, the model answers, and the conversation goes on with what it said (its answer without the thought). An answer that
was cut off or refused ends the conversation: nothing is built upon half an answer, and the item counts as truncated or
refused.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from audiobench.ask.prompt import answered_at
from audiobench.ask.protocols import Asked, behind, broke_off, protocol
from audiobench.ask.room import check_room, pieces
from audiobench.core.errors import UsageError
from audiobench.core.types import Exchange, Request, Response
from audiobench.files.records import DIALOGUE
from audiobench.model.registry import refusal

if TYPE_CHECKING:
    from audiobench.ask.work import TaskWork


def check(work: TaskWork) -> None:
    """Raise UsageError where the run could not be asked so."""
    if work.task.dialogue is None and not any(form.dialogue for form in work.task.forms):
        raise UsageError(
            f"--protocol dialogue: task {work.task.task} has items of one turn (no `dialogue` in its file); leave "
            "--protocol out"
        )
    for condition in work.conditions if work.samples else ():
        longest = max(work.samples, key=lambda sample: len(sample.turns))
        request = work.request(longest, condition, 0)
        while request.following:
            request = _next(request, Response("An answer."))
        if why := refusal(work.model, request):
            raise UsageError(f"--protocol dialogue: {why}")
        if request.audio:
            longest = max(sum(pieces(clip, work.model.audio) for clip in sample.clips) for sample in work.samples)
            try:
                check_room(
                    work.model, longest, f"the conversations of task {work.task.task} have", "leave the longest out"
                )
            except UsageError as error:
                raise UsageError(f"--protocol dialogue: {error}") from None


@protocol(version="1", check=check)
async def dialogue(ask: Asked, request: Request) -> Exchange:
    """Ask turn by turn; the last answer is the one that counts."""
    current = request
    said: list[str] = []
    while True:
        response = await ask(replace(current, following=()))
        said.append(response.text)
        if not current.following or broke_off(response):
            break
        current = _next(current, response)
    last = copy(response)
    last.raw = {**response.raw, DIALOGUE: {"answers": said, "left": len(current.following)}}
    return Exchange(last)


def _next(current: Request, response: Response) -> Request:
    """The conversation up to the model's next answer."""
    turns = current.following
    upto = answered_at(turns)
    return replace(behind(current, response.text, *turns[:upto]), following=turns[upto:])
