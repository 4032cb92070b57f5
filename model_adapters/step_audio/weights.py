"""Checkpoints in the published naming: which tensor goes where, and strict loading from (sharded) safetensors.

Published names (github.com/stepfun-ai/vllm @5fab0f250 and the mini model's Hugging Face repository): `model.*` and
`lm_head.weight` are a plain Qwen2ForCausalLM, `encoder.*` and `adapter.*` the audio side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED_TO_MODULE = {"model.": "language_model.model.", "lm_head.": "language_model.lm_head."}
"""Prefixes that change between a checkpoint and the modules; every other name is the same in both."""

PACKED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
"""Published layers that vLLM holds as one."""

QUANTISATION_SUFFIXES = (
    "weight_packed", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_global_scale", "weight_zero_point",
    "weight_shape", "weight_g_idx", "g_idx", "qweight", "qzeros", "scales", "input_scale", "input_zero_point",
    "input_global_scale", "output_scale", "prob_output_scale", "q_scale", "k_scale", "v_scale", "kv_scale",
)  # fmt: skip
"""Last parts of the names that quantised checkpoints hold beside (or, packed, instead of) a layer's weight: those of
compressed-tensors, of vLLM's fp8 and ModelOpt formats, and of GPTQ and AWQ."""

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


class CheckpointError(ValueError):
    """A checkpoint does not hold exactly the tensors of its configuration."""


def to_module(name: str) -> str:
    """The module's parameter name of a published tensor name."""
    for published, module in PUBLISHED_TO_MODULE.items():
        if name.startswith(published):
            return module + name[len(published) :]
    return name


def to_published(name: str) -> str:
    """The published tensor name of a module's parameter name."""
    for published, module in PUBLISHED_TO_MODULE.items():
        if name.startswith(module):
            return published + name[len(module) :]
    return name


def unpacked(name: str) -> list[str]:
    """The module parameter names that vLLM's name of a (fused) parameter stands for."""
    for fused, parts in PACKED.items():
        if f".{fused}." in name:
            return [name.replace(f".{fused}.", f".{part}.") for part in parts]
    return [name]


def is_quantised(path: str | Path) -> bool:
    """Whether the checkpoint's config.json declares quantised weights."""
    file = Path(path) / "config.json"
    return file.is_file() and bool(json.loads(file.read_text(encoding="utf-8")).get("quantization_config"))


def without_quantisation(names: Iterable[str]) -> set[str]:
    """The names that a checkpoint of the same tensors would have unquantised."""
    found: set[str] = set()
    for name in names:
        layer, _, last = name.rpartition(".")
        if last in ("weight_packed", "qweight"):
            found.add(f"{layer}.weight")
        elif last not in QUANTISATION_SUFFIXES:
            found.add(name)
    return found


def checkpoint_files(path: str | Path) -> dict[str, Path]:
    """Which file holds each published tensor.

    Raises:
        CheckpointError: neither an index nor a single safetensors file is there, or a shard is missing.
    """
    folder = Path(path)
    index = folder / INDEX
    if index.is_file():
        try:
            weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{index}: not a safetensors index (no weight_map)") from error
        shards = sorted(set(weight_map.values()))
        absent = [shard for shard in shards if not (folder / shard).is_file()]
        if absent:
            raise CheckpointError(f"{index}: {len(absent)} of {len(shards)} shards are missing, first {absent[0]}")
        return {name: folder / shard for name, shard in weight_map.items()}
    single = folder / SINGLE
    if not single.is_file():
        raise CheckpointError(f"{folder}: neither {INDEX} nor {SINGLE} is there")
    from safetensors import safe_open

    with safe_open(str(single), framework="pt") as file:
        return {name: single for name in file.keys()}  # noqa: SIM118 (not a dict)


def load_strict(model: Any, path: str | Path, *, dtype: Any = None, device: str = "cpu") -> None:
    """Fill every parameter of `model` (which may be on the meta device) from a checkpoint folder.

    Raises:
        CheckpointError: a tensor is missing, extra, or of another shape; each is named (at most eight of a kind). Or the
            checkpoint is quantised.
    """
    from safetensors import safe_open

    if is_quantised(path):
        raise CheckpointError(f"{path}: its weights are quantised, which only vLLM loads: audiobench serve")
    expected = {to_published(name): parameter for name, parameter in model.named_parameters()}
    files = checkpoint_files(path)
    problems = name_problems(set(expected), set(files))
    by_file: dict[Path, list[str]] = {}
    for name in sorted(set(expected) & set(files)):
        by_file.setdefault(files[name], []).append(name)
    wrong_shape: list[str] = []
    state: dict[str, Tensor] = {}
    for file, names in by_file.items():
        with safe_open(str(file), framework="pt", device=device) as opened:
            held = set(opened.keys())
            for name in names:
                if name not in held:
                    problems.append(f"missing {name} (the index says {file.name})")
                    continue
                shape = tuple(opened.get_slice(name).get_shape())
                if shape != tuple(expected[name].shape):
                    wrong_shape.append(f"{name} is {list(shape)}, not {list(expected[name].shape)}")
                elif not problems and not wrong_shape:
                    state[to_module(name)] = opened.get_tensor(name).to(dtype=dtype)
    problems += _listed("misshapen", wrong_shape)
    if problems:
        raise CheckpointError(f"{path}: " + "; ".join(problems))
    model.load_state_dict(state, strict=True, assign=True)


def save_checkpoint(model: Any, path: str | Path, *, shard_bytes: int | None = None) -> None:
    """Write the weights under their published names: one file, or shards of about `shard_bytes` with an index."""
    from safetensors.torch import save_file

    folder = Path(path)
    tensors = {to_published(k): v.detach().cpu().contiguous() for k, v in model.named_parameters()}
    if shard_bytes is None:
        save_file(tensors, str(folder / SINGLE), metadata={"format": "pt"})
        return
    shards: list[dict[str, Any]] = [{}]
    size = 0
    for name in sorted(tensors):
        nbytes = tensors[name].numel() * tensors[name].element_size()
        if shards[-1] and size + nbytes > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = tensors[name]
        size += nbytes
    weight_map: dict[str, str] = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, str(folder / file), metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(shard, file))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def name_problems(expected: set[str], held: set[str]) -> list[str]:
    """Phrases that name what is missing and what is extra (at most eight of a kind); empty where nothing is."""
    return _listed("missing", sorted(expected - held)) + _listed("extra", sorted(held - expected))


def _listed(what: str, names: list[str], limit: int = 8) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return [f"{what} {', '.join(names[:limit])}{more}"]
