"""A stage: which items are open, what a model is asked about one, and the line that its replies make.

The model under test, a judge, a recogniser, a reader, a trace judge, early answers and annotators are stages. Two drivers
run any of them: `ask.engine` with live calls, `ask.batch.driver` with a provider's batch jobs. A stage never calls a model
itself: retries, the check of who answered, journals and interruption belong to the drivers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from audiobench.ask.batch.jobs import Submitted
from audiobench.ask.retry import ExhaustedError
from audiobench.core.json_values import counts
from audiobench.core.redact import redacted
from audiobench.core.types import Request, Response
from audiobench.files.annotations import Asked
from audiobench.files.records import Record
from audiobench.media import InvalidAudioError
from audiobench.model.adapter import SampleError
from audiobench.model.spec import ModelSpec
from audiobench.results import cost

I = TypeVar("I")  # noqa: E741
"""What a stage asks about."""

A = TypeVar("A", bound=Asked)
EXPECTED = (ExhaustedError, SampleError, InvalidAudioError)
"""Failures of one request that say nothing of the next."""

Line = Record | Asked
"""What is written: an item's line in the stage's file."""
Reply = Response | Exception
"""What came of one request; an exception says why there is no response."""


class Ask(Protocol):
    """One request with retries, as a driver makes it."""

    attempts: int
    """Calls so far, over all requests about the item."""

    async def __call__(self, request: Request) -> Response:
        """The response.

        Raises:
            ExhaustedError: every attempt failed.
            SampleError: this request can never succeed.
            InvalidAudioError: a clip cannot be sent.
        """
        ...


class Stage(Generic[I]):
    """One stage; a subclass says what is open, what is asked and what is written."""

    who = ""
    """What messages call the model, such as `judge gpt-5`; empty for the model under test."""

    def __init__(self, model: ModelSpec) -> None:
        self.model = model
        self.failures: Counter[str] = Counter()
        """Why requests failed for good, counted."""

    def begin(self) -> None:
        """Called once before the first item."""

    def end(self) -> None:
        """Called once after the last item, whatever happened."""

    def open(self) -> Iterable[I]:
        """The items that have no line yet, in the order in which to ask."""
        raise NotImplementedError

    def path(self, item: I) -> Path:
        """The append-only file of the item's line."""
        raise NotImplementedError

    def requests(self, item: I) -> Sequence[Request]:
        """What is asked about an item, each request on its own; media are not loaded yet."""
        raise NotImplementedError

    async def load(self, item: I, request: Request) -> Request:
        """`request` with its media; called when it is about to be sent, so that memory holds what is on the wire.

        Raises:
            InvalidAudioError: a clip cannot be sent.
            SampleError: it is not there, or not what it was.
        """
        del item
        return request

    def accept(self, item: I, request: Request, response: Response, *, last: bool) -> Response:
        """The response as it counts; `last`: no further attempt is left.

        Raises:
            RetryableError: it is to be requested again.
        """
        del item, request, last
        return response

    def line(self, item: I, replies: Sequence[Reply]) -> Line | None:
        """The line that the replies to `requests(item)` make; None leaves the item open."""
        raise NotImplementedError

    def made(self, item: I, replies: Sequence[Reply], *, batch: bool = False) -> Line | None:
        """`line`, with what its replies took; `batch`: they came from a batch job, at its price."""
        line = self.line(item, replies)
        return self.accounted(line, responses(replies), batch=batch) if isinstance(line, Asked) else line

    def accounted(self, line: A, said: Sequence[Response], *, batch: bool = False) -> A:
        """`line` with what these replies took."""
        line.usage = dict(sum((Counter(counts(response.usage)) for response in said), Counter[str]()))
        line.dollars = cost.of_responses(said, self.model, batch=batch)
        line.time = round(time.time(), 3)
        return line

    async def answer(self, item: I, ask: Ask) -> Line | None:
        """Ask about an item and return its line; None leaves it open."""
        replies: list[Reply] = []
        for request in self.requests(item):
            try:
                replies.append(await ask(request))
            except EXPECTED as error:
                self.failures[str(error)] += 1
                replies.append(error)
        return self.made(item, replies)

    def failed(self, item: I, error: BaseException) -> Line | None:
        """The line of an item for which `answer` raised; None leaves it open."""
        del item
        self.failures[why(error)] += 1
        return None

    def failed_in_words(self) -> str:
        """`failures` as a run's reason."""
        (reason, n), *_ = self.failures.most_common(1)
        total = self.failures.total()
        return f"{self.who}: {total} requests failed for good, {n} of them with: {reason}"

    def observe(self, item: I, line: Line) -> None:
        """Called with every line as it is written."""

    # -- batch jobs

    def submitted(self, item: I, number: int) -> Submitted:
        """What a batch job keeps of the item's request number `number`, so that another process can collect it."""
        raise NotImplementedError

    def address(self, submitted: Submitted) -> Hashable:
        """What requests about the same item have in common."""
        return submitted.task, submitted.id, submitted.key

    def restore(self, submitted: Submitted) -> I | None:
        """The item of a submitted request; None where it has its line already."""
        raise NotImplementedError


def why(error: BaseException) -> str:
    """A failure in words, without secrets; one that nobody expects by its type too."""
    return redacted(str(error) if isinstance(error, EXPECTED) else f"{type(error).__name__}: {error}")


def responses(replies: Iterable[Reply]) -> list[Response]:
    """Those that came."""
    return [reply for reply in replies if isinstance(reply, Response)]
