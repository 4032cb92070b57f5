"""A task's settings."""

from typing import Any

class TaskConfig:
    generation_kwargs: dict[str, Any] | None
    num_fewshot: int | None
    def __init__(
        self,
        *,
        task: str | None = None,
        task_alias: str | None = None,
        dataset_path: str | None = None,
        dataset_name: str | None = None,
        output_type: str = "generate_until",
        generation_kwargs: dict[str, Any] | None = None,
        num_fewshot: int | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None: ...
