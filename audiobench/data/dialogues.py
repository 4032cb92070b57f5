"""From a row to its conversation, as the task's `dialogue` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard, get_args

from audiobench.core.narrow import is_sequence
from audiobench.core.template import evaluate
from audiobench.core.types import Clip, DialogueTurn, Role
from audiobench.data.row_errors import RowError
from audiobench.data.rows import Row
from audiobench.task.spec import Dialogue


def conversation(dialogue: Dialogue, row: Row, clips: Sequence[Clip]) -> tuple[DialogueTurn, ...]:
    """The turns of a row; every turn that is heard takes the next clip.

    Raises:
        RowError: no list of turns, a role that there is none of, more or fewer clips than turns that are heard, or a last
            turn that is not the user's.
        UsageError: a template does not work on this row.
    """
    listed = evaluate(dialogue.turns, row)
    if not is_sequence(listed) or not listed:
        raise RowError(f"dialogue.turns {dialogue.turns!r}: must be a list of turns, found {listed!r:.80}")
    waiting = list(clips)
    turns: list[DialogueTurn] = []
    for number, turn in enumerate(listed, 1):
        about: dict[str, Any] = {**row, "turn": turn, "number": number}
        role = str(evaluate(dialogue.role, about)).strip()
        if not _is_role(role):
            raise RowError(f"dialogue.role of turn {number}: {role!r}: must be one of {', '.join(get_args(Role))}")
        about["role"] = role
        heard = bool(evaluate(dialogue.heard, about))
        if heard and not waiting:
            raise RowError(f"turn {number} is heard, but doc_to_audio holds only {len(clips)} clips")
        text = evaluate(dialogue.text, about)
        sound = (waiting.pop(0),) if heard else ()
        turns.append(DialogueTurn(role, "" if text is None else str(text), sound))
    if waiting:
        raise RowError(f"doc_to_audio holds {len(clips)} clips, and {len(clips) - len(waiting)} turns are heard")
    if turns[-1].role != "user":
        raise RowError(f"the last of {len(turns)} turns is the {turns[-1].role}'s: the model has nothing to answer")
    return tuple(turns)


def _is_role(name: str) -> TypeGuard[Role]:
    return name in get_args(Role)
