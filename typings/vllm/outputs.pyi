from collections.abc import Sequence

class CompletionOutput:
    text: str
    token_ids: Sequence[int]
    finish_reason: str | None
    stop_reason: int | str | None

class _RequestStats:
    first_token_latency: float

class RequestOutput:
    outputs: list[CompletionOutput]
    prompt_token_ids: list[int] | None
    num_cached_tokens: int | None
    metrics: _RequestStats | None
