"""What can be named on the command line and in task files."""

from collections.abc import Callable
from typing import Any

class Registry:
    def register(self, *aliases: str, target: object = None) -> Callable[..., Any]: ...
    def __contains__(self, alias: str) -> bool: ...

model_registry: Registry
metric_registry: Registry
aggregation_registry: Registry
higher_is_better_registry: Registry
metric_agg_registry: Registry

def get_aggregation(name: str) -> Callable[..., float] | None: ...
