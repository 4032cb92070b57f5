"""What the rules found in responses, remembered between commands: a cache beside the data cache, never a source.

    <cache>/answers/<sha256 of the journal's path>      one file a journal

To find an answer takes up to a millisecond, and every command that scores a run needs it. What is found depends on the
response, the rules, the question and the options alone, so the key of an answer is a digest of these, and a file counts
only for the code that wrote it: nothing stale can be found in it. It is not beside the journal, so that a run directory
from elsewhere brings none along (docs/decisions/15-answers-remembered.md).
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from audiobench import extraction
from audiobench.core import (
    errors,
    json_values,
    narrow,
    own_code,
    parts,
    plain_text,
    plugins,
    redact,
    remembered,
    thought,
    tool_results,
    tools,
    types,
)
from audiobench.core.types import Answer, Sample
from audiobench.extraction import EXTRACTORS, extract

LONGEST_ANSWER = 50_000
"""Characters; a final answer longer than this is a runaway generation and is not searched for an answer."""
SHORT = 100
"""Characters; a longer answer is the response itself or nearly, and found as fast as looked up."""
WORTH_KEEPING = 200
"""New answers; fewer are read again in a moment."""
VERSION = 1
_KEY = remembered.DIGEST
"""Bytes of a key."""

Reader = Callable[[str, Sequence[str], Sample], Answer]
"""(response text, rules, item as it was shown) -> answer."""
Found = list[tuple[int, Answer]]
"""Answers with their keys."""


def read(text: str, rules: Sequence[str], sample: Sample) -> Answer:
    """The answer of a response; a runaway generation has none."""
    if len(text) > LONGEST_ANSWER:
        return Answer(None)
    return extract(text, rules, sample.options, question=sample.question)


class _Kept(msgspec.Struct):
    """A file, behind its checksum."""

    version: int
    code: str
    """`code_sha256` of the code that found the answers."""
    answers: list[tuple[str | None, str | None, int | None]]
    """Different ones: value, rule, index."""
    keys: bytes
    """16 bytes each."""
    which: bytes
    """Of each key: the number of its answer, 4 bytes in the machine's order."""


class Answers:
    """The answers of one journal's responses that are known already; about 100 bytes each.

    `file`: where they are kept; None keeps none.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._code = code_sha256()  # before anything is read: the code may be edited while this process runs
        self._numbers: dict[int, int] = {}
        self._answers: list[Answer] = []
        self._number_of: dict[Answer, int] = {}
        self._new: list[int] = []
        kept = _opened(file) if file is not None else None
        if kept is not None and self._code and kept.code == self._code:
            self._answers = [Answer(*found) for found in kept.answers]
            self._number_of = {answer: number for number, answer in enumerate(self._answers)}
            self._numbers = dict(zip(_ints(kept.keys), array("I", kept.which), strict=True))

    def read(self, text: str, rules: Sequence[str], sample: Sample) -> Answer:
        """What `read` finds; a rule of other people's code is asked each time, because it may rest on any file."""
        if not set(rules) <= EXTRACTORS.keys():
            return read(text, rules, sample)
        try:
            key = key_of(text, rules, sample)
        except UnicodeEncodeError:  # half a character: no journal holds it
            return read(text, rules, sample)
        number = self._numbers.get(key)
        if number is not None:
            return self._answers[number]
        found = read(text, rules, sample)
        self._add(key, found)
        return found

    def _add(self, key: int, found: Answer) -> None:
        if found.value is not None and len(found.value) > SHORT:
            return
        number = self._number_of.setdefault(found, len(self._answers))
        if number == len(self._answers):
            self._answers.append(found)
        self._numbers[key] = number
        self._new.append(key)

    def take_new(self) -> Found:
        """What was found since the last call, and forget it: of a worker process, for the one that forked it."""
        taken = [
            (key, self._answers[number]) for key in self._new if (number := self._numbers.pop(key, None)) is not None
        ]
        self._new = []
        return taken

    def add(self, found: Found) -> None:
        """What another process found."""
        for key, answer in found:
            self._add(key, answer)

    def keep(self) -> None:
        """Write the file, where that is worth it and possible: nobody misses it."""
        if self._file is None or not self._code or len(self._new) < WORTH_KEEPING:
            return
        kept = _Kept(
            VERSION,
            self._code,
            [(answer.value, answer.rule, answer.index) for answer in self._answers],
            b"".join(key.to_bytes(_KEY, sys.byteorder) for key in self._numbers),
            array("I", self._numbers.values()).tobytes(),
        )
        if remembered.keep(self._file, msgspec.msgpack.encode(kept)):
            self._new = []


def key_of(text: str, rules: Sequence[str], sample: Sample) -> int:
    """Tells apart whatever could have another answer.

    Raises:
        UnicodeEncodeError: a text that UTF-8 cannot hold.
    """
    asked = (text, tuple(rules), sample.question, sample.choices)
    return int.from_bytes(remembered.digest(msgspec.msgpack.encode(asked)), sys.byteorder)


@cache
def code_sha256() -> str:
    """Hex digest of the code that reads answers, all of it, and of the interpreter that runs it; empty without source."""
    digest = hashlib.sha256(f"{sys.version} {unicodedata.unidata_version} {LONGEST_ANSWER}".encode())
    folder = Path(str(extraction.__file__)).parent
    others = (
        errors,
        json_values,
        narrow,
        own_code,
        parts,
        plain_text,
        plugins,
        redact,
        thought,
        tool_results,
        tools,
        types,
    )
    files = [*sorted(folder.glob("*.py")), *(Path(str(module.__file__)) for module in others)]
    if not all(file.is_file() for file in files):
        return ""
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


_OPEN: WeakValueDictionary[Path, Answers] = WeakValueDictionary()


def answers_of(journal: Path) -> Answers:
    """The answers of a journal's responses; one object for all of this process who ask for it at a time."""
    place = journal.resolve()
    answers = _OPEN.get(place)
    if answers is None:
        answers = _OPEN[place] = Answers(remembered.place("answers", place))
    return answers


def _ints(keys: bytes) -> Iterable[int]:
    return (int.from_bytes(keys[at : at + _KEY], sys.byteorder) for at in range(0, len(keys), _KEY))


def _opened(file: Path) -> _Kept | None:
    """What a file holds; None where there is none to read."""
    content = remembered.opened(file)
    try:
        kept = None if content is None else msgspec.msgpack.decode(content, type=_Kept)
    except msgspec.DecodeError:
        return None
    return kept if kept is not None and kept.version == VERSION and _fits(kept) else None


def _fits(kept: _Kept) -> bool:
    """Whether each key has an answer; what fits its checksum may still be another program's."""
    width = array("I").itemsize
    keys, odd = divmod(len(kept.keys), _KEY)
    if odd or len(kept.which) != keys * width:
        return False
    return not keys or max(array("I", kept.which)) < len(kept.answers)
