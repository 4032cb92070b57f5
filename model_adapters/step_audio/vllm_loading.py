"""Which tensors a checkpoint must hold for the model that vLLM has built of it, quantised or not.

The vLLM interfaces leaned on, beside those of vllm_model.py: `QuantizationConfig.get_cache_scale_mapper`,
`.get_checkpoint_weight_mapper` and `._ignore_unexpected_suffixes`, `BaseKVCacheMethod`, `PPMissingLayer`,
`StageMissingLayer`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm.model_executor.layers.quantization.kv_cache import BaseKVCacheMethod
from vllm.model_executor.models.utils import AutoWeightsLoader, PPMissingLayer, StageMissingLayer

from model_adapters.step_audio.weights import QUANTISATION_SUFFIXES, to_published, unpacked


class ExpectedTensors:
    """Which tensors a checkpoint must hold for a model as vLLM has built it, before anything is loaded.

    vLLM's own check is off for quantised models; its loader ignores an extra bias, and of a fused layer it only knows
    that some part came. A checkpoint may leave out what vLLM has a default for (scales of the KV cache).
    """

    def __init__(self, model: Any) -> None:
        quantisation = getattr(model.language_model, "quant_config", None)
        mapper = model.hf_to_vllm_mapper
        self._ignored: tuple[str, ...] = ()
        if quantisation is not None:
            mapper = mapper | quantisation.get_cache_scale_mapper() | quantisation.get_checkpoint_weight_mapper()
            self._ignored = tuple(quantisation._ignore_unexpected_suffixes)
        self._mapper = mapper | AutoWeightsLoader.REMOVE_UNUSED_ROTARY_EMBEDS_MAPPER
        self._parameters = {part: p for name, p in model.named_parameters() for part in unpacked(name)}
        attentions = [
            n for n, m in model.named_modules() if isinstance(getattr(m, "quant_method", None), BaseKVCacheMethod)
        ]
        self._optional = {n for n in self._parameters if n.rpartition(".")[0] in attentions}
        elsewhere = (PPMissingLayer, StageMissingLayer)
        self._elsewhere = tuple(f"{n}." for n, module in model.named_modules() if isinstance(module, elsewhere))
        self._held: set[str] = set()

    def check(self, name: str, tensor: Tensor) -> None:
        """Take note of a tensor under its published name.

        Raises:
            ValueError: no parameter is waiting for it, or it is of another kind (whole numbers for a float, say).
        """
        module_name = self._mapper.map_name(name)
        if module_name is None or module_name.startswith(self._elsewhere):
            return
        parameter = self._parameters.get(module_name)
        if parameter is None:
            if module_name.endswith(self._ignored):
                return
            hint = ""
            if name.rpartition(".")[2] in QUANTISATION_SUFFIXES:
                hint = "; config.json's quantization_config does not quantise this layer, or not so"
            raise ValueError(f"the model has no parameter for it{hint}")
        if _is_plain(tensor) != _is_plain(parameter):
            raise ValueError(f"it is {tensor.dtype}, the model as configured takes {parameter.dtype}")
        self._held.add(module_name)

    def missing(self) -> list[str]:
        """Published names of what the checkpoint did not hold."""
        return sorted(map(to_published, self._parameters.keys() - self._held - self._optional))


def _is_plain(tensor: Tensor) -> bool:
    """Whether its numbers are weights as trained, not quantised ones."""
    return tensor.dtype in (torch.float32, torch.bfloat16, torch.float16, torch.float64)
