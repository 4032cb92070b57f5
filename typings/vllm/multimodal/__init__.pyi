from collections.abc import Callable
from typing import TypeVar

from vllm.multimodal.processing import BaseDummyInputsBuilder, BaseMultiModalProcessor, BaseProcessingInfo

_Model = TypeVar("_Model")
_Info = TypeVar("_Info", bound=BaseProcessingInfo)

class _MultiModalRegistry:
    def register_processor(
        self,
        processor: type[BaseMultiModalProcessor[_Info]],
        *,
        info: type[_Info],
        dummy_inputs: type[BaseDummyInputsBuilder[_Info]],
    ) -> Callable[[type[_Model]], type[_Model]]: ...

MULTIMODAL_REGISTRY: _MultiModalRegistry
