"""Data sets: rows from a local copy, a builtin generator or the Hub, as samples."""

from audiobench.data.loading import Dataset, load, manifest
from audiobench.data.progress import announce

__all__ = ["Dataset", "announce", "load", "manifest"]
