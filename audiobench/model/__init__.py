"""What a model is: its file, what an adapter owes, what an adapter can do, and how both are found by name.

The names here are what the author of an adapter needs.
"""

from audiobench.core.types import Request, Response
from audiobench.model.adapter import Adapter, RetryableError, RunError, SampleError
from audiobench.model.capabilities import ALL, Capabilities
from audiobench.model.spec import ModelSpec

__all__ = [
    "ALL", "Adapter", "Capabilities", "ModelSpec", "Request", "Response", "RetryableError", "RunError", "SampleError",
]  # fmt: skip
