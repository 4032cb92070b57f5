"""Batch jobs: what an adapter whose provider has them offers beside `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from audiobench.core.types import Request, Response
from audiobench.model.adapter import Adapter


@dataclass(frozen=True, slots=True)
class Result:
    """What a job says to one request: a completion (`data`), a refusal, or an error."""

    key: str
    data: dict[str, Any] | None = None
    refused: bool = False
    error: str = ""


@dataclass(slots=True)
class Status:
    """A job as it stands."""

    state: Literal["running", "ended", "failed"]
    word: str
    """The provider's own word for it."""
    done: int | None = None
    message: str = ""
    results: list[Result] = field(default_factory=list[Result])
    """Filled once it has ended."""


class BatchApi(Protocol):
    """One provider's batch jobs."""

    name: str
    most_requests: int
    most_bytes: int
    """Limits of one job."""

    def line(self, key: str, request: Request) -> bytes:
        """One request of a job; raises SampleError as the adapter's `body`."""
        ...

    async def submit(self, lines: Sequence[bytes], token: str) -> str:
        """Make a job; returns its name. Raises as an adapter."""
        ...

    async def find(self, token: str) -> str | None:
        """The job that was made under `token`, by a process that did not live to note its name."""
        ...

    async def status(self, job: str) -> Status:
        """How far it is; with its results when it has ended."""
        ...


@runtime_checkable
class BatchAdapter(Adapter, Protocol):
    """An adapter whose provider has batch jobs."""

    def batch_api(self) -> BatchApi:
        """The provider's batch jobs."""
        ...

    def parsed(self, data: dict[str, Any], where: str) -> Response:
        """The response that a result's `data` is; raises as `generate`."""
        ...
