"""A user's own adapter class, from a Python file (`FILE.py:Class`) or another package's entry point."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from typing import Any

from audiobench.core.errors import AudiobenchError, UsageError
from audiobench.core.own_code import said
from audiobench.model.adapter import Adapter
from audiobench.model.spec import ModelSpec


def with_code(spec: ModelSpec, beside: Path | None = None) -> ModelSpec:
    """`spec` with the hash of its Python file in `options.code_sha256`: changed code is another model, whose answers
    are asked for anew.

    Args:
        spec: a model; one whose adapter is no Python file stays as it is.
        beside: folder of the model's YAML, where the file is looked for when it is not in the working directory.

    Raises:
        UsageError: no such file.
    """
    name, _, class_name = spec.adapter.rpartition(":")
    if not name.endswith(".py"):
        return spec
    file = Path(name)
    if not file.is_file() and beside is not None and (beside / name).is_file():
        file = beside / name
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"model {spec.name}: adapter {spec.adapter}: {file}: {error.strerror}") from None
    return spec.model_copy(
        update={"adapter": f"{file}:{class_name}", "options": {**spec.options, "code_sha256": digest}}
    )


def build(factory: Any, target: str, spec: ModelSpec, base_url: str | None, timeout: float) -> Adapter:
    """`factory(spec, base_url=..., timeout=...)`, checked to be an adapter.

    Raises:
        UsageError: it cannot be built so, or has no `async generate(request)` or `async close()`.
    """
    try:
        inspect.signature(factory).bind(spec, base_url=base_url, timeout=timeout)
    except TypeError as error:
        raise UsageError(f"{target}: must be built as Class(spec, *, base_url, timeout): {error}") from None
    except ValueError:
        pass  # a builtin without a signature
    try:
        adapter = factory(spec, base_url=base_url, timeout=timeout)
    except AudiobenchError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"model {spec.name}: adapter {target}: it could not be built: {said(error)}") from error
    for name in ("generate", "close"):
        if not inspect.iscoroutinefunction(getattr(adapter, name, None)):
            raise UsageError(
                f"{target}: an adapter needs `async def generate(self, request)` and `async def close(self)`"
            )
    return adapter
