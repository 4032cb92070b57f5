"""Answered turns of an exchange are kept until it is finished: a start that goes on with it asks only for the open turn.

The driver's `ask` is wrapped for each item. A turn is written down when the next one is about to be asked, so that an
exchange of one turn writes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Collection
from copy import copy
from pathlib import Path

from audiobench.ask.stage import Ask
from audiobench.ask.work import TaskWork, key_anew
from audiobench.core.types import Request, Response
from audiobench.files import turns
from audiobench.files.journal import Journal, UnwritableError
from audiobench.files.records import Slot, kept
from audiobench.files.turns import AnsweredTurn


class KeptTurns:
    """The turns that one task's unfinished exchanges have behind them."""

    def __init__(self, folder: Path, finished: Collection[Slot]) -> None:
        self._path = folder / turns.FILE
        self._journal: Journal | None = None
        self._known: dict[Slot, dict[int, AnsweredTurn]] = {}
        for turn in turns.read(folder):
            slot = (turn.id, turn.condition, turn.epoch)
            if slot not in finished:
                self._known.setdefault(slot, {})[turn.number] = turn

    def of(self, slot: Slot) -> dict[int, AnsweredTurn]:
        """Turns of one item by their place in the exchange."""
        return self._known.get(slot, {})

    def keep(self, turn: AnsweredTurn) -> None:
        """Write one down.

        Raises:
            IncompleteError: as `Journal.append`.
        """
        if self._journal is None:
            self._journal = Journal(self._path)
        with contextlib.suppress(UnwritableError):  # an adapter of the user's own: the turn would be asked again
            self._journal.append(turn)

    def close(self) -> None:
        """Sync and close."""
        if self._journal is not None:
            self._journal.close()


class GoingOn:
    """The `ask` of one item: what an earlier start has asked is answered from what was kept of it."""

    def __init__(self, ask: Ask, work: TaskWork, slot: Slot, first: Request, known: KeptTurns) -> None:
        self._ask, self._work, self._slot, self._first, self._turns = ask, work, slot, first, known
        self._known = dict(known.of(slot))
        self._key: str | None = None
        self._number = 0
        self._earlier_attempts = 0
        self._last: tuple[Request, Response, int] | None = None

    @property
    def attempts(self) -> int:
        """Calls so far, those of earlier starts included."""
        return self._ask.attempts + self._earlier_attempts

    async def __call__(self, request: Request) -> Response:
        """The next turn of the exchange; raises as `Ask`."""
        number, self._number = self._number, self._number + 1
        turn = self._known.get(number)
        if turn is not None and turn.key == self._record_key() and turn.asked_sha256 == _digest(request):
            self._earlier_attempts += turn.attempts
            return copy(turn.response)
        self._known.clear()  # what follows another turn is another answer
        if self._last is not None:
            self._keep(number - 1, *self._last)
        before = self._ask.attempts
        response = await self._ask(request)
        self._last = request, copy(response), self._ask.attempts - before
        return response

    def _keep(self, number: int, request: Request, response: Response, attempts: int) -> None:
        sample, condition, epoch = self._slot
        self._turns.keep(
            AnsweredTurn(
                sample, self._record_key(), kept(response), condition, epoch, number, _digest(request), attempts,
                round(time.time(), 3),
            )
        )  # fmt: skip

    def _record_key(self) -> str:
        if self._key is None:
            self._key = key_anew(self._first, self._work.model_sha256)
        return self._key


def _digest(request: Request) -> str:
    """Of what is sent, with clips told apart by span and transform alone: their bytes are in the record's key."""
    return hashlib.sha256(request.canonical("", lambda _: None)).hexdigest()
