"""What runs on a node: an actor that hosts an ordinary adapter, with a server of its own where the model file has one.

The class is an actor only by how the driver makes it. A replica
whose server or engine dies ends its process at once, so that the driver sees a death and not a slow failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audiobench.core.errors import AudiobenchError
from audiobench.model.adapter import Adapter, DeadError, KeepsAudio, RetryableError, RunError, SampleError, TellsItself
from audiobench.model.registry import build_adapter
from audiobench.replicas import library
from audiobench.replicas.wire import Charge, Failure, Reply, Started, here, unpack
from audiobench.serving import launch
from audiobench.serving.planner import starts_server
from audiobench.serving.pool import EndpointPool

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 1.0
"""Between two looks at the replica's own server."""
SHARE = 0.9
"""Of a replica's part of a GPU, for vLLM's `gpu-memory-utilization`, where several replicas share one."""


@dataclass
class _Hosted:
    """What is up on this replica."""

    adapter: Adapter
    server: launch.Server | None = None


class Replica:
    """Methods take and give bytes (`audiobench.replicas.wire`)."""

    def __init__(self, charge: bytes) -> None:
        self._charge: Charge = pickle.loads(charge)
        self._hosted: _Hosted | None = None
        self._holds = contextlib.ExitStack()
        self._starting: asyncio.Lock | None = None

    async def hello(self) -> bytes:
        """Where this replica runs (`Place`)."""
        ray = library.ray()
        told = ray.get_runtime_context()
        gpus: list[str] = told.get_accelerator_ids().get("GPU", [])
        return pickle.dumps(here(ray.util.get_node_ip_address(), list(map(str, gpus)), str(told.get_node_id())))

    async def ready(self) -> bytes:
        """Start what is hosted, if that is not done; told when it answers, or cannot (`Started`)."""
        self._starting = self._starting or asyncio.Lock()
        async with self._starting:
            if self._hosted is None:
                try:
                    self._hosted = await asyncio.to_thread(self._start)
                except (AudiobenchError, OSError) as error:
                    return pickle.dumps(Started(Failure.of(error)))
        server, reached = self._hosted.server, library.ray().util.get_node_ip_address()
        if server is None:
            return pickle.dumps(Started())
        urls = [url if self._charge.host == LOOPBACK else url.replace(LOOPBACK, reached) for url in server.base_urls]
        return pickle.dumps(Started(None, tuple(urls), tuple(map(str, server.logs))))

    async def watch(self) -> None:
        """Runs for as long as the replica lives."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            server = self._hosted.server if self._hosted else None
            if server is not None and not server.running():
                os._exit(1)

    async def generate(self, packed: bytes, *pieces: bytes) -> bytes:
        """Ask once (`Reply`): what the adapter raises is told, not raised."""
        hosted = self._hosted
        if hosted is None:
            return pickle.dumps(Reply(failure=Failure.of(RetryableError("the replica is starting"))))
        try:
            response = await hosted.adapter.generate(unpack(packed, pieces))
        except DeadError:
            os._exit(1)
        except (Exception, SystemExit) as error:
            return pickle.dumps(Reply(failure=Failure.of(error)), 5)
        files: dict[str, bytes] = {}
        if response.parts and isinstance(hosted.adapter, KeepsAudio) and hosted.adapter.audio_folder is not None:
            files = await asyncio.to_thread(_taken, hosted.adapter.audio_folder, [p.path for p in response.parts])
        return pickle.dumps(Reply(response, files=files), 5)

    async def identity(self) -> bytes:
        """What the adapter's server says of its model."""
        adapter = self._hosted.adapter if self._hosted else None
        told: dict[str, list[str]] = {}
        if isinstance(adapter, TellsItself):
            with contextlib.suppress(RetryableError, SampleError, RunError):
                told = {name: list(values) for name, values in (await adapter.identity()).items()}
        return pickle.dumps(told)

    async def close(self) -> None:
        """Stop what is hosted."""
        hosted, self._hosted = self._hosted, None
        if hosted is not None:
            with contextlib.suppress(Exception):
                await hosted.adapter.close()
        await asyncio.to_thread(self._holds.close)

    def _start(self) -> _Hosted:
        charge = self._charge
        if Path(charge.folder).is_dir():
            os.chdir(charge.folder)
        given = [charge.base_url] if charge.base_url else []
        server = None
        if starts_server(charge.spec, given):
            shared = ["--gpu-memory-utilization", f"{SHARE * charge.gpus:.3f}"] if 0 < charge.gpus < 1 else []
            server = self._holds.enter_context(
                launch.serve(
                    charge.spec, host=charge.host, extra_args=[*shared, *charge.extra_args], progress=launch.silent
                )
            )
        urls: Sequence[str | None] = server.base_urls if server else given or [None]
        adapters = [build_adapter(charge.spec, base_url=url, timeout=charge.timeout) for url in urls]
        for adapter in adapters:
            if isinstance(adapter, KeepsAudio):
                adapter.audio_folder = Path(self._holds.enter_context(tempfile.TemporaryDirectory())) / "answers"
        return _Hosted(adapters[0] if len(adapters) == 1 else EndpointPool(adapters), server)


def _taken(folder: Path, paths: Sequence[str | None]) -> dict[str, bytes]:
    """The files of an answer, which go to the driver and stay nowhere else."""
    files = {Path(path).name: folder / Path(path).name for path in paths if path is not None}
    found = {name: file.read_bytes() for name, file in files.items()}
    for file in files.values():
        file.unlink()
    return found
