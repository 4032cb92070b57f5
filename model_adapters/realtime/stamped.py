"""A websocket connection that notes when each message arrived: as its bytes come from the socket, before any task that
waits for it gets its turn.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event


class StampedConnection(ClientConnection):
    """As its base class, with `receive` instead of `recv`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrivals: deque[float] = deque()

    def process_event(self, event: Event) -> None:
        """Called by the transport's `data_received` for each frame."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES and event.fin:
            self._arrivals.append(time.monotonic())
        super().process_event(event)

    async def receive(self) -> tuple[str | bytes, float]:
        """The next message, and the moment of the monotonic clock at which its last frame arrived."""
        data = await self.recv()
        return data, self._arrivals.popleft()
