"""Which NVIDIA GPUs this process may use, and how much of their memory is free. No torch, no CUDA context."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from audiobench.core.errors import UsageError, suggestion

GIB = 2**30

CARDS = {
    "3090": 24_576, "4090": 24_564, "5090": 32_607, "L4": 23_034, "L40": 46_068, "L40S": 46_068, "A6000": 49_140,
    "A100-40": 40_960, "A100-80": 81_920, "H100-80": 81_559, "H20": 97_871, "H200": 143_771, "B200": 183_359,
}  # fmt: skip
"""Memory in MiB as nvidia-smi shows it, for plans on a machine without such a card."""
ALIASES = {"A100": "A100-80", "H100": "H100-80"}
IDLE = 600 * 2**20
"""Bytes that the driver holds on a card that nobody uses, about."""


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


def imagined(words: str) -> list[Gpu]:
    """The GPUs that `8xH100-80`, `4090` or `2xL40S,1x48GiB` name, with nobody else on them.

    Raises:
        UsageError: no such card; the message lists the known ones.
    """
    gpus: list[Gpu] = []
    for part in words.split(","):
        match = re.fullmatch(r"(?:(\d{1,3})[xX])?([A-Za-z0-9-]+)", part.strip())
        count, name = (int(match[1] or 1), match[2]) if match else (0, part.strip())
        name = next((card for card in [*CARDS, *ALIASES] if card.lower() == name.lower()), name)
        size = re.fullmatch(r"(\d{1,4})GiB", name)
        mib = CARDS.get(ALIASES.get(name, name)) or (1024 * int(size[1]) if size else None)
        if not mib or not count:
            meant = suggestion(name.upper(), [*CARDS, *ALIASES], "")
            raise UsageError(
                f"--gpus {words or repr(words)}: expected COUNTxCARD such as 8xH100-80"
                f"{f' ({meant})' if meant else ''}; cards: {', '.join(CARDS)}; "
                "another card by its memory, such as 2x48GiB; several kinds with commas"
            )
        total = mib * 2**20
        gpus += [Gpu(str(len(gpus) + i), ALIASES.get(name, name), total, total - IDLE) for i in range(count)]
    return gpus


def selected(gpus: Sequence[Gpu], choice: str | None) -> list[Gpu]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES leaves, in its order (CUDA stops at the first unknown one)."""
    if choice is None:
        return list(gpus)
    found: list[Gpu] = []
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
