"""A tiny random checkpoint of the family, made once a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (the extra local)")
pytest.importorskip("transformers", reason="transformers is not installed (the extra local)")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small matrices on a shared machine: more threads only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random checkpoint of about a million parameters."""
    from model_adapters.step_audio.testing import make_tiny_checkpoint

    return make_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def reference(tiny_checkpoint: Path):
    """That checkpoint, loaded."""
    from model_adapters.step_audio.reference import Reference

    return Reference.load(tiny_checkpoint)


@pytest.fixture
def clip():
    """`clip(seconds, seed)`: noise, float32, 16 kHz."""

    def make(seconds: float, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)

    return make
