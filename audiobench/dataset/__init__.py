"""Data sets: rows from a local copy, a builtin generator or the Hub, as samples."""

from audiobench.dataset.loading import Dataset, load

__all__ = ["Dataset", "load"]
