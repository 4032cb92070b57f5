from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from transformers import BatchFeature
from vllm.inputs import MultiModalInput
from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems
from vllm.multimodal.parse import MultiModalDataItems, MultiModalDataParser
from vllm.tokenizers import TokenizerLike

_Config = TypeVar("_Config")
_Info = TypeVar("_Info", bound=BaseProcessingInfo)

class InputProcessingContext:
    def get_hf_config(self, typ: type[_Config], /) -> _Config: ...
    def get_merged_mm_kwargs(self, kwargs: Mapping[str, object]) -> dict[str, Any]: ...

class BaseProcessingInfo:
    ctx: InputProcessingContext
    def get_tokenizer(self) -> TokenizerLike: ...
    def get_hf_config(self) -> Any: ...
    def get_hf_processor(self, **kwargs: object) -> Any: ...
    def get_data_parser(self) -> MultiModalDataParser: ...
    def get_supported_mm_limits(self) -> Mapping[str, int | None]: ...
    def get_mm_max_tokens_per_item(
        self, seq_len: int, mm_counts: Mapping[str, int] | None = None
    ) -> Mapping[str, int] | None: ...

class BaseDummyInputsBuilder(Generic[_Info]):
    info: _Info
    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str: ...
    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Mapping[str, Any]) -> Any: ...
    def _get_dummy_audios(self, *, length: int, num_audios: int, overrides: Any = None) -> list[np.ndarray]: ...

class ProcessorInputs:
    prompt: str | list[int]
    mm_data_items: MultiModalDataItems

class TimingContext: ...

class PromptUpdateDetails:
    @staticmethod
    def select_token_id(seq: list[int], embed_token_id: int) -> PromptUpdateDetails: ...

class PromptReplacement:
    def __init__(
        self, *, modality: str, target: list[int], replacement: Callable[[int], PromptUpdateDetails]
    ) -> None: ...

class BaseMultiModalProcessor(Generic[_Info]):
    info: _Info
    def apply(self, inputs: ProcessorInputs, timing_ctx: TimingContext) -> MultiModalInput: ...
    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]: ...
    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptReplacement]: ...
