"""Data sets: rows from a local copy, a builtin generator or the Hub, as samples."""

from audiobench.dataset.loading import Dataset, load, manifest
from audiobench.dataset.progress import announce

__all__ = ["Dataset", "announce", "load", "manifest"]
