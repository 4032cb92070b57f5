"""What goes between a driver and its replicas arrives as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.replicas.wire import INLINED, PIECE, Failure, pack, unpack


@pytest.mark.parametrize("sizes", [(), (1,), (PIECE,), (PIECE + 1, 0, 3 * PIECE), (INLINED + 1, 5)])
def test_clips_of_any_size_come_whole_and_in_order(sizes: tuple[int, ...]) -> None:
    clips = [AudioPart(Clip(Path(f"{n}.wav")), data=bytes([n + 1]) * size) for n, size in enumerate(sizes)]
    request = Request((Message("user", (*clips, TextPart("which?"))),), {"seed": 1}, sample_id="s")
    packed, pieces = pack(request)
    if sum(sizes) <= INLINED:
        assert all(len(piece) <= PIECE for piece in pieces)
    assert len(packed) < 2_000  # no clip is in it
    found = unpack(packed, pieces)
    assert found == request
    assert [part.data for part in found.audio] == [part.data for part in clips]


def test_errors_mean_what_they_meant() -> None:
    slow = Failure.of(RetryableError("429", retry_after=2.5, rate_limited=True)).error()
    assert isinstance(slow, RetryableError) and (slow.retry_after, slow.rate_limited, str(slow)) == (2.5, True, "429")
    assert isinstance(Failure.of(SampleError("too long")).error(), SampleError)
    gone = Failure.of(RunError("quota", incomplete=True)).error()
    assert isinstance(gone, RunError) and gone.incomplete
    own = Failure.of(LookupError("a bug")).error()
    assert (type(own).__name__, str(own)) == ("LookupError", "a bug")
