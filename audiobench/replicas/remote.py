"""One replica as an adapter: a call to its actor, and Ray's errors as the three kinds that every adapter raises."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

from audiobench.core.disk import write_whole
from audiobench.core.plain_text import one_line
from audiobench.core.types import Request, Response
from audiobench.model.adapter import RetryableError, RunError
from audiobench.replicas import library
from audiobench.replicas.wire import Reply, pack


def said(error: BaseException) -> str:
    """The first words of one of Ray's errors, which go on over many lines."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return one_line(lines[0] if lines else type(error).__name__)[:200]


class RemoteAdapter:
    """Asks one actor. `actor`: a handle of `audiobench.replicas.actor.Replica`."""

    def __init__(self, actor: Any, name: str) -> None:
        self.actor = actor
        self.name = name
        """The replica and its node, for messages."""
        self.answers = 0
        self.audio_folder: Path | None = None

    async def generate(self, request: Request) -> Response:
        """Ask once; raises what the adapter on the node raises, and RetryableError where the replica is lost."""
        ray = library.ray()
        packed, pieces = pack(request)
        asked = self.actor.generate.remote(packed, *pieces)
        try:
            reply: Reply = pickle.loads(await asked)
        except asyncio.CancelledError:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.cancel(asked)
            raise
        except (ray.exceptions.AuthenticationError, ray.exceptions.RuntimeEnvSetupError) as error:
            raise RunError(f"{self.name}: {said(error)}") from error
        except ray.exceptions.RayError as error:
            raise RetryableError(f"{self.name} is lost: {type(error).__name__}: {said(error)}") from error
        if reply.failure is not None:
            raise reply.failure.error()
        if self.audio_folder is not None:
            for name, data in reply.files.items():
                await asyncio.to_thread(write_whole, self.audio_folder / name, data)
        assert reply.response is not None
        self.answers += 1
        return reply.response

    async def identity(self) -> Mapping[str, Sequence[str]]:
        """What the replica's server says of its model; nothing where the replica is lost."""
        ray = library.ray()
        with contextlib.suppress(ray.exceptions.RayError):
            asked: Awaitable[bytes] = self.actor.identity.remote()
            return pickle.loads(await asked)
        return {}

    async def close(self) -> None:
        """The replica goes on; `Fleet` ends it."""
