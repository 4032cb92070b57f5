"""Run a coroutine to its end from code that is not one itself, in a notebook too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns. Where a loop runs in this thread already (Jupyter), it gets a thread and a loop of its own;
    an interrupt cancels it there.
    """
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
