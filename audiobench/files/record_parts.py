"""What of a journal's lines is read where they are not wanted whole: which request a line answers, what it cost.

A million lines hold a gigabyte of prompts and responses, most of which these readers pass over. Every line's checksum is
looked at; a line without one, as version 0.1 wrote them, is read whole, so that damage is found in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from audiobench.core.remembered import digest
from audiobench.core.types import Condition
from audiobench.files import journal
from audiobench.files.records import BatchOrigin, ClipFacts, Count, Record, Seconds, ShownSample, Slot, fault


def read_back(shown: ShownSample) -> ShownSample:
    """`shown` as it comes out of a journal."""
    return msgspec.json.decode(msgspec.json.encode(shown), type=ShownSample)


def same(left: ShownSample | None, right: ShownSample | None) -> bool:
    """Whether items that came out of a journal hold the same, columns in any order."""
    return msgspec.json.encode(left, order="sorted") == msgspec.json.encode(right, order="sorted")


def written(shown: ShownSample | None) -> bytes:
    """Stands for an item as a line holds it, byte for byte."""
    return digest(msgspec.json.encode(shown))


class Head(Struct, gc=False):
    """What of a line says which slot it answers."""

    id: str
    epoch: Count = 0
    condition: Condition = field(default_factory=Condition)
    stale: bool = False


class _There(Struct, gc=False):
    """An object of which nothing is read."""


class _Answering(Struct, gc=False):
    """What of a line says which request it answers, and about which item."""

    id: str
    key: str = ""
    epoch: Count = 0
    condition: Condition = field(default_factory=Condition)
    audio: list[ClipFacts] = []
    sample: Raw = Raw(b"null")
    response: _There | None = None
    stale: bool = False
    time: Seconds = 0.0


class Done(Struct, gc=False):
    """A line that answers its request: the key, the files that the request was made with, and the item as it was then."""

    key: str
    audio: list[ClipFacts]
    shown: bytes
    """`written` of the item."""
    place: int
    """Of the line, in bytes."""
    time: float
    """Seconds since 1970."""


def answered(path: Path) -> dict[Slot, Done]:
    """Finished requests by slot; errors and invalid audio are not finished, and a later line wins.

    Raises:
        IncompleteError: as `journal.parts`.
    """
    done: dict[Slot, Done] = {}
    known: dict[Condition, Condition] = {}
    for place, line in journal.parts(path, _Answering, Record, fault):
        how = known.setdefault(line.condition, line.condition)  # one for all: a run has few
        slot = line.id, how, line.epoch
        if line.stale:
            done.pop(slot, None)
        if line.response is not None:
            shown = digest(bytes(line.sample)) if isinstance(line, _Answering) else written(line.sample)
            done[slot] = Done(line.key, line.audio, shown, place, line.time)
    return done


class _Paid(Struct, gc=False):
    """What of a response says what it cost."""

    usage: dict[str, Any] = {}
    raw: dict[str, Any] = {}


class Billed(Struct, gc=False):
    """What of a line says what its answer cost."""

    response: _Paid | None = None
    discarded: list[dict[str, Any]] = []
    batch: BatchOrigin | None = None
    time: Seconds = 0.0

    @property
    def usage(self) -> Mapping[str, Any]:
        """The response's token counts."""
        return self.response.usage if self.response is not None else {}

    @property
    def raw(self) -> Mapping[str, Any]:
        """What was kept of the provider's own fields."""
        return self.response.raw if self.response is not None else {}


def billed(path: Path) -> Iterator[Billed | Record]:
    """Every answer of a journal, replaced ones included, as far as costs depend on it; see `journal.parts`."""
    return (line for _, line in journal.parts(path, Billed, Record, fault) if line.response is not None)


def counting(path: Path, slot_of: Callable[[Head | Record], int | None]) -> array[int]:
    """Places of the lines that count, for `at`: of each slot a later line wins, and a stale one takes it back.

    `slot_of` numbers the slots; None leaves a record out. None is kept in memory, and every line's checksum is looked at;
    of a line with a sound one only the slot is read here.

    Raises:
        IncompleteError: as `journal.read`.
    """
    places: dict[int, int] = {}
    for place, head in journal.parts(path, Head, Record, fault):
        slot = slot_of(head)
        if slot is not None:
            if head.stale:
                places.pop(slot, None)
            else:
                places[slot] = place
    return array("q", places.values())
