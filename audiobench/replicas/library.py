"""Ray: found, joined, left again."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
from collections.abc import Generator, Mapping
from importlib import import_module
from typing import Any

from audiobench.core.errors import UsageError, install
from audiobench.core.plain_text import one_line, plural

CONNECT_SECONDS = 10.0
NAMESPACE = "audiobench"
"""Of the replicas that are kept (`--keep-replicas`)."""


def require() -> None:
    """Raise UsageError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(f"--engine ray needs Ray: {install('ray')}, on every node of the cluster")


def ray() -> Any:
    """The module; only for those who have called `require`."""
    import_module("ray.exceptions")
    return import_module("ray")


def version() -> str:
    """Ray's."""
    from importlib.metadata import version

    return version("ray")


def check_address(address: str | None) -> None:
    """Raise UsageError for the address of a Ray client: its actors are reached over a proxy, whose calls are no futures
    of this process.
    """
    if address is not None and address.startswith("ray://"):
        raise UsageError(
            f"--ray-address {address}: Ray's client is not supported; start audiobench on a node of the cluster with "
            "--ray-address auto (`ray job submit` does), or give HOST:PORT of its head"
        )


def _check_there(address: str) -> None:
    """Raise UsageError where nothing listens at HOST:PORT: Ray itself would try for a quarter of an hour."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray-address {address}: no Ray cluster to join there: {error}") from error


@contextlib.contextmanager
def joined(address: str | None, cpus: int) -> Generator[None]:
    """Be a driver of the cluster at `address`; without one, RAY_ADDRESS, else a cluster of this machine alone that offers
    at least `cpus` CPUs. Does nothing where this process is a driver already.

    Raises:
        UsageError: there is no cluster at the address, or it does not let us in.
    """
    require()
    check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody unless the user asks for it
    here = ray()
    if here.is_initialized():
        yield
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    # Ray prints what befalls its nodes on standard output, where a run's JSON goes; `Fleet` tells of the replicas itself
    import_module("ray._private.worker").__dict__["_worker_logs_enabled"] = False
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_there(where)
    own: dict[str, Any] = {"num_cpus": max(os.cpu_count() or 1, cpus)} if where == "local" else {}
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        here.init(
            where, namespace=NAMESPACE, log_to_driver=False, configure_logging=False, include_dashboard=False if own else None, **own,
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError, here.exceptions.RayError) as error:
        named = "" if address is None else f" {address}"
        raise UsageError(f"--ray-address{named}: no Ray cluster to join there: {one_line(str(error))[:300]}") from error
    finally:
        for number, handler in before.items():  # Ray takes SIGTERM; how a run ends is decided by its engine
            with contextlib.suppress(ValueError, TypeError):  # not the main thread; a handler that is not Python's
                signal.signal(number, handler)
    try:
        yield
    finally:
        here.shutdown()


def has_token() -> bool:
    """Whether this process has joined with a token (Ray says so by its own variable)."""
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def address() -> str:
    """Of the cluster that this process has joined."""
    return str(ray().get_runtime_context().gcs_address)


def resources() -> str:
    """CPUs and GPUs of the cluster, in words."""
    found: Mapping[str, float] = ray().cluster_resources()
    known: list[Mapping[str, Any]] = ray().nodes()
    nodes = sum(bool(node["Alive"]) for node in known)
    return f"{nodes} {plural(nodes, 'node')} with {found.get('CPU', 0):g} CPUs and {found.get('GPU', 0):g} GPUs"
