"""`audiobench doctor --engine ray`: whether a model's replicas would run on a cluster, and how many."""

from __future__ import annotations

import platform

import audiobench
from audiobench.core.errors import UsageError, install
from audiobench.core.plain_text import plural
from audiobench.model.checks import Check
from audiobench.model.registry import find_model
from audiobench.replicas import library
from audiobench.replicas.survey import Node, Survey, survey
from audiobench.replicas.wanted import CPUS
from audiobench.serving.planner import starts_server

SECURITY = "whoever reaches its ports can run code there: a trusted network only (docs/cluster.md)"


def of_cluster(address: str | None, model: str | None) -> list[Check]:
    """The checks; raises UsageError for a model that does not exist."""
    spec = find_model(model) if model is not None else None
    try:
        found = survey(address, spec)
    except UsageError as error:
        fix = install("ray") if "needs Ray" in str(error) else "ray status, on a node of the cluster"
        return [Check("ray", "problem", str(error), fix)]
    checks = [
        Check("ray", "ok", f"{library.version()}, cluster at {found.address}"),
        Check("token", "ok", f"joined with a token; even so, {SECURITY}")
        if found.token
        else Check("token", "note", f"joined without a token; {SECURITY}", "RAY_AUTH_MODE=token on every node"),
        *(_node(node) for node in found.nodes),
    ]
    if found.kept:
        words = "a run of the same model without --keep-replicas ends them"
        checks.append(
            Check(
                "kept",
                "note",
                f"{len(found.kept)} {plural(len(found.kept), 'replica')}: {', '.join(found.kept)}",
                words,
            )
        )
    if spec is not None:
        checks.append(_room(found, spec.name, found.each, serves=starts_server(spec, ())))
    return checks


def _node(node: Node) -> Check:
    has = f"{node.cpus:g} CPUs, {node.gpus:g} GPUs, object store {node.store / 2**20:,.0f} MiB"
    name = f"node {node.address}"
    if node.trouble:
        return Check(name, "problem", f"{has}; cannot be asked: {node.trouble}", "install audiobench and Ray there")
    found = f"{node.host}: {has}; audiobench {node.audiobench}, Python {node.python}"
    if node.audiobench != audiobench.__version__:
        return Check(name, "problem", found, f"install audiobench {audiobench.__version__}, as here")
    if node.python.rpartition(".")[0] != platform.python_version().rpartition(".")[0]:
        return Check(name, "problem", found, f"take Python {platform.python_version()}, as here")
    return Check(name, "ok", found)


def _room(found: Survey, name: str, gpus: float, *, serves: bool) -> Check:
    """How many replicas of a model there is room for."""
    room = sum(node.room(CPUS, gpus) for node in found.nodes)
    takes = f"each takes {CPUS} CPU" + (f" and {gpus:g} {plural(int(gpus), 'GPU')} of one node" if gpus else "")
    if not room:
        return Check(
            "replicas", "problem", f"no room for a replica of {name}: {takes}", "add nodes, or --gpus-per-replica"
        )
    without = [node.address for node in found.nodes if node.room(CPUS, gpus) and not node.vllm and not node.trouble]
    if serves and without:
        return Check("replicas", "problem", f"vLLM is not installed on {', '.join(without)}", install("vllm"))
    return Check("replicas", "ok", f"room for {room} of {name}: {takes}")
