"""The live driver: it carries a stage by calls, many at once, and writes each line as it is ready.

One retry policy, one check of which model answered, one way of stopping: for the model under test, judges, recognisers
and every other stage alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from audiobench.ask.closing import close
from audiobench.ask.concurrency import Concurrency, DismissedError
from audiobench.ask.identity import check_answered
from audiobench.ask.retry import ExhaustedError, RetryPolicy, call
from audiobench.ask.stage import EXPECTED, I, Line, Stage, why
from audiobench.core import event_loop
from audiobench.core.errors import AudiobenchError, ExitCode, IncompleteError
from audiobench.core.plain_text import plural
from audiobench.core.redact import redacted
from audiobench.core.types import Request, Response
from audiobench.files.journal import Journal, UnwritableError
from audiobench.model.adapter import Adapter, RunError, SampleError

GRACE_SECONDS = 10.0
"""How long what is in flight may take to finish after SIGINT or SIGTERM."""
ABORT_AFTER_FAILURES = 20
"""This many failed requests in a row, before any success, end the run."""
ABORT_LATER = 100
"""The same after a success; at least twice what may be on the wire at once."""


class _NotSent(Exception):
    """A request that was still waiting for its turn when the run was to stop: it stays open."""


@dataclass(slots=True)
class Ending:
    """How a stage ended."""

    exit_code: ExitCode = ExitCode.OK
    reason: str | None = None


class Engine(Generic[I]):
    """Drives one adapter over the open items of a stage."""

    def __init__(
        self,
        stage: Stage[I],
        adapter: Adapter,
        gate: Concurrency,
        policy: RetryPolicy,
        *,
        stop_when: Callable[[], str | None] = lambda: None,
        finished: Callable[[Line | None], None] = lambda line: None,
        allow_other_model: bool = False,
    ) -> None:
        self.stage = stage
        self.adapter = adapter
        self.gate = gate
        self.policy = policy
        self.stop_when = stop_when
        self.finished = finished
        """Called with the line of each item, None for one that stays open."""
        self.ending = Ending()
        self.allow_other_model = allow_other_model
        """Go on when another model answers than the one that was asked."""
        self._journals: dict[Path, Journal] = {}
        self._slots: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._grace: float | None = GRACE_SECONDS
        self._freed = asyncio.Event()
        """Set whenever a slot ends or the run is to stop."""
        self._failures = 0
        self._succeeded = False

    async def run(self) -> Ending:
        """Ask everything that is open; returns how it ended. Journals are closed and synced in every case."""
        with self._signals():
            try:
                self.stage.begin()
                for item in self.stage.open():
                    if self._stopping.is_set():
                        break
                    slot = asyncio.create_task(self._slot(item))
                    self._slots.add(slot)
                    slot.add_done_callback(self._done)
                    await self._room()
                await self._drain()
            except AudiobenchError as error:
                self._stop(error.exit_code, self._told(error))
            finally:
                for slot in self._slots:
                    slot.cancel()
                await asyncio.gather(*self._slots, return_exceptions=True)
                self.stage.end()
                self._close_journals()
                await close(self.adapter)
        return self.ending

    @contextlib.contextmanager
    def _signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM) if event_loop.takes_signals() else ()
        for number in numbers:
            loop.add_signal_handler(number, self._interrupted, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _done(self, slot: asyncio.Task[None]) -> None:
        self._slots.discard(slot)
        self._freed.set()

    async def _room(self) -> None:
        """Let begun work go first; hold a window of open slots, not the whole data set."""
        await asyncio.sleep(0)
        while len(self._slots) >= 2 * self.gate.limit + 8 and not self._stopping.is_set():
            self._freed.clear()
            await self._freed.wait()

    async def _drain(self) -> None:
        while self._slots and not self._stopping.is_set():
            self._freed.clear()
            await self._freed.wait()
        if self._slots:
            await asyncio.wait(self._slots, timeout=self._grace)

    def _interrupted(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            for slot in self._slots:
                slot.cancel()
        elif flying := self.gate.in_flight:
            print(
                f"audiobench: {number.name}: waiting up to {GRACE_SECONDS:g} s for {flying} {plural(flying, 'answer')} on the "
                "wire; once more stops at once",
                file=sys.stderr,
                flush=True,
            )
        code = ExitCode.SIGINT if number == signal.SIGINT else ExitCode.SIGTERM
        self._stop(code, f"interrupted by {number.name}")

    def _stop(self, code: ExitCode, reason: str) -> None:
        if self.ending.reason is None:
            self.ending.exit_code = code
            self.ending.reason = reason
        self._stopping.set()
        self.gate.dismiss()
        self._freed.set()

    def _told(self, error: Exception) -> str:
        return redacted(f"{self.stage.who}: {error}" if self.stage.who else str(error))

    def _close_journals(self) -> None:
        for journal in self._journals.values():
            try:
                journal.close()
            except OSError as error:
                self._stop(ExitCode.INCOMPLETE, f"{journal.path}: {error.strerror}")

    async def _slot(self, item: I) -> None:
        """One item, from its request to its line."""
        if self._stopping.is_set():
            return
        try:
            line = await self.stage.answer(item, _Caller(self, item))
        except _NotSent:
            return
        except (RunError, AudiobenchError) as error:
            self._stop(error.exit_code, self._told(error))
            return
        except (Exception, SystemExit) as error:
            # an adapter of the user's own may raise anything: that item's error, and the others go on
            line = self.stage.failed(item, error)
            if not isinstance(error, EXPECTED):
                self._failed(why(error))
        if line is None:
            self.finished(None)
        else:
            self._write(item, line)

    def _write(self, item: I, line: Line) -> None:
        """Write the line of an item, and stop where it is the last that is wanted."""
        path = self.stage.path(item)
        try:
            if path not in self._journals:
                self._journals[path] = Journal(path)
            try:
                self._journals[path].append(line)
            except UnwritableError as error:
                excuse = self.stage.failed(item, error)
                if excuse is None:
                    return
                line = excuse
                self._journals[path].append(line)
        except IncompleteError as error:
            self._stop(error.exit_code, str(error))
            return
        self.stage.observe(item, line)
        self.finished(line)
        reason = self.stop_when()
        if reason:
            self._grace = None  # what is on the wire is paid for: its answers are waited for
            self._stop(ExitCode.INCOMPLETE, reason)

    def _failed(self, message: str) -> None:
        self._failures += 1
        enough = ABORT_AFTER_FAILURES if not self._succeeded else max(ABORT_LATER, 2 * self.gate.limit)
        if self._failures >= enough:
            first = "" if self._succeeded else "first "
            self._stop(
                ExitCode.INCOMPLETE,
                f"{self._failures} {first}requests all failed, so the run was stopped; the last one: {message}",
            )

    async def ask(self, item: I, request: Request, *, begun: bool) -> tuple[Response, int]:
        """One request with retries, and how many calls it took. Media are loaded inside the gate."""
        calls = 0

        async def attempt() -> Response:
            nonlocal calls
            if self._stopping.is_set() and not begun:
                raise _NotSent
            calls += 1
            response = await self.adapter.generate(await self.stage.load(item, request))
            if not self.allow_other_model:
                check_answered(response, self.stage.model)
            return self.stage.accept(item, request, response, last=calls >= self.policy.attempts)

        try:
            answered = await call(attempt, self.gate, self.policy, stays=begun)
        except DismissedError:
            raise _NotSent from None
        except (ExhaustedError, SampleError) as error:
            self._failed(str(error))
            if isinstance(error, ExhaustedError) and error.starved:
                self._stop(
                    ExitCode.INCOMPLETE,
                    f"the server refuses every request as too fast, {self.gate.pace.fruitless} times in a row after growing "
                    f"pauses; the last time: {redacted(str(error))}",
                )
            raise
        self._succeeded, self._failures = True, 0
        return answered


class _Caller(Generic[I]):
    """`stage.Ask` of one item: once its first request is answered, the others are sent even while a run stops."""

    def __init__(self, engine: Engine[I], item: I) -> None:
        self.engine, self.item, self.attempts = engine, item, 0

    async def __call__(self, request: Request) -> Response:
        response, calls = await self.engine.ask(self.item, request, begun=self.attempts > 0)
        self.attempts += calls
        return response
