"""Benchmarks, declared in YAML."""

from audiobench.task.find import find_task, task_files
from audiobench.task.spec import TaskSpec

__all__ = ["TaskSpec", "find_task", "task_files"]
