"""A look at a cluster: what each node has, whether replicas would run there, and how many there is room for."""

from __future__ import annotations

import importlib.util
import math
import platform
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

import audiobench
from audiobench.core.plain_text import one_line
from audiobench.replicas import library

ASK_SECONDS = 60.0
"""How long a node may take to answer."""


class Node(Struct, frozen=True):
    """One node that is alive."""

    address: str
    cpus: float
    gpus: float
    store: int
    """Bytes of its object store."""
    host: str = ""
    python: str = ""
    audiobench: str = ""
    vllm: bool = False
    trouble: str = ""
    """Why it could not be asked."""

    def room(self, cpus: float, gpus: float) -> int:
        """Replicas that it holds, with nobody else on it."""
        each = [self.cpus // cpus] if cpus else []
        if gpus >= 1:
            each.append(self.gpus // gpus)
        elif gpus:
            each.append(self.gpus * math.floor(1 / gpus))
        return int(min(each, default=0))


class Survey(Struct, frozen=True):
    """A cluster."""

    address: str
    nodes: list[Node]
    kept: list[str]
    """Names of the replicas that earlier commands have kept."""
    token: bool
    """Whether it was joined with a token."""


def about() -> dict[str, Any]:
    """This process's node; runs there."""
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "audiobench": audiobench.__version__,
        "vllm": importlib.util.find_spec("vllm") is not None,
    }


def survey(address: str | None) -> Survey:
    """Join the cluster at `address` and ask each of its nodes.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    with library.joined(address, 1):
        ray = library.ray()
        known: Sequence[Mapping[str, Any]] = [node for node in ray.nodes() if node["Alive"]]
        asked = [_ask(ray, str(node["NodeID"])) for node in known]
        nodes = [_node(ray, node, ref) for node, ref in zip(known, asked, strict=True)]
        kept = sorted(str(name) for name in ray.util.list_named_actors())
        return Survey(library.address(), nodes, kept, library.has_token())


def _ask(ray: Any, node: str) -> Any:
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    return ray.remote(about).options(num_cpus=0, max_retries=0, scheduling_strategy=here).remote()


def _node(ray: Any, node: Mapping[str, Any], asked: Any) -> Node:
    has: Mapping[str, float] = node["Resources"]
    known = Node(
        str(node["NodeManagerAddress"]),
        has.get("CPU", 0.0),
        has.get("GPU", 0.0),
        int(has.get("object_store_memory", 0)),
    )
    try:
        told: dict[str, Any] = ray.get(asked, timeout=ASK_SECONDS)
    except ray.exceptions.RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        why = one_line(lines[-1] if lines else type(error).__name__)[:200]
        return Node(known.address, known.cpus, known.gpus, known.store, trouble=why)
    return Node(known.address, known.cpus, known.gpus, known.store, **told)
