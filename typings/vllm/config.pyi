from typing import Any

class ModelConfig:
    hf_config: Any
    def get_diff_sampling_param(self) -> dict[str, Any]: ...

class VllmConfig:
    model_config: ModelConfig
