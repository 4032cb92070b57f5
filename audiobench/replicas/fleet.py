"""The replicas of one model as one adapter: who is up, who is lost, who joins.

Each replica has an attendant, a coroutine that waits for its place, for its model and then for its end; a replica that
is lost gets a new actor, wherever the cluster has room. Ray itself neither restarts an actor nor repeats a call: the
engine asks again what has no line in the journal, by the one retry policy.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from audiobench.core import event_loop
from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.plain_text import plural
from audiobench.core.types import Request, Response
from audiobench.model.adapter import RunError
from audiobench.replicas import library
from audiobench.replicas.actor import Replica
from audiobench.replicas.head import Head
from audiobench.replicas.remote import RemoteAdapter, said
from audiobench.replicas.told import EngineUsed, ReplicaUsed
from audiobench.replicas.wanted import Wanted, name_of, resources
from audiobench.replicas.wire import Charge, Failure, Place, Started
from audiobench.serving.pool import EndpointPool

State = Literal["waiting", "starting", "up", "lost", "failed"]
CONCURRENCY = 64
"""Requests at once for each replica."""
CALLS = 10_000
"""Calls that an actor may hold at once: the driver's gate decides how many there are."""
PAUSE_SECONDS = (0.2, 10.0)
"""Before a lost replica is made anew; doubled each time that it dies before it is up."""
STARTS = 3
"""Starts in a row that may fail before a replica is given up."""
DEATHS = 10
"""Times in a row that its process may end before it is up."""
LOOK_SECONDS = 0.5
CLOSE_SECONDS = 30.0
"""How long a replica may take to stop its server."""


@dataclass(eq=False)
class _Replica:
    number: int
    actor: Any = None
    state: State = "waiting"
    place: Place | None = None
    started: Started | None = None
    """What it said when it was up last."""
    remote: RemoteAdapter | None = None
    failure: Failure | None = None
    lost: int = 0
    """Times that it died."""
    fruitless: int = 0
    """Times that it ended before it was up, since it was up last."""

    @property
    def name(self) -> str:
        where = f" on {self.place.node}" if self.place else ""
        return f"replica {self.number}{where}"


def to_stderr(words: str) -> None:
    """One line about the replicas."""
    print(f"audiobench: {words}", file=sys.stderr, flush=True)


def silent(words: str) -> None:
    """Tells nobody."""


