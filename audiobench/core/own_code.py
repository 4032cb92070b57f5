"""Python of the user's own: a file, or another package's module, imported with errors of one line."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from audiobench.core.plain_text import one_line
from audiobench.core.redact import redacted


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
        raise ImportError(said(error)) from error


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
    if found is None:
        raise ImportError(f"not a Python file: {path}")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    try:
        # not by the loader: its bytecode of before stands for an edit of the same size within the same second
        exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise ImportError(said(error)) from error
        raise
    return module


def said(error: BaseException) -> str:
    """The error as one line, with the line of code that raised it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at is not None else ""
    return redacted(one_line(f"{type(error).__name__}: {error}{place}"))
