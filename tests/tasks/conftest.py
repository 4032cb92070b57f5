"""Fixtures of the task tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def task_paths(root: Path) -> list[Path]:
    """Every shipped task file."""
    return sorted((root / "tasks").rglob("*.yaml"))
