"""What people see while a run goes on: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from msgspec import Struct

from audiobench.core.modes import FinishReason
from audiobench.core.types import Outcome, Response
from audiobench.data.progress import LIVE_EVERY_SECONDS, PLAIN_EVERY_SECONDS
from audiobench.files.annotations import Asked
from audiobench.statistics.intervals import binomial

MANY = 20
"""Answers without text after which people are told."""
MOST_SCORES = 3
"""Scores in a progress line."""


@dataclass(slots=True)
class Tally:
    """Running counts of a run."""

    total: int
    done_before: int = 0
    asked: int = 0
    scores: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    """Sum of values and their number, by task and condition: different ones have no score in common."""
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    dollars: float = 0.0
    """Spent by this command."""
    spent_before: float = 0.0
    """Spent by earlier starts of the same run."""
    priced: bool = False
    thoughts: int = 0
    """Answers that hold reasoning and no text; -1 once that was told."""
    estimated: int = 0
    """Answers whose cost is an estimate, where a limit must be kept and the server gives no counts."""
    retries: int = 0
    replicas: Callable[[], str] | None = None
    """Says how many replicas of a cluster are up."""
    started: float = field(default_factory=time.monotonic)

    def only_thought(self, response: Response | None) -> bool:
        """Count a response; True once, when at least half of the answers, and 20, hold reasoning and no text."""
        if response is None or response.text.strip() or not (response.reasoning or "").strip():
            return False
        if response.finish_reason != FinishReason.STOP or self.thoughts < 0:
            return False
        self.thoughts += 1
        if self.thoughts < MANY or 2 * self.thoughts < self.asked:
            return False
        self.thoughts = -1
        return True

    def add(self, result: Outcome, attempts: int, dollars: float | None, where: str = "") -> None:
        """Count one finished request; `where`: its task and condition."""
        self.asked += 1
        self.statuses[result.status] = self.statuses.get(result.status, 0) + 1
        self.retries += max(0, attempts - 1)
        if result.value is not None:
            right, valued = self.scores.get(where, (0.0, 0))
            self.scores[where] = right + result.value, valued + 1
        if dollars is not None:
            self.dollars += dollars
            self.priced = True

    def _shown(self) -> list[tuple[str, tuple[float, int]]]:
        """Each score where there are few; of many none, as the closing table shows them."""
        return list(self.scores.items()) if len(self.scores) <= MOST_SCORES else []

    def line(self, width: int | None = None) -> str:
        """The progress line, with less in it where `width` columns do not hold all."""
        done = self.done_before + self.asked
        seconds = max(time.monotonic() - self.started, 1e-9)
        rate = self.asked / seconds
        parts = [(0, f"{done}/{self.total}"), (2, f"{done / self.total:.0%}" if self.total else "100%")]
        parts += [(3, _score(*found, where if len(self.scores) > 1 else "")) for where, found in self._shown()]
        for status in ("unparsed", "truncated", "refused"):
            if self.statuses.get(status) or status == "unparsed":
                parts.append((1, f"{status} {self.statuses.get(status, 0)}"))
        parts.append((0, f"errors {self.statuses.get('error', 0) + self.statuses.get('invalid_audio', 0)}"))
        if self.retries:
            parts.append((4, f"retries {self.retries}"))
        parts.append((5, f"{rate:.1f} req/s"))
        if self.replicas is not None:
            parts.append((1, self.replicas()))
        if self.priced:
            parts.append((0, f"${self.dollars:.2f}"))
        parts.append((0, f"ETA {clock((self.total - done) / rate)}" if self.asked else "ETA -"))
        return fitted(parts, width)


@dataclass(slots=True)
class StageTally:
    """Running counts of a stage that follows a run."""

    who: str
    """`judge gpt-5`."""
    total: int
    asked: int = 0
    failed: int = 0
    dollars: float = 0.0
    """Spent by this command."""
    priced: bool = False
    unknown: bool = False
    """A line came whose cost is not known."""
    replicas: Callable[[], str] | None = None
    """Says how many replicas of a cluster are up."""
    started: float = field(default_factory=time.monotonic)

    def add(self, line: Struct | None) -> None:
        """Count one item; None for one that failed."""
        self.asked += 1
        self.failed += line is None
        if isinstance(line, Asked):
            self.priced = self.priced or line.dollars is not None
            self.unknown = self.unknown or line.dollars is None
            self.dollars += line.dollars or 0.0

    def line(self, width: int | None = None) -> str:
        """The progress line, with less in it where `width` columns do not hold all."""
        rate = self.asked / max(time.monotonic() - self.started, 1e-9)
        parts = [(1, self.who), (0, f"{self.asked}/{self.total}"), (3, f"{self.asked / max(self.total, 1):.0%}"),
                 (0, f"failed {self.failed}"), (2, f"{rate:.1f}/s")]  # fmt: skip
        if self.replicas is not None:
            parts.append((1, self.replicas()))
        if self.priced:
            parts.append((0, f"${self.dollars:.2f}"))
        parts.append((0, f"ETA {clock((self.total - self.asked) / rate)}" if self.asked else "ETA -"))
        return fitted(parts, width)


def fitted(parts: Sequence[tuple[int, str]], width: int | None) -> str:
    """The parts of a line, each with how soon it is left out (the highest first, 0 never) where the line is too wide."""
    kept = list(parts)
    while True:
        line = "  ".join(text for _, text in kept)
        most = max(soon for soon, _ in kept)
        if width is None or len(line) <= width or not most:
            return line
        kept = [part for part in kept if part[0] < most]


def _score(right: float, valued: int, where: str) -> str:
    mean, name = right / valued, f"{where} " if where else ""
    if not 0 <= mean <= 1:
        return f"{name}score {mean:.3g}"
    interval = binomial(round(right), valued)
    return f"{name}score {100 * mean:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def clock(seconds: float) -> str:
    """Seconds as `2:05` or `1:02:05`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"


class Progress:
    """Shows a tally on a stream; use as a context manager and call `update` after each request."""

    def __init__(self, tally: Tally | StageTally, stream: IO[str] | None = None, *, quiet: bool = False) -> None:
        self.tally = tally
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live: Any = None
        self._next = 0.0

    def __enter__(self) -> Progress:
        if not self._quiet and self._stream.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._stream, highlight=False)
            self._live = Live("", console=console, auto_refresh=False, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._show()
            self._live.stop()
        elif not self._quiet and self.tally.asked:
            self._show()

    def update(self) -> None:
        """Show the tally if it is time to."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + (LIVE_EVERY_SECONDS if self._live is not None else PLAIN_EVERY_SECONDS)
        if self._live is None and self.tally.asked == 1:
            return
        self._show()

    def _show(self) -> None:
        if self._live is None:
            print(self.tally.line(), file=self._stream, flush=True)
            return
        from rich.text import Text

        line = Text(self.tally.line(self._live.console.width), no_wrap=True)
        self._live.update(line, refresh=True)
