"""Fixtures of the task tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def task_paths(root: Path) -> list[Path]:
    """Every shipped task file: not the groups, nor what task files include."""
    files = sorted((root / "tasks").rglob("*.yaml"))
    return [file for file in files if file.parent.name != "groups" and not file.name.startswith("_")]
