"""Of vLLM, an extra, what audiobench calls and derives from, as in 0.32.0 and 0.33.0."""

from typing import Any

from vllm.sampling_params import SamplingParams as SamplingParams

class AsyncEngineArgs:
    def __init__(self, **arguments: Any) -> None: ...

class _ModelRegistry:
    def get_supported_archs(self) -> set[str]: ...
    def register_model(self, model_arch: str, model_cls: str) -> None: ...

ModelRegistry: _ModelRegistry
