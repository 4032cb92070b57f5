"""What servers send, read: one reader of bodies with limits, one parser of server-sent events.

Both take what is out there (a byte-order mark, an event without data) and keep the answer; neither lets a body grow
without bound. The JSON in it: `audiobench.core.json_values`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audiobench.core.narrow import is_list, is_object
from audiobench.model.adapter import RetryableError, SampleError
from audiobench.model.spec import ReplyLimits

if TYPE_CHECKING:
    from aiohttp import StreamReader

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""What a line of an event stream begins with (HTML Standard, 9.2.5)."""


def first(choices: Any) -> dict[str, Any] | None:
    """The choice (or candidate) of the lowest index, wherever it stands; where they have none, the first."""
    found = [choice for choice in choices if is_object(choice)] if is_list(choices) else []
    return min(found, key=index, default=None)


def index(choice: Mapping[str, Any]) -> int:
    """A choice's place among the choices; 0 where it does not say."""
    place = choice.get("index")
    return place if isinstance(place, int) else 0


class Events:
    """Server-sent events as they come in (HTML Standard, 9.2.6); events without data are skipped."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self.on_data = on_data
        self.count = 0
        self._pending = bytearray()
        self._data: list[bytes] = []

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""
        self._pending += block
        if b"\n" not in block and b"\r" not in block:
            return
        text = bytes(self._pending)
        held = b"\r" if text.endswith(b"\r") else b""  # it may be the first half of a line end
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._pending = bytearray(lines.pop() + held)
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """The stream is over: an event that nothing ended counts too."""
        for line in (bytes(self._pending).rstrip(b"\r"), b""):
            self._line(line)

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data = b"\n".join(self._data)
            self._data = []
            if data.strip():
                self.count += 1
                self.on_data(data)


def _are_events(start: bytes, declared: bool) -> bool | None:
    """Whether a body that begins with `start` is an event stream, whatever its content type; None: not yet known."""
    if not start or _BOM.startswith(start):
        return None
    if start[:1] in b'{[<"':
        return False
    if start.startswith(_FIELDS):
        return True
    return None if any(field.startswith(start) for field in _FIELDS) else declared


async def read(
    content: StreamReader, limits: ReplyLimits, where: str, *, on_event: Callable[[bytes], None] | None, declared: bool
) -> bytes | None:
    """The body of an answer; None where it was a stream of events, whose data `on_event` got.

    Args:
        content: what is left of the answer, already decompressed.
        limits: how large it may be, and how long it may pause.
        where: scheme, host and path, for messages.
        on_event: None where no stream is expected: everything is a body then.
        declared: whether its content type says that it is a stream.

    Raises:
        RetryableError: nothing came for `limits.idle_seconds` after the first bytes.
        SampleError: it is larger than `limits.max_bytes` once decompressed.
    """
    body, size = bytearray(), 0
    events: Events | None = None
    streamed = None if on_event else False
    while True:
        # a stream may begin long before the model does
        patience = limits.idle_seconds if size and (events is None or events.count) else None
        pause = asyncio.timeout(patience)
        try:
            async with pause:
                block = await content.readany()
        except TimeoutError:
            if not pause.expired():
                raise
            raise RetryableError(f"{where}: the answer stopped in the middle: nothing for {patience:g} s") from None
        if not block:
            break
        size += len(block)
        if size > limits.max_bytes:
            raise SampleError(f"{where}: the answer is larger than {limits.max_bytes:,} bytes (reply.max_bytes)")
        if events is not None:
            events.feed(block)
            continue
        body += block
        if streamed is None:
            start = bytes(body[:64]).removeprefix(_BOM).lstrip()
            streamed = _are_events(start, declared)
            if streamed and on_event:
                events = Events(on_event)
                events.feed(bytes(body).removeprefix(_BOM))
                body.clear()
    if events is None:
        return bytes(body)
    events.end()
    return None
