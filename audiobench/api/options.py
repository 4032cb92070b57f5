"""The options of a run as keyword arguments, for type checkers and editors; `RunSpec` declares them, with their defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Path = str | os.PathLike[str]


class RunOptions(TypedDict, total=False):
    """Every option of `audiobench run` but the model and the tasks; `audiobench.RunSpec` says what each does."""

    limit: int | None
    ids: Sequence[str] | None
    shard: tuple[int, int] | str | None
    prompt: str | None
    num_fewshot: int | None
    epochs: int
    think: Sequence[str] | str
    audio: Sequence[str] | str
    protocol: Sequence[str] | str
    external: str | None
    external_base_url: str | None
    option_order: int
    data: Mapping[str, Path]
    allow_links: bool
    base_url: Sequence[str] | str
    max_concurrency: int | None
    out: Path | None
    name: str | None
    fresh: bool
    judge: str | None
    judge_base_url: str | None
    judge_hears: bool
    judge_batch: bool
    nli: str | None
    reader: str | None
    reader_base_url: str | None
    asr: str | None
    spoken: bool
    asr_base_url: str | None
    measure: Sequence[str] | str
    nli: str | None
    spoken: bool
    gen: Mapping[str, Any]
    seed: int
    allow_approx: bool
    batch: bool
    batch_poll: float
    max_cost: float | None
    allow_other_model: bool
    attempts: int
    timeout: float
    quiet: bool
    engine: str
    replicas: tuple[int, int] | int | str | None
    ray_address: str | None
    gpus_per_replica: float | None
    keep_replicas: bool
    replica_wait: float