class Fleet:
    """An adapter, and the context manager that makes and ends its replicas. `base_urls`: replica k asks the k-th."""

    def __init__(
        self,
        charge: Charge,
        wanted: Wanted,
        *,
        base_urls: Sequence[str] = (),
        tell: Callable[[str], None] = to_stderr,
    ) -> None:
        self.charge = charge
        self.wanted = wanted
        self.tell = tell
        self.audio_folder: Path | None = None
        """Where the sound of answers is kept; set by the runner."""
        self._urls = list(base_urls)
        self._replicas = [_Replica(number) for number in range(1, wanted.most + 1)]
        self._pool = EndpointPool([])
        self._answers: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._losses: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._joined = contextlib.ExitStack()
        self._attendants: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._idle_since = time.monotonic()
        self._kept: set[int] = set()
        self._head = Head("")

    # -- the actors

    def __enter__(self) -> Fleet:
        """Join the cluster and ask for the replicas.

        Raises:
            UsageError: Ray is not installed, or there is no such cluster.
        """
        if self.wanted.keep and not self._elsewhere():
            raise UsageError(
                "--keep-replicas: a cluster that this command starts ends with it; name one with --ray-address"
            )
        self._joined.enter_context(library.joined(self.wanted.address, self.wanted.cpus))
        self._head = Head(library.address())
        try:
            self._find_kept()
            for one in self._replicas:
                one.actor = one.actor or self._made(one)
        except BaseException:
            self._joined.close()
            raise
        self._idle_since = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        """End the replicas, unless they are to be kept."""
        ray = library.ray()
        with self._joined, contextlib.suppress(ray.exceptions.RayError):
            if not self.wanted.keep and not self._head.gone:  # without it Ray waits for what it is told to end
                event_loop.run(self._end())

    def _elsewhere(self) -> bool:
        return (self.wanted.address or os.environ.get("RAY_ADDRESS") or "local") != "local"

    def _find_kept(self) -> None:
        """Adopt replicas that an earlier command has kept."""
        ray = library.ray()
        there: set[str] = set(ray.util.list_named_actors())
        for one in self._replicas:
            if (name := name_of(self.charge, one.number)) in there:
                with contextlib.suppress(ValueError):
                    one.actor = ray.get_actor(name)
                    self._kept.add(one.number)
        if self._kept:
            self.tell(f"{len(self._kept)} kept {plural(len(self._kept), 'replica')} of {self.charge.spec.name} found")

    def _made(self, one: _Replica) -> Any:
        """A new actor; it waits in the cluster until there is room, which is also what an autoscaler goes by."""
        ray = library.ray()
        charge = self.charge
        if self._urls:
            charge = replace(charge, base_url=self._urls[(one.number - 1) % len(self._urls)])
        lasting: dict[str, Any] = {}
        if self.wanted.keep:
            lasting = {"name": name_of(self.charge, one.number), "lifetime": "detached"}
        actor: Any = ray.remote(Replica)
        return actor.options(
            max_restarts=0, max_task_retries=0, max_concurrency=CALLS, **resources(charge.gpus), **lasting
        ).remote(pickle.dumps(charge))

    async def _end(self) -> None:
        ray = library.ray()

        async def end(one: _Replica) -> None:
            with contextlib.suppress(ray.exceptions.RayError, TimeoutError):
                if one.state in ("up", "starting"):
                    closing: Awaitable[None] = one.actor.close.remote()
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await closing
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(one.actor, no_restart=True)

        await asyncio.gather(*(end(one) for one in self._replicas if one.actor is not None))

    # -- who is up

    @property
    def concurrency(self) -> int:
        """Requests at once that keep all replicas busy, where nothing is said about it."""
        return CONCURRENCY * self.wanted.most

    def count(self, *states: State) -> int:
        """Replicas in one of these states."""
        return sum(one.state in states for one in self._replicas)

    def shown(self) -> str:
        """For the progress line: `replicas 3/4, 1 lost`; lost are also those that start anew."""
        resting = self._pool.resting
        parts = [f"replicas {self.count('up') - resting}/{self.wanted.most}"]
        counts = {"resting": resting, "starting": self.count("starting"), "waiting": self.count("waiting"),
                  "lost": self.count("lost"), "failed": self.count("failed")}  # fmt: skip
        return ", ".join([*parts, *(f"{n} {state}" for state, n in counts.items() if n)])

    def servers(self) -> dict[str, str]:
        """Base URL -> log (on its node) of each server that is up."""
        up = [one.started for one in self._replicas if one.state == "up" and one.started is not None]
        return {url: log for started in up for url, log in zip(started.base_urls, started.logs, strict=True)}

    async def attend(self, tell: Callable[[], None]) -> None:
        """Keep the replicas up until this is cancelled; `tell` is called whenever something has changed.

        Raises:
            RunError: all have been given up, or none has been up for too long.
        """
        while True:
            await self._until(1)
            tell()
            with contextlib.suppress(TimeoutError):
                self._changed.clear()
                await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)

    def used(self) -> EngineUsed:
        """What ran where, so far."""
        places = {*self._answers, *self._losses}
        for one in self._replicas:
            if one.place is not None:
                places.add((one.place.node, one.place.gpus))
        answers = self._answers.copy()
        for one in self._replicas:
            if one.remote is not None:
                answers[_where(one)] += one.remote.answers
        return EngineUsed(
            name="ray",
            version=library.version(),
            model=self.charge.spec.name,
            wanted=(self.wanted.least, self.wanted.most),
            gpus=self.charge.gpus,
            replicas=[
                ReplicaUsed(node, list(gpus), answers[node, gpus], self._losses[node, gpus])
                for node, gpus in sorted(places)
            ],
        )

    async def wait(self) -> None:
        """Until the least number of replicas is up.

        Raises:
            UsageError: what is to be hosted cannot start on any node.
            IncompleteError: there is no room for that many.
        """
        try:
            await self._until(self.wanted.least)
        except RunError as error:
            raise (IncompleteError if error.incomplete else UsageError)(str(error)) from error
        finally:
            await self.close()
        up, most = self.count("up"), self.wanted.most
        missing = f"; {most - up} more will join when the cluster has room" if up < most else ""
        nodes = len({one.place.key for one in self._replicas if one.place and one.state == "up"})
        self.tell(
            f"{up} of {most} {plural(most, 'replica')} of {self.charge.spec.name} up on {nodes} {plural(nodes, 'node')}{missing}"
        )

    async def _until(self, least: int) -> None:
        self._attend()
        if self._head.gone:
            raise RunError(f"--engine ray: the head of the cluster, {self._head.address}, is gone", incomplete=True)
        while self.count("up") < least:
            if self.count("failed") > len(self._replicas) - least:
                raise self._gave_up()
            if self.count("up", "starting"):
                self._idle_since = time.monotonic()
            elif time.monotonic() - self._idle_since > self.wanted.patience:
                raise RunError(self._hopeless(), incomplete=True)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)

    def _gave_up(self) -> RunError:
        failed = next(one for one in self._replicas if one.failure is not None)
        assert failed.failure is not None
        words = f"{failed.name}: {failed.failure.message}"
        return RunError(words, incomplete=failed.failure.kind != "usage")

    def _hopeless(self) -> str:
        takes = " and ".join(f"{n:g} {kind[4:].upper()}" for kind, n in resources(self.charge.gpus).items() if n)
        return (
            f"--engine ray: no replica of {self.charge.spec.name} has been up for {self.wanted.patience:g} s (--replica-wait): "
            f"each takes {takes}, and the cluster is {library.resources()} in all"
        )

    def _attend(self) -> None:
        """See to it that each replica has its attendant in the running loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._changed = loop, asyncio.Event()
            self._attendants = [loop.create_task(self._attendant(one)) for one in self._replicas]
            self._attendants.append(loop.create_task(self._head.watch()))

    async def _attendant(self, one: _Replica) -> None:
        ray = library.ray()
        while one.state != "failed":
            try:
                await self._live(one)
            except (ray.exceptions.ActorUnavailableError, ray.exceptions.RpcError) as error:
                self._away(one, error)  # it may still be there
            except (ray.exceptions.AuthenticationError, ray.exceptions.RuntimeEnvSetupError) as error:
                self._failed(one, Failure("usage", f"{type(error).__name__}: {said(error)}"))
            except ray.exceptions.RayError as error:  # it has died
                if getattr(error, "actor_init_failed", False):
                    self._failed(one, Failure("usage", f"a replica cannot be made there: {_last(error)}"))
                    return
                one.fruitless += one.state != "up"
                if one.fruitless >= DEATHS:
                    self._failed(one, Failure("run", f"it died {DEATHS} times before it was up: {_last(error)}"))
                    return
                self._away(one, error)
                await asyncio.sleep(min(PAUSE_SECONDS[0] * 2**one.fruitless, PAUSE_SECONDS[1]))
                one.actor, one.place, one.remote = self._made(one), None, None
                continue
            await asyncio.sleep(PAUSE_SECONDS[0])

    async def _live(self, one: _Replica) -> None:
        """From here to its end."""
        place: Place = pickle.loads(await one.actor.hello.remote())
        one.place = place
        if place.version != Place("").version:
            words = (
                f"audiobench {place.version} runs there, and {Place('').version} here: install the same on every node"
            )
            self._failed(one, Failure("usage", words))
            return
        if one.state != "up":  # another event loop has known it
            self._become(one, "starting")
        started: Started = pickle.loads(await one.actor.ready.remote())
        if (failure := started.failure) is not None:
            one.fruitless += 1
            if failure.kind == "usage" or one.fruitless >= STARTS:
                self._failed(one, failure)
            else:
                self.tell(f"{one.name}: {failure.message}; trying once more")
            return
        one.fruitless = 0
        one.started = started
        one.remote = one.remote or RemoteAdapter(one.actor, one.name)
        one.remote.audio_folder = self.audio_folder
        if one.state != "up":
            self._become(one, "up")
            self._pool.join(one.remote)
            if one.lost:
                self.tell(f"{one.name} is up")
        await one.actor.watch.remote()

    def _become(self, one: _Replica, state: State) -> None:
        one.state = state
        self._idle_since = time.monotonic()
        self._changed.set()

    def _failed(self, one: _Replica, failure: Failure) -> None:
        one.failure = failure
        self._become(one, "failed")
        self.tell(f"{one.name} is given up: {failure.message}")

    def _away(self, one: _Replica, error: Exception) -> None:
        """It has died, or cannot be reached: nothing more goes there until it says that it is up."""
        if one.state == "up":
            one.lost += 1
            self._losses[_where(one)] += 1
        if one.remote is not None:
            self._pool.leave(one.remote)
            self._answers[_where(one)] += one.remote.answers
            one.remote = None
        if one.state in ("up", "starting"):
            self._become(one, "lost")
            self.tell(f"{one.name} is lost ({_last(error)}); {self.count('up')} of {self.wanted.most} are up")

    # -- as an adapter

    async def generate(self, request: Request) -> Response:
        """Ask the least busy replica; where none is up, wait for one.

        Raises:
            RunError: none came up for as long as the run has patience.
        """
        await self._until(1)
        return await self._pool.generate(request)

    async def identity(self) -> Mapping[str, Sequence[str]]:
        """What the replicas' servers say of their model."""
        return await self._pool.identity()

    async def close(self) -> None:
        """Leave this event loop; the replicas go on until the `with` block ends."""
        for attendant in self._attendants:
            attendant.cancel()
        await asyncio.gather(*self._attendants, return_exceptions=True)
        self._attendants, self._loop = [], None


def _where(one: _Replica) -> tuple[str, tuple[str, ...]]:
    return (one.place.node, one.place.gpus) if one.place else ("", ())


def _last(error: Exception) -> str:
    """What Ray says of the cause, which stands at the end of its words."""
    if "out of memory" in str(error) or "low on memory" in str(error):
        return "its node ran out of memory"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
