"""Model classes."""

from collections.abc import MutableMapping
from typing import Any

from lm_eval.api.instance import Instance

class _Answers(MutableMapping[str, Any]):
    filename: str

class CacheHook:
    dbdict: _Answers | None

class LM:
    tokenizer_name: str
    """A property there, which a class attribute takes the place of."""
    def __init__(self) -> None: ...
    def set_cache_hook(self, cache_hook: CacheHook) -> None: ...
    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str: ...
    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]: ...
    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]: ...
    def generate_until(self, requests: list[Instance]) -> list[str]: ...
