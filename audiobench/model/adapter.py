"""What an adapter is: `async generate(Request) -> Response`, and nothing else.

Retries, concurrency, the journal and thinking live outside. An adapter turns one request into one call and one
reply, and says how a failed call may be treated by which of three errors it raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from audiobench.core.errors import ExitCode
from audiobench.core.types import Request, Response


class RetryableError(Exception):
    """The same call may succeed later (408, 409, 425, 429, 5xx, time-out, reset, broken JSON, empty choices)."""

    def __init__(self, message: str, *, retry_after: float | None = None, rate_limited: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the server asked us to wait."""
        self.rate_limited = rate_limited
        """True for 429: concurrency is cut, not only delayed."""


class SampleError(Exception):
    """This request can never succeed (400, 413, 422); the others may."""


class RunError(Exception):
    """No request can succeed (401, 403, 404, daily quota); the run stops."""

    def __init__(self, message: str, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.incomplete = incomplete
        """True where nothing the user wrote is wrong (a quota, another model that answers)."""

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with."""
        return ExitCode.INCOMPLETE if self.incomplete else ExitCode.USAGE


class DeadError(RunError):
    """What the adapter ran in this process has died; a process of its own (`--engine ray`) is started anew."""


@runtime_checkable
class Adapter(Protocol):
    """A way of reaching a model."""

    async def generate(self, request: Request) -> Response:
        """Ask once. Audio parts carry their bytes (`AudioPart.data`) in a format the model file declares.

        Raises:
            RetryableError: the runner waits and calls again.
            SampleError: the sample becomes an `error`.
            RunError: the run stops.
        """
        ...

    async def close(self) -> None:
        """Release connections, processes and files."""
        ...


@runtime_checkable
class TellsItself(Adapter, Protocol):
    """An adapter whose server says which model it serves, beside its name, at no cost."""

    async def identity(self) -> Mapping[str, Sequence[str]]:
        """What the server says (`created`, `root`, `revision`): a value for each server; raises as `generate`."""
        ...


@runtime_checkable
class KeepsAudio(Protocol):
    """An adapter whose model answers in audio, which is kept as files."""

    audio_folder: Path | None
    """Where; set by the runner. None = nowhere."""
