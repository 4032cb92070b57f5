"""Where version 0.1 had capabilities, for adapters of users; new ones import from `audiobench.model`."""

from audiobench.model.capabilities import ALL, Capabilities

__all__ = ["ALL", "Capabilities"]
