"""A request."""

from typing import Any

class Instance:
    request_type: str
    doc: dict[str, Any]
    idx: int
    resps: list[Any]
    filtered_resps: dict[str, Any]
    task_name: str | None
    doc_id: int | None
    repeats: int | None
    def __init__(
        self,
        request_type: str,
        doc: dict[str, Any],
        arguments: tuple[Any, ...],
        idx: int,
        metadata: tuple[str | None, int | None, int | None] = ...,
    ) -> None: ...
    @property
    def args(self) -> tuple[Any, ...]: ...
