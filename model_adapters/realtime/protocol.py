"""What the adapter needs of a protocol: frames to send, and how a received frame changes the turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from audiobench.core.types import Request
from model_adapters.realtime.turn import Turn

Frame = dict[str, Any]


class Wire(Protocol):
    """One websocket protocol. All frames are JSON objects."""

    input_rate: int
    """Hz of the PCM16 mono that goes in."""
    turn_end: str
    """Name of the event that ends the user's turn."""

    def path(self, model: str) -> str:
        """Path and query behind the base address."""
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """Headers of the handshake."""
        ...

    def setup(self, request: Request, model: str) -> Frame:
        """The frame that sets the session up.

        Raises:
            SampleError: the protocol has no way to say something that the request holds.
        """
        ...

    def text(self, text: str, *, after_audio: bool) -> Frame:
        """A text part of the user's turn; raises SampleError where it cannot be said there."""
        ...

    def begin(self) -> list[Frame]:
        """Frames before a clip."""
        ...

    def audio(self, pcm: bytes) -> Frame:
        """A piece of a clip."""
        ...

    def end(self) -> list[Frame]:
        """Frames after a clip; the first ends what the user says. Empty where the server detects the end."""
        ...

    def ask(self) -> list[Frame]:
        """Frames that ask for the answer, where ending the turn does not."""
        ...

    def wants_silence(self) -> bool:
        """Whether the server finds the end of the turn in silence that the client must send."""
        ...

    def receive(self, event: Mapping[str, Any], turn: Turn, now: float) -> None:
        """Take a frame that arrived at `now`; sets `turn.finish` with the last one.

        Raises:
            RetryableError, SampleError, RunError: it reports a failure.
        """
        ...
