"""The notebook of the examples runs from top to bottom in a real kernel, and its results show themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient and ipykernel run the notebook")
pytest.importorskip("ipykernel", reason="nbclient and ipykernel run the notebook")
pytest.importorskip("torch", reason="the embedded model needs torch")
pytest.importorskip("matplotlib", reason="the notebook draws a plot")


def test_the_notebook_runs_and_shows_tables_sound_and_a_plot(root: Path, tmp_path: Path) -> None:
    import nbformat

    notebook: Any = nbformat.read(root / "examples" / "python_api.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    html = [data["text/html"] for data in shown if "text/html" in data]
    assert "95 % interval" in html[0] and any("<audio controls" in page for page in html)
    assert any("image/png" in data for data in shown)
    assert (tmp_path / "results" / "always_first").is_dir()
