"""turns.jsonl: answered turns of exchanges that are not finished, so that the next start goes on behind them.

A line is written when the turn after it is about to be asked; the record of the finished exchange holds all of its
turns again, and then the lines here say nothing more. This module owns the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from audiobench.core.types import Condition, Response
from audiobench.files import journal
from audiobench.files.records import Count, Seconds

FILE = "turns.jsonl"


class AnsweredTurn(Struct, omit_defaults=True):
    """One call of an exchange and its response."""

    id: str
    key: str
    """Of the exchange's journal record."""
    response: Response
    condition: Condition = Condition()
    epoch: Count = 0
    number: Count = 0
    """Place of the call within its exchange, from 0."""
    asked_sha256: str = ""
    """Of what was sent, clips by their spans: another request has another answer."""
    attempts: Count = 1
    time: Seconds = 0.0

    FILE = FILE


def read(folder: Path) -> Iterator[AnsweredTurn]:
    """The lines of a task's folder, in order; see `journal.read`."""
    return journal.read(folder / FILE, AnsweredTurn)
