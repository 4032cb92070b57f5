"""Which NVIDIA GPUs this process may use, and how much of their memory is free. No torch, no CUDA context."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    index: str
    """As nvidia-smi numbers it."""
    name: str
    total: int
    """Bytes."""
    free: int
    """Bytes."""
    uuid: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.free / GIB:.0f} of {self.total / GIB:.0f} GiB free)"


def visible_gpus() -> list[Gpu]:
    """The GPUs that nvidia-smi shows, in the order and selection of CUDA_VISIBLE_DEVICES; empty when there is none."""
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return []
    query = "--query-gpu=index,name,memory.total,memory.free,uuid"
    try:
        out = subprocess.run(
            [smi, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = [gpu for line in out.splitlines() if (gpu := _parsed(line)) is not None]
    return selected(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def selected(gpus: Sequence[Gpu], choice: str | None) -> list[Gpu]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES leaves, in its order (CUDA stops at the first unknown one)."""
    if choice is None:
        return list(gpus)
    found = []
    for name in (part.strip() for part in choice.split(",")):
        match = next((g for g in gpus if name and (g.index == name or g.uuid.startswith(name))), None)
        if match is None:
            break
        found.append(match)
    return found


def _parsed(line: str) -> Gpu | None:
    parts = [part.strip() for part in line.split(",")]
    try:
        return Gpu(parts[0], parts[1], int(parts[2]) * 2**20, int(parts[3]) * 2**20, parts[4])
    except (IndexError, ValueError):
        return None


def describe(gpus: Sequence[Gpu]) -> str:
    """One phrase for a message."""
    return "; ".join(str(gpu) for gpu in gpus) if gpus else "no GPU is visible"
