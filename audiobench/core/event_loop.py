"""Run a coroutine to its end from code that is not one itself, in a notebook too; and such code from a coroutine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


class _Watched:
    """The coroutine that `run` is running for `aside`, so that it can be cancelled from the loop that waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    async def watch(self, main: Coroutine[Any, Any, T]) -> T:
        """`main`, which `cancel` cancels, now or as soon as it begins."""
        with self._lock:
            self._task = asyncio.current_task()
            if self._cancelled and self._task is not None:
                self._task.cancel()
        try:
            return await main
        finally:
            with self._lock:
                self._task = None

    def cancel(self) -> None:
        """From any thread."""
        with self._lock:
            self._cancelled = True
            if self._task is not None:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)


_watched: ContextVar[_Watched | None] = ContextVar("_watched", default=None)


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns, which runs in a thread. Cancelled, it cancels what `work` has given to `run`, and waits until
    `work` has ended, so that no file is being written any more.
    """
    watched = _Watched()
    token = _watched.set(watched)
    try:
        running = asyncio.ensure_future(asyncio.to_thread(work))
    finally:
        _watched.reset(token)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        watched.cancel()
        await asyncio.wait([running])
        running.exception() if not running.cancelled() else None
        raise


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns. Where a loop runs in this thread already (Jupyter), it gets a thread and a loop of its own;
    an interrupt cancels it there.
    """
    if (watcher := _watched.get()) is not None:
        main = watcher.watch(main)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main)
    done: Future[T] = Future()
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def watched() -> T:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await main

    def work() -> None:
        try:
            done.set_result(asyncio.run(watched()))
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=work, name="audiobench")
    thread.start()
    try:
        return done.result()
    except KeyboardInterrupt:
        loop, task = started.result()
        if task is not None and not done.done():
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()


def takes_signals() -> bool:
    """Whether a loop of this thread may handle signals: only the main thread's may."""
    return threading.current_thread() is threading.main_thread()
