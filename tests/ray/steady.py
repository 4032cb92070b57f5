"""A model of the tests' own, as somebody's own class would be: it can be told to fail, to die and to take its time.

What it did is in a folder that all processes share, so that a death loses nothing of it: `asked` has a line for each
call (id, process), and the attempts of an item are files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.types import Request, Response
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.capabilities import Capabilities


def share(*parts: object) -> float:
    """A number in [0, 1) from the parts."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:6], "big") / 2**48


class Steady:
    """Answers by the item alone, whoever is asked and however often."""

    capabilities = Capabilities(in_process=True)

    def __init__(self, spec: Any, *, base_url: str | None = None, timeout: float = 0.0) -> None:
        self.options = spec.options
        if self.options.get("broken"):
            raise UsageError("the weights are not there")
        self.folder = Path(self.options["folder"])

    def attempt(self, name: str) -> int:
        """Number of this attempt at an item, over all processes."""
        number = 0
        while True:
            try:
                os.close(os.open(self.folder / f"{name}.{number}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                number += 1
            else:
                return number

    async def generate(self, request: Request) -> Response:
        """Answer, or do what is asked of it."""
        assert request.sample is not None
        name, number = request.sample_id, self.attempt(request.sample_id)
        with (self.folder / "asked").open("a", encoding="utf-8") as asked:
            asked.write(f"{name} {os.getpid()} {sum(len(part.data) for part in request.audio)}\n")
        if not (self.folder / "hurry").exists():
            await asyncio.sleep(self.options.get("seconds", 0.0))
        if number == 0 and name in self.options.get("dies_at", ()):
            os._exit(1)
        if number < 2 and share("fault", name, number) < self.options.get("faults", 0.0):
            raise RetryableError("503", retry_after=0.0)
        match self.options.get("raises", {}).get(name):
            case "sample":
                raise SampleError("this clip is too long")
            case "run":
                raise RunError("the key is wrong")
            case "retryable" if number == 0:
                raise RetryableError("429", retry_after=0.01, rate_limited=True)
            case "other":
                raise LookupError("a bug in somebody's code")
            case _:
                pass
        if self.options.get("mumbles"):
            return Response("it is hard to say", latency={"total": 0.05}, served_model="steady")
        letter = "ABCD"[int(4 * share("answer", name))]
        return Response(letter, latency={"total": 0.05}, served_model="steady", usage={"prompt": 7, "completion": 1})

    async def close(self) -> None:
        """Nothing to release."""
