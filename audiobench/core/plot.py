"""Figures for papers and notebooks: one look, and PNG (300 dpi), SVG or PDF files.

Made without pyplot, so that a notebook's or a program's own plots are not touched.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError, install

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
"""Okabe and Ito's palette: tells colour-blind readers the curves apart."""
MARKERS = ("o", "s", "^", "D", "v", "<", ">")
SUFFIXES = (".png", ".svg", ".pdf")
STYLE: dict[str, Any] = {
    "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7, "svg.fonttype": "none",
    "svg.hashsalt": "audiobench", "legend.frameon": False, "axes.titlesize": 8, "pdf.fonttype": 42,
}  # fmt: skip


class Plot:
    """A figure. A notebook shows it; `save` writes it."""

    def __init__(self, columns: int, size: tuple[float, float], rows: int = 1) -> None:
        """Empty panels side by side; `size`: of one panel, in inches.

        Raises:
            UsageError: matplotlib is not installed.
        """
        try:
            library: Any = import_module("matplotlib")
            figure: Any = import_module("matplotlib.figure")
        except ImportError as error:
            raise UsageError(f"a plot needs matplotlib: {install('plot')}") from error
        self._context = library.rc_context
        with self._context(STYLE):
            self.figure: Any = figure.Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
            """matplotlib's own."""
            self.panels: list[Any] = list(self.figure.subplots(rows, columns, squeeze=False).flat)
            """The axes, row by row."""

    def styled(self) -> Any:
        """The context in which panels are drawn."""
        return self._context(STYLE)

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the files that `targets` names.

        Raises:
            UsageError: an unknown suffix, or a file cannot be written.
        """
        files = targets(Path(path))
        try:
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self._as(file.suffix.lower()))
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        return files

    def _as(self, suffix: str) -> bytes:
        stamps = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        out = io.BytesIO()
        with self._context(STYLE):
            self.figure.savefig(out, format=suffix[1:], dpi=300, metadata=stamps.get(suffix))
        return out.getvalue()

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        with self._context(STYLE):
            self.figure.savefig(out, format="png", dpi=150)
        return out.getvalue()


def targets(path: Path) -> list[Path]:
    """The files that a plot is written to: PNG and SVG, or just the format that the suffix of `path` names.

    Raises:
        UsageError: another suffix.
    """
    if not path.suffix:
        return [path.with_name(path.name + ".png"), path.with_name(path.name + ".svg")]
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--plot {path}: {path.suffix} is unknown; allowed: {', '.join(SUFFIXES)}, or none for PNG + SVG"
        )
    return [path]


def forest(
    axis: Any, names: Sequence[str], values: Sequence[float], bounds: Sequence[tuple[float | None, float | None]]
) -> None:
    """Values with their 95 % intervals, one below the other, the first at the top; a value without interval is a point."""
    for place, (value, (low, high)) in enumerate(zip(values, bounds, strict=True)):
        y = len(names) - 1 - place
        bars = None if low is None or high is None else [[value - low], [high - value]]
        axis.errorbar([value], [y], xerr=bars, fmt="o", color=COLOURS[0], markersize=4, elinewidth=1.0, capsize=2)
    axis.set_yticks(range(len(names)), list(reversed(names)))
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.grid(axis="x", linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)
