"""What `--engine ray` says, and a model's replicas for as long as something is asked of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from audiobench.core import event_loop
from audiobench.core.errors import UsageError
from audiobench.files import run_info
from audiobench.files.run_spec import RunSpec, options
from audiobench.model.adapter import Adapter
from audiobench.model.registry import capabilities
from audiobench.model.spec import ModelSpec
from audiobench.replicas import library
from audiobench.replicas.fleet import Fleet, silent, to_stderr
from audiobench.replicas.survey import gpus_of
from audiobench.replicas.wanted import Wanted
from audiobench.replicas.wire import Charge
from audiobench.serving.planner import starts_server

ONLY_RAY = ("replicas", "ray_address", "gpus_per_replica", "keep_replicas", "replica_wait")


def wanted_of(spec: RunSpec) -> Wanted | None:
    """The replicas that a run asks for; None where it runs on this machine."""
    if spec.engine != "ray":
        return None
    least, most = spec.replicas or (1, 1)
    return Wanted(least, most, spec.ray_address, spec.gpus_per_replica, spec.keep_replicas, spec.replica_wait)


def check_engine(spec: RunSpec) -> None:
    """Raise UsageError for options of the other engine, for batch jobs on replicas, and where Ray is not installed."""
    if spec.engine != "ray":
        given = [o.flag for o in options() if o.name in ONLY_RAY and getattr(spec, o.name) != o.default]
        if given:
            raise UsageError(f"{given[0]}: goes with --engine ray")
        return
    library.require()
    library.check_address(spec.ray_address)
    if spec.batch:
        raise UsageError("--batch: a provider's batch jobs have no replicas; leave --engine ray out")


def replicable(model: ModelSpec, base_url: str | None) -> bool:
    """Whether a stage's model runs on replicas: one that has no server, and is started or loaded by us."""
    return base_url is None and (starts_server(model, ()) or capabilities(model).in_process)


@contextlib.contextmanager
def replicas(
    model: ModelSpec, wanted: Wanted, *, base_urls: Sequence[str] = (), timeout: float, quiet: bool = False
) -> Generator[Fleet]:
    """The model's replicas, of which the least that are wanted are up.

    Raises:
        UsageError: there is no cluster, or what is hosted cannot start.
        IncompleteError: there is no room for as many.
    """
    with library.joined(wanted.address, wanted.cpus):
        gpus = wanted.gpus
        if gpus is None:
            gpus = 0.0 if base_urls or model.base_url else gpus_of(model)
        charge = Charge(model, timeout=timeout, gpus=gpus)
        with Fleet(charge, wanted, base_urls=base_urls, tell=silent if quiet else to_stderr) as fleet:
            event_loop.run(fleet.wait())
            yield fleet


def note_used(folder: Path, adapter: Adapter, since: float) -> None:
    """Add to a run's run.json what ran where, if that was on replicas; `since`: seconds since 1970."""
    if isinstance(adapter, Fleet) and (folder / run_info.FILE).is_file():
        info = run_info.read(folder)
        used = msgspec.structs.replace(adapter.used(), started=since, seconds=round(time.time() - since, 1))
        run_info.write(folder, msgspec.structs.replace(info, engines=[*info.engines, used]))
