"""A model that is a function or an object of the caller's Python."""

from __future__ import annotations

import asyncio
import inspect
from concurrent import futures
from typing import Any

from msgspec import Struct

from audiobench.core.types import Request, Response
from audiobench.model.adapter import SampleError
from audiobench.model.capabilities import ALL, Capabilities
from audiobench.model.spec import ModelSpec

DECLARED = Capabilities(ALL, in_process=True)
"""What is assumed of one that declares no `capabilities`: it does what its declaration says."""


class FromPython(Struct, frozen=True):
    """The model as it was handed over, with its declaration; called, it makes the adapter."""

    spec: ModelSpec
    made: Any
    """`made(request)` -> text or `Response`, or an object with such a method `generate`; plain or async."""

    @property
    def capabilities(self) -> Any:
        """What it can do (`audiobench.model.capabilities`)."""
        return getattr(self.made, "capabilities", DECLARED)

    def __call__(self, spec: ModelSpec, *, base_url: str | None = None, timeout: float = 0.0) -> _Adapter:
        """The adapter; addresses and time limits of one call are the model's own business."""
        del base_url, timeout
        return _Adapter(spec, self.made)


class _Adapter:
    def __init__(self, spec: ModelSpec, made: Any) -> None:
        self._spec = spec
        self._ask = getattr(made, "generate", made)
        self._async = inspect.iscoroutinefunction(self._ask) or inspect.iscoroutinefunction(
            getattr(self._ask, "__call__", None)  # noqa: B004  an object whose call is a coroutine function
        )

    async def generate(self, request: Request) -> Response:
        """Ask once; a plain function works in a thread of its own, so that several can be at work.

        Raises:
            SampleError: what came back is no answer.
            RuntimeError: in place of what the function raised, where that would mean something to the event loop.
        """
        reply = await (self._awaited(request) if self._async else asyncio.to_thread(self._called, request))
        if isinstance(reply, str):
            return Response(reply)
        if isinstance(reply, Response):
            return reply
        raise SampleError(
            f"model {self._spec.name}: returned {reply!r:.60}; it must return a text or an audiobench Response"
        )

    def _called(self, request: Request) -> Any:
        """In a thread: a future that was given StopIteration would wait for ever."""
        try:
            return self._ask(request)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration | futures.CancelledError):
                raise
            raise _in_words(error) from error

    async def _awaited(self, request: Request) -> Any:
        try:
            return await self._ask(request)
        except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the run is being stopped
            raise _in_words(error) from error

    async def close(self) -> None:
        """Nothing: the object is the caller's, who may go on using it."""


def _in_words(error: BaseException) -> RuntimeError:
    return RuntimeError(f"the model raised {type(error).__name__}: {error}".removesuffix(": "))
