"""Fixtures of the data set tests."""

from loopback_hub import cache, hub

__all__ = ["cache", "hub"]
