"""What goes between the driver and a replica, as bytes: Ray hands bytes on as they are, without pickling them again.

A clip's bytes are arguments of their own. Ray puts an argument of over 100 kB into the driver's object store, from which the
node fetches it; that costs the driver more than the call itself (benchmarks/ray). So a clip goes in pieces that travel with the
call, up to what a call may carry. Both ends run the same version of audiobench (`Place.version`).
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import audiobench
from audiobench.core.errors import AudiobenchError, UsageError
from audiobench.core.types import MediaPart, Request, Response
from audiobench.model.adapter import RetryableError, RunError, SampleError
from audiobench.model.spec import ModelSpec

PIECE = 96 * 1024
"""Bytes; Ray's `max_direct_call_object_size` is 100 KiB."""
INLINED = 4 * 2**20
"""Bytes of one request's media; Ray lets a call carry 10 MB (`task_rpc_inlined_bytes_limit`)."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a replica is to host."""

    spec: ModelSpec
    base_url: str | None = None
    """Of a server that runs already; None = as the model file says, else one of the replica's own."""
    timeout: float = 600.0
    """Seconds one call may take."""
    gpus: float = 0.0
    """GPUs that Ray gives the replica; less than 1 is a share of one."""
    host: str = "127.0.0.1"
    """Address on which a server of the replica's own listens."""
    extra_args: tuple[str, ...] = ()
    """Further arguments for vLLM's server."""
    folder: str = field(default_factory=os.getcwd)
    """Where the driver runs: relative paths are taken from there, on nodes that have the folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replica runs."""

    node: str
    """IP address and name."""
    gpus: tuple[str, ...] = ()
    """As the node numbers them."""
    key: str = ""
    """Ray's own name of the node: several may share an address."""
    version: str = audiobench.__version__


def here(address: str, gpus: Sequence[str], key: str) -> Place:
    """This process."""
    return Place(f"{address} ({socket.gethostname()})", tuple(gpus), key)


@dataclass(frozen=True, slots=True)
class Failure:
    """What an adapter raised."""

    kind: str
    """retryable | sample | run | usage | other."""
    message: str
    name: str = ""
    """Of the class, where it is none of the contract's errors."""
    retry_after: float | None = None
    rate_limited: bool = False
    incomplete: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The error in plain values: an exception of somebody's own code need not survive pickling."""
        if isinstance(error, RetryableError):
            return cls("retryable", str(error), retry_after=error.retry_after, rate_limited=error.rate_limited)
        if isinstance(error, SampleError):
            return cls("sample", str(error))
        if isinstance(error, RunError):
            return cls("run", str(error), incomplete=error.incomplete)
        if isinstance(error, AudiobenchError):
            return cls("usage", str(error))
        return cls("other", str(error), name=type(error).__name__)

    def error(self) -> Exception:
        """The same error again."""
        if self.kind == "retryable":
            return RetryableError(self.message, retry_after=self.retry_after, rate_limited=self.rate_limited)
        if self.kind == "sample":
            return SampleError(self.message)
        if self.kind == "run":
            return RunError(self.message, incomplete=self.incomplete)
        if self.kind == "usage":
            return UsageError(self.message)
        return type(self.name, (Exception,), {})(self.message)  # a run tells such an error by its name and words


@dataclass(frozen=True, slots=True)
class Started:
    """What came of a start."""

    failure: Failure | None = None
    """Why nothing is up."""
    base_urls: tuple[str, ...] = ()
    """Of the replica's own servers, where others reach them."""
    logs: tuple[str, ...] = ()
    """Of these, on the node."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call."""

    response: Response | None = None
    failure: Failure | None = None
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Sound that the answer is made of: file name -> bytes."""


def pack(request: Request) -> tuple[bytes, list[bytes]]:
    """The request without its media's bytes, and these, in pieces and in order."""
    clips: list[bytes] = []

    def emptied(part: MediaPart) -> Sequence[MediaPart]:
        clips.append(part.data)
        return [replace(part, data=b"")]

    packed = pickle.dumps((request.with_media(emptied), [len(clip) for clip in clips]), 5)
    if sum(map(len, clips)) > INLINED:
        return packed, clips
    return packed, [clip[at : at + PIECE] for clip in clips for at in range(0, len(clip), PIECE)]


def unpack(packed: bytes, pieces: Sequence[bytes]) -> Request:
    """The request that `pack` took apart."""
    request: Request
    sizes: list[int]
    request, sizes = pickle.loads(packed)
    data = b"".join(pieces)
    clips = (data[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True))
    return request.with_media(lambda part: [replace(part, data=next(clips))])
