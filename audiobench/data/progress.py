"""Tells people how far a fetch is: one line that is written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from audiobench.data.rows import Progress

LIVE_EVERY_SECONDS = 0.25
PLAIN_EVERY_SECONDS = 10.0


def announce(name: str) -> Progress:
    """A progress function that writes `NAME: what 3/8` to standard error; what is done at once is not worth a line."""
    live = sys.stderr.isatty()
    every = LIVE_EVERY_SECONDS if live else PLAIN_EVERY_SECONDS
    shown = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now < shown + every:
            return
        shown = now
        line = f"{name}: {what} {done}" + (f"/{total}" if total else "")
        print(f"\x1b[2K{line}" if live else line, end="\r" if live else "\n", file=sys.stderr, flush=True)

    return show
