"""Annotators: stages that give each response of a run a value, which is a column of every table and breakdown from then on.

An annotator is a class in a file (`FILE.py:Class`) or of another package (entry points of the group
`audiobench.annotators`). It says which responses it wants, what a model is asked about one (nothing, where it computes its
value itself), and the value. Its lines go into `<task>/annotations.jsonl`, append-only; responses that have a line of the
same version, code and model are not annotated again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeGuard

from audiobench.ask.annotate import loaded
from audiobench.ask.stage import Ask, Reply, Stage, responses
from audiobench.core import plugins
from audiobench.core.errors import UsageError
from audiobench.core.plain import plain_bytes
from audiobench.core.types import Message, Outcome, Part, Request, Response, Sample, TextPart
from audiobench.files.annotations import Note
from audiobench.files.records import Record
from audiobench.model import think
from audiobench.model.adapter import SampleError
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.results.runs import Scored, TaskRun

Value = str | bool | int | float | None

NOBODY = ModelSpec(name="nobody", adapter="none", served_model="none")
"""Stands for the model of an annotator that asks none."""


@dataclass(frozen=True, slots=True)
class Item:
    """One response that is to be annotated."""

    record: Record
    outcome: Outcome
    task_run: TaskRun

    @property
    def text(self) -> str:
        """The response, without its reasoning."""
        return self.record.text

    @property
    def reasoning(self) -> str:
        """Its reasoning; empty where there is none."""
        return self.record.reasoning

    @property
    def sample(self) -> Sample:
        """The item as it was shown: question, choices, target, metadata."""
        return self.record.shown()

    def clip(self, number: int = 0) -> bytes:
        """The file of a clip that was sent, as it is on disk: before any change to fit the model or the condition.

        Raises:
            SampleError: there is no such clip, or it is not the one that the run sent.
        """
        if number >= len(self.record.audio):
            raise SampleError(f"clip {number}: {len(self.record.audio)} were sent")
        about = self.record.audio[number]
        try:
            data = plain_bytes(Path(about.path))
        except OSError as error:
            raise SampleError(f"{about.path}: {error.strerror}") from error
        if sha256(data).hexdigest() != about.sha256:
            raise SampleError(f"{about.path}: the clip has changed since the run")
        return data


class Annotator:
    """What an annotator is; a subclass gives `value`, and `asks` where a model is to be asked."""

    name = ""
    """Of the column; empty = the class's name in lower case."""
    version = "1"
    """Raised whenever a value changes."""

    def wants(self, item: Item) -> bool:
        """Whether a response is to be annotated."""
        del item
        return True

    def asks(self, item: Item) -> Sequence[Request]:
        """What a model is asked about a response; `question` makes a request."""
        del item
        return ()

    def value(self, item: Item, replies: Sequence[Response]) -> Value:
        """The value, of the replies to `asks` that came, thoughts apart; None where nothing can be said.

        A breakdown has a row for each different value, so that a measure should be given as one of a few ranges.
        """
        raise NotImplementedError


def question(*parts: Part | str, **generation: Any) -> Request:
    """A request of one turn: text and clips, and generation parameters (`temperature=0`)."""
    turn = tuple(TextPart(part) if isinstance(part, str) else part for part in parts)
    return Request((Message("user", turn),), generation)


@dataclass(frozen=True, slots=True)
class Found:
    """An annotator with what makes it the same or another."""

    annotator: Annotator
    name: str
    version: str

    @property
    def asks_a_model(self) -> bool:
        """Whether it needs one."""
        return type(self.annotator).asks is not Annotator.asks


def find_annotator(name: str) -> Found:
    """The annotator of that name.

    Raises:
        UsageError: there is none, or it is no `Annotator`.
    """
    found = plugins.find("annotator", name)
    if found is None:
        raise UsageError(f"unknown annotator {name!r}; use FILE.py:Class, or the name of one from an installed package")
    if not (isinstance(found.made, type) and issubclass(found.made, Annotator)):
        raise UsageError(f"annotator {found.where}: must be a subclass of audiobench.ask.annotators.Annotator")
    if found.made.value is Annotator.value:
        raise UsageError(f"annotator {found.where}: needs `value(self, item, replies)`")
    try:
        made = found.made()
    except TypeError as error:
        raise UsageError(f"annotator {found.where}: must be built as Class(): {error}") from error
    column = made.name or found.made.__name__.lower()
    return Found(made, column, f"{made.version}{found.code}")


class AnnotatorStage(Stage[Item]):
    """The responses of some tasks that this annotator has not annotated."""

    def __init__(self, found: Found, model: ModelSpec | None, tasks: Sequence[TaskRun]) -> None:
        super().__init__(model or NOBODY)
        self.who = f"annotator {found.name}" + (f" by {model.name}" if model else "")
        self.found = found
        self.tasks = tasks
        self._digest = sha256_of(model) if model else ""

    def open(self) -> Iterator[Item]:
        """Responses that it wants, without a line of this version and model."""
        for task_run in self.tasks:
            known = task_run.notes().get(self.found.name, {})
            for scored in task_run.scored():
                line = known.get(scored.slot)
                same = line is not None and (line.version, line.model_sha256) == (self.found.version, self._digest)
                if not same and scored.record.response is not None:
                    item = self._item(scored, task_run)
                    if self.found.annotator.wants(item):
                        yield item

    @staticmethod
    def _item(scored: Scored, task_run: TaskRun) -> Item:
        return Item(scored.record, scored.outcome, task_run)

    def path(self, item: Item) -> Path:
        """The task's annotations.jsonl."""
        return item.task_run.folder / Note.FILE

    def requests(self, item: Item) -> Sequence[Request]:
        """What the annotator asks."""
        return self.found.annotator.asks(item)

    async def load(self, item: Item, request: Request) -> Request:
        """With the clips that the request names."""
        return loaded(request, self.model)

    async def answer(self, item: Item, ask: Ask) -> Note | None:
        """Ask and annotate; what needs no model is computed beside the event loop."""
        if self.found.asks_a_model:
            made = await super().answer(item, ask)
        else:
            made = await asyncio.to_thread(self.made, item, [])
        return made if isinstance(made, Note) else None

    def line(self, item: Item, replies: Sequence[Reply]) -> Note | None:
        """The value; None where a model was to be asked and no reply came."""
        said = [think.split(response, None, self.model.thinking) for response in responses(replies)]
        if self.found.asks_a_model and not said:
            return None
        value = self.found.annotator.value(item, said)
        if not _is_value(value):
            raise SampleError(f"value {value!r}: must be a text, a number, true or false, or None")
        asked = self.found.asks_a_model
        return Note(
            item.record.id,
            item.record.key,
            self.found.name,
            value,
            self.found.version,
            model=self.model.name if asked else "",
            model_sha256=self._digest,
            served_models=sorted({response.served_model for response in said if response.served_model}),
            replies=[response.text for response in said],
        )


def _is_value(value: object) -> TypeGuard[Value]:
    """Whether somebody else's code gave what it should."""
    return isinstance(value, Value)
