"""A model that answers after a fixed time and computes nothing: what is left is the way there and back."""

from __future__ import annotations

import asyncio
from typing import Any

from audiobench.core.types import Request, Response


class Answering:
    """Says "A" after `options: {seconds: ...}` of the model file."""

    def __init__(self, spec: Any, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.seconds = float(spec.options.get("seconds", 0.0))

    async def generate(self, request: Request) -> Response:
        """Wait, then answer."""
        await asyncio.sleep(self.seconds)
        return Response("A", latency={"total": self.seconds})

    async def close(self) -> None:
        """Nothing to release."""
