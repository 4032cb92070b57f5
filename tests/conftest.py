"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# the same examples on every machine, however slow it is
settings.register_profile("audiobench", deadline=None, derandomize=True)
settings.load_profile("audiobench")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with benchmark files that may be used but not committed; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("AUDIOBENCH_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip("no golden vectors: set AUDIOBENCH_SHARED to the folder that holds golden/ and data/")
    return folder
