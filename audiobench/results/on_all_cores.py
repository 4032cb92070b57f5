"""Work on the lines of a large journal, shared out among forked processes: to read answers takes most of its time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import current_process, get_all_start_methods, get_context
from typing import Any, TypeVar

from audiobench.scorers import SCORERS
from audiobench.task.spec import TaskSpec

MANY = 20_000
"""Lines; fewer are read in one process."""
CHUNK = 500
MOST_WORKERS = 8

R = TypeVar("R")
_work: Callable[[Sequence[int]], Any] | None = None
"""In a worker: what it does with each chunk, inherited when it was forked."""


def pays(lines: int, task: TaskSpec) -> bool:
    """Whether so many lines are worth it, and can be shared out.

    A scorer from outside may return what cannot leave a process; a process with threads is not safely forked.
    """
    return (
        lines >= MANY
        and workers() > 1
        and task.scorer in SCORERS
        and "fork" in get_all_start_methods()
        and threading.active_count() == 1
        and not current_process().daemon
    )


def workers() -> int:
    """As many as there are cores for this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def chunks(places: Sequence[int]) -> list[Sequence[int]]:
    """`places` in pieces of `CHUNK`."""
    return [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]


def each(work: Callable[[Sequence[int]], list[R]], parts: Sequence[Sequence[int]]) -> Iterator[list[R]]:
    """What `work` makes of each part, in order."""
    with get_context("fork").Pool(workers(), initializer=_begin, initargs=(work,)) as pool:
        yield from pool.imap(_one, parts)


def _begin(work: Callable[[Sequence[int]], Any]) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that forked this one ends it


def _one(part: Sequence[int]) -> Any:
    assert _work is not None
    return _work(part)
