"""What run.json says of an engine that spread a run over machines."""

from __future__ import annotations

from msgspec import Struct


class ReplicaUsed(Struct, frozen=True, omit_defaults=True):
    """One place that answered."""

    node: str
    """IP address and name."""
    gpus: list[str] = []
    """As the node numbers them; empty where the replica had none."""
    answers: int = 0
    losses: int = 0
    """Times that a replica was lost there."""


class EngineUsed(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one start of a run, or one of its stages, ran on."""

    name: str
    """ray"""
    version: str = ""
    model: str = ""
    wanted: tuple[int, int] = (1, 1)
    """Replicas: the least before the first request, and the most."""
    gpus: float = 0.0
    """Of each replica."""
    started: float | None = None
    """Seconds since 1970."""
    seconds: float = 0.0
    """How long."""
    replicas: list[ReplicaUsed] = []
