"""Quantised copies of a tiny checkpoint, written as llm-compressor and vLLM's own formats lay them out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

Tensors = dict[str, Tensor]
GROUP = 32
"""Weights that share a scale in W4A16 here."""
FP4 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
"""Magnitudes of e2m1."""


def linear(name: str) -> bool:
    """Whether it is the weight of one of the decoder's linear layers."""
    return name.startswith("model.layers.") and name.endswith("_proj.weight")


def int8(weight: Tensor) -> Tensors:
    """W8A8: whole numbers with a scale for each output channel."""
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    return {"weight": (weight / scale).round().clamp(-127, 127).to(torch.int8), "weight_scale": scale}


def fp8(weight: Tensor) -> Tensors:
    """FP8 (e4m3) with a scale for each output channel."""
    scale = weight.abs().amax(dim=1, keepdim=True) / 448
    return {"weight": (weight / scale).to(torch.float8_e4m3fn), "weight_scale": scale}


def fp8_tensor(weight: Tensor) -> Tensors:
    """FP8 (e4m3) with one scale, as vLLM's own `fp8` format has it."""
    scale = weight.abs().amax() / 448
    return {"weight": (weight / scale).to(torch.float8_e4m3fn), "weight_scale": scale}


def int4(weight: Tensor) -> Tensors:
    """W4A16: eight four-bit numbers in an int32, a scale for each group."""
    rows, columns = weight.shape
    groups = weight.reshape(rows, -1, GROUP)
    scale = groups.abs().amax(dim=2, keepdim=True) / 7
    whole = ((groups / scale).round().clamp(-8, 7) + 8).to(torch.int32).reshape(rows, columns // 8, 8)
    packed = sum(whole[:, :, i] << (4 * i) for i in range(8))
    return {
        "weight_packed": packed.to(torch.int32),
        "weight_scale": scale.squeeze(2),
        "weight_shape": torch.tensor([rows, columns], dtype=torch.int64),
    }


def nvfp4(weight: Tensor) -> Tensors:
    """NVFP4: two e2m1 numbers in a byte, an e4m3 scale for each 16, one for all."""
    rows, columns = weight.shape
    groups = weight.reshape(rows, -1, 16)
    overall = 448 * 6 / weight.abs().amax()
    scale = (groups.abs().amax(dim=2, keepdim=True) / 6 * overall).to(torch.float8_e4m3fn)
    shrunk = groups / (scale.float() / overall).clamp(min=1e-12)
    code = (shrunk.abs().unsqueeze(-1) - FP4).abs().argmin(dim=-1) + 8 * (shrunk < 0)
    code = code.reshape(rows, columns // 2, 2).to(torch.uint8)
    return {
        "weight_packed": code[:, :, 0] | (code[:, :, 1] << 4),
        "weight_scale": scale.squeeze(2),
        "weight_global_scale": overall.reshape(1),
        "input_global_scale": torch.tensor([448.0 * 6 / 8]),
    }


def scheme(bits: int, kind: str, strategy: str, activations: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """`quantization_config` of compressed-tensors."""
    weights = {"num_bits": bits, "type": kind, "strategy": strategy, "symmetric": True, "dynamic": False, **more}
    return {
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
        "ignore": ["lm_head", "re:^encoder.*", "re:^adapter.*"],
        "config_groups": {
            "group_0": {"targets": ["Linear"], "weights": weights, "input_activations": activations}
        },
    }  # fmt: skip


def dynamic(bits: int, kind: str) -> dict[str, Any]:
    """Activations quantised token by token while the model runs."""
    return {"num_bits": bits, "type": kind, "strategy": "token", "symmetric": True, "dynamic": True}


KINDS: dict[str, tuple[Callable[[Tensor], Tensors], dict[str, Any]]] = {
    "w8a8": (int8, {**scheme(8, "int", "channel", dynamic(8, "int")), "format": "int-quantized"}),
    "fp8": (fp8, {**scheme(8, "float", "channel", dynamic(8, "float")), "format": "float-quantized"}),
    "w4a16": (int4, {**scheme(4, "int", "group", None, group_size=GROUP), "format": "pack-quantized"}),
    "nvfp4": (
        nvfp4,
        {
            **scheme(
                4, "float", "tensor_group",
                {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "dynamic": "local",
                 "symmetric": True},
                group_size=16,
            ),
            "format": "nvfp4-pack-quantized",
        },
    ),
    "Fp8Config": (fp8_tensor, {"quant_method": "fp8", "activation_scheme": "dynamic", "ignored_layers": ["lm_head"]}),
}  # fmt: skip


def quantised(source: Path, folder: Path, kind: str) -> Path:
    """A copy of the checkpoint `source` in `folder`, its decoder's linear layers quantised."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    make, declared = KINDS[kind]
    tensors: Tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if linear(name):
            layer = name.removesuffix("weight")
            tensors |= {layer + part: value.contiguous() for part, value in make(tensor).items()}
        else:
            tensors[name] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    declare(folder, declared)
    return folder


def declare(folder: Path, quantization_config: dict[str, Any] | None) -> None:
    """Put it into config.json, or take it out."""
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config.pop("quantization_config", None)
    if quantization_config:
        config["quantization_config"] = quantization_config
    file.write_text(json.dumps(config), encoding="utf-8")


def change(folder: Path, what: Callable[[Tensors], Any]) -> None:
    """Apply `what` to the tensors of the checkpoint."""
    tensors = load_file(folder / "model.safetensors")
    what(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
