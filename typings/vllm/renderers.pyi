from collections.abc import Sequence
from typing import Any

class ChatParams:
    def __init__(self, *, chat_template: str | None, chat_template_kwargs: dict[str, Any]) -> None: ...

class BaseRenderer:
    async def render_chat_async(
        self, conversations: Sequence[list[dict[str, Any]]], chat_params: ChatParams
    ) -> tuple[list[Any], list[Any]]: ...
