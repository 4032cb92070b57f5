"""The command line, and plug-ins that are installed as packages."""

from __future__ import annotations

from pathlib import Path

from tests.run.conftest import cli  # noqa: F401  a fixture


def packaged(folder: Path, example: str, module: str, entry_points: str) -> Path:
    """Moves an example out of `folder` into an installed package of that module; returns what PYTHONPATH needs."""
    site = folder / "site"
    info = site / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / example).rename(site / f"{module}.py")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
    return site
