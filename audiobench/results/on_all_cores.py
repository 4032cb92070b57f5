"""Work on the lines of a large journal, or on the samples of a large run, shared out among forked processes."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import current_process, get_all_start_methods, get_context
from multiprocessing.pool import AsyncResult
from time import process_time
from typing import Any, TypeVar

LONG = 3.0
"""Seconds of work; less is done before other processes are at it."""
CHUNK = 500
MOST_WORKERS = 8
AHEAD = 3
"""Chunks a worker that may be under way or wait to be taken: a slow taker must not hold all of them in memory."""

R = TypeVar("R")
_work: Callable[[Sequence[int]], Any] | None = None
"""In a worker: what it does with each chunk, inherited when it was forked."""


def shared_out(
    work: Callable[[Sequence[int]], R], places: Sequence[int], toll: float, *, leaves: bool = True
) -> Iterator[R]:
    """What `work` makes of each chunk of `places`, in order: here, and as soon as that pays on all cores.

    Args:
        work: given a chunk of `places`.
        places: of lines in a file, or of items in a list.
        toll: seconds that it takes to hand what is made of one place from process to process.
        leaves: whether it can leave a process at all.
    """
    chunks = deque(places[start : start + CHUNK] for start in range(0, len(places), CHUNK))
    while chunks:
        chunk, began = chunks.popleft(), process_time()
        made = work(chunk)
        seconds = (process_time() - began) / len(chunk)
        yield made
        if leaves and chunks and pays(seconds, toll, len(chunks) * CHUNK):
            yield from each(work, chunks)
            return


def pays(seconds: float, toll: float, places: int) -> bool:
    """Whether to share out so many places, each of which takes `seconds` of work and `toll` to hand over.

    A process with threads is not safely forked.
    """
    return (
        seconds >= 3 * toll
        and seconds * places >= LONG
        and workers() > 1
        and "fork" in get_all_start_methods()
        and threading.active_count() == 1
        and not current_process().daemon
    )


def workers() -> int:
    """As many as there are cores for this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def each(work: Callable[[Sequence[int]], R], parts: Iterable[Sequence[int]]) -> Iterator[R]:
    """What `work` makes of each part, in order."""
    with get_context("fork").Pool(workers(), initializer=_begin, initargs=(work,)) as pool:
        begun: deque[AsyncResult[R]] = deque()
        for part in parts:
            begun.append(pool.apply_async(_one, (part,)))
            if len(begun) >= AHEAD * workers():
                yield begun.popleft().get()
        while begun:
            yield begun.popleft().get()


def _begin(work: Callable[[Sequence[int]], Any]) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that forked this one ends it


def _one(part: Sequence[int]) -> Any:
    assert _work is not None
    return _work(part)
