"""vLLM in this process, on the CPU, with tiny random checkpoints; everything here is skipped where vLLM is not installed.

Every test file starts one engine and frees it: an engine takes about ten seconds to start.
"""

from __future__ import annotations

import gc
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HAS_VLLM = importlib.util.find_spec("vllm") is not None

if HAS_VLLM:
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of this folder `vllm`, and skip it where vLLM is absent."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.vllm)
            if not HAS_VLLM:
                item.add_marker(pytest.mark.skip(reason="vllm is not installed (make vllm-tests)"))


@pytest.fixture
def clip() -> Callable[..., np.ndarray]:
    """`clip(seconds, seed)`: noise, float32, 16 kHz."""

    def make(seconds: float, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Step-Audio checkpoint of about a million parameters."""
    from model_adapters.step_audio.testing import make_tiny_checkpoint

    return make_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Callable[..., Any]]:
    """`engine(folder, **arguments)` starts `vllm.LLM` on the CPU in this process; freed at the module's end."""
    started: list[Any] = []

    def start(folder: Path, **arguments: Any) -> Any:
        from vllm import LLM

        defaults: dict[str, Any] = {
            "dtype": "float32",
            "max_model_len": 2048,
            "max_num_seqs": 16,
            "max_logprobs": -1,
            "enforce_eager": True,
            "limit_mm_per_prompt": {"audio": 4},
            "disable_log_stats": True,
        }
        started.append(LLM(str(folder), **{**defaults, **arguments}))
        return started[-1]

    yield start
    # said, not left to the collector: the traceback of a failed test keeps its engine, whose end would take the
    # process groups from the next module's
    for llm in started:
        llm.llm_engine.engine_core.shutdown()
    started.clear()
    gc.collect()
