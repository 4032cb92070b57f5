"""Data sets: rows from a local copy, a builtin generator or the Hub, as samples."""

from audiobench.dataset.loading import Dataset, fetch, load, manifest

__all__ = ["Dataset", "fetch", "load", "manifest"]
