"""Where version 0.1 had the errors of an adapter, for adapters of users; new ones import from `audiobench.model`."""

from audiobench.model.adapter import Adapter, RetryableError, RunError, SampleError

__all__ = ["Adapter", "RetryableError", "RunError", "SampleError"]
