from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from vllm import AsyncEngineArgs, SamplingParams
from vllm.config import ModelConfig
from vllm.outputs import RequestOutput
from vllm.renderers import BaseRenderer

class AsyncLLM:
    renderer: BaseRenderer
    model_config: ModelConfig
    shutdown: Callable[[], None]
    @classmethod
    def from_engine_args(cls, engine_args: AsyncEngineArgs) -> Self: ...
    def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str
    ) -> AsyncIterator[RequestOutput]: ...
