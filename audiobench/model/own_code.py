"""A user's own adapter class, from a Python file (`FILE.py:Class`) or another package's entry point."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from audiobench.core.errors import AudiobenchError, UsageError
from audiobench.core.plain_text import one_line
from audiobench.core.redact import redacted
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


def load(name: str) -> Any:
    """The module of an adapter that is not ours: a Python file, or another package's module.

    Raises:
        ImportError: it is not there, or its own code fails.
    """
    if name.endswith(".py"):
        return load_file(name)
    try:
        return importlib.import_module(name)
    except ImportError:
        raise
    except (Exception, SystemExit) as error:
        raise ImportError(_said(error)) from error


def load_file(path: str) -> Any:
    """The module in that file, with the modules beside it importable.

    Raises:
        ImportError: no such file, not Python, or its own code fails.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise ImportError(f"no such file: {path}")
    name = f"audiobench_own_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, file)
    if found is None or found.loader is None:
        raise ImportError(f"not a Python file: {path}")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise ImportError(_said(error)) from error
        raise
    return module


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
        raise UsageError(f"model {spec.name}: adapter {target}: it could not be built: {_said(error)}") from error
    for name in ("generate", "close"):
        if not inspect.iscoroutinefunction(getattr(adapter, name, None)):
            raise UsageError(
                f"{target}: an adapter needs `async def generate(self, request)` and `async def close(self)`"
            )
    return adapter


def _said(error: BaseException) -> str:
    """The error as one line, with the line of code that raised it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at is not None else ""
    return redacted(one_line(f"{type(error).__name__}: {error}{place}"))
