"""A look at a cluster: what each node has, whether replicas would run there, and how many there is room for."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import platform
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

import audiobench
from audiobench.core.plain_text import one_line
from audiobench.model.spec import ModelSpec
from audiobench.replicas import library
from audiobench.serving import fitting
from audiobench.serving.gpus import IDLE, Gpu, visible_gpus

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
    each: float
    """GPUs of a replica of the model that was asked about."""
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


def cards() -> list[tuple[str, int]]:
    """(name, bytes) of the GPUs of this process's node; runs there, with no GPU of its own."""
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return [(gpu.name, gpu.total) for gpu in visible_gpus()]


def gpus_of(spec: ModelSpec) -> float:
    """GPUs of one replica: as many as the plan of a server on this cluster's cards has (`audiobench.serving.fitting`), the
    fewest that the model file allows where no card is there yet, and none for a model that has no server or engine.

    To be asked while the cluster is joined; where nodes have different cards, what suits all of them.
    """
    if spec.weights is None or spec.serve is None:
        return 0.0
    ray, needs = library.ray(), fitting.needs_of(spec)
    known = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    asked = [_ask(ray, str(node["NodeID"]), cards) for node in known]
    planned = {needs.tensor_parallel[0]}
    for ref in asked:
        with contextlib.suppress(ray.exceptions.RayError):
            found: list[tuple[str, int]] = ray.get(ref, timeout=ASK_SECONDS)
            there = [Gpu(str(i), name, total, total - IDLE) for i, (name, total) in enumerate(found)]
            if fit := fitting.fit(needs, there):
                planned.add(fit.tensor_parallel)
    return float(max(planned))


def survey(address: str | None, spec: ModelSpec | None = None) -> Survey:
    """Join the cluster at `address` and ask each of its nodes.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    with library.joined(address, 1):
        ray = library.ray()
        known: Sequence[Mapping[str, Any]] = [node for node in ray.nodes() if node["Alive"]]
        asked = [_ask(ray, str(node["NodeID"]), about) for node in known]
        nodes = [_node(ray, node, ref) for node, ref in zip(known, asked, strict=True)]
        kept = sorted(str(name) for name in ray.util.list_named_actors())
        return Survey(library.address(), nodes, kept, gpus_of(spec) if spec else 0.0, library.has_token())


def _ask(ray: Any, node: str, work: Callable[[], Any]) -> Any:
    """A call of `work` on a node."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    return ray.remote(work).options(num_cpus=0, max_retries=0, scheduling_strategy=here).remote()


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
