"""What a command says of its replicas, and what a replica takes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import orjson

from audiobench.core.limits import REPLICA_WAIT_SECONDS
from audiobench.model.registry import sha256_of
from audiobench.replicas.wire import Charge

CPUS = 1
"""CPUs that a replica takes: the driver's engine, not the CPU, limits how much a replica is asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `--engine ray` is told."""

    least: int = 1
    """Replicas that must be up before the first request."""
    most: int = 1
    """Replicas that are asked for, and join whenever the cluster has room."""
    address: str | None = None
    gpus: float | None = None
    """GPUs a replica; None = as its plan says (`survey.gpus_of`)."""
    keep: bool = False
    """They outlive this command."""
    patience: float = REPLICA_WAIT_SECONDS
    """Seconds that nothing may be up and nothing starting."""

    @property
    def cpus(self) -> int:
        """CPUs that a cluster of this machine alone must offer."""
        return CPUS * self.most


def resources(gpus: float) -> dict[str, float]:
    """Options of the actor. Whole GPUs of one replica lie on one node, as an actor's resources always do."""
    return {"num_cpus": float(CPUS), "num_gpus": gpus if gpus < 1 else float(math.ceil(gpus))}


def name_of(charge: Charge, number: int) -> str:
    """A kept replica's: the same for the same model, served in the same way."""
    told = [sha256_of(charge.spec), charge.spec.model_dump(mode="json"), charge.base_url, charge.gpus]
    digest = hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    return f"{charge.spec.name}/{digest}/{number}"
