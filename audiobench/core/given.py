"""Objects of the Python that runs audiobench: a model, a scorer or a task that was handed over instead of named.

Each gets a name, `python:NAME@DIGEST`, by which it is found in this process. The digest is of its source code, so that
changed code is another model or scorer, as it is with a Python file.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import inspect
import re
from functools import partial
from typing import Any, Literal, TypeGuard

from audiobench.core.errors import UsageError

Kind = Literal["model", "scorer", "task"]
PREFIX = "python:"

_given: dict[tuple[Kind, str], Any] = {}


def name_of(label: str, digest: str) -> str:
    """The name under which an object is kept."""
    return f"{PREFIX}{re.sub('[^A-Za-z0-9_.-]+', '-', label).strip('-.') or 'unnamed'}@{digest[:8]}"


def label_in(name: str) -> str:
    """What the object of that name is called."""
    return name.removeprefix(PREFIX).partition("@")[0]


def give(kind: Kind, name: str, made: Any) -> None:
    """Keep an object for this process, in place of the one that had its name."""
    _given[kind, name] = made


def find(kind: Kind, name: str) -> Any | None:
    """The object of that name; None where the name is not of this form.

    Raises:
        UsageError: it is of this form, and no such object was handed over in this process.
    """
    if not name.startswith(PREFIX):
        return None
    try:
        return _given[kind, name]
    except KeyError:
        raise UsageError(
            f"{kind} {name}: an object of the Python program that handed it over, and at hand only there; hand it over "
            "again, or keep it in a file (FILE.py:NAME)"
        ) from None


def digest_of(made: Any) -> str:
    """Hex digest of an object's own source, of its attribute `version`, where it has one, and of texts and numbers that a
    function was made with (variables around it, defaults, arguments of `functools.partial`).

    What the code calls and what the object holds are not seen: a new `version` says that these have changed.

    Raises:
        UsageError: its source cannot be read, so that a change of it would not be noticed.
    """
    if _is_partial(made):
        told = (
            digest_of(made.func),
            _shown(made.args),
            _shown(tuple(sorted(made.keywords.items()))),
            getattr(made, "version", None),
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()
    of_itself = inspect.isroutine(made) or inspect.isclass(made)
    code: Any = made if of_itself else made.__class__
    version = getattr(made, "version", None)
    try:
        source = inspect.getsource(code)
    except (OSError, TypeError):
        if version is None:
            raise UsageError(
                f"{label_of(made)}: its source code cannot be read, so that a change of it would not be noticed; define it "
                "in a file or a notebook cell, or give it an attribute `version`"
            ) from None
        source = f"{code.__module__}.{code.__qualname__}"
    told = f"{source}\n{'' if version is None else version}"
    if held := _made_with(made):
        told += f"\n{held}"
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()


def _made_with(made: Any) -> str:
    """The values that a function has beside its source and does not change itself; empty where there are none."""
    if not inspect.isfunction(function := getattr(made, "__func__", made)):
        return ""
    changed = {step.argval for step in dis.get_instructions(function) if step.opname == "STORE_DEREF"}
    around = inspect.getclosurevars(function).nonlocals.items()
    held = (
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).items(),
        *((name, value) for name, value in around if name not in changed and value is not made),
    )
    return _shown(held) if held else ""


def _shown(value: Any) -> str:
    """A value that cannot change, as text that is equal in every process; of any other, what kind it is."""
    if value is None or isinstance(value, str | bytes | int | float | complex):
        return repr(value)
    if _is_tuple(value):
        return f"({', '.join(map(_shown, value))})"
    if _is_partial(value) or inspect.isfunction(value):
        with contextlib.suppress(UsageError, RecursionError):
            return digest_of(value)
    return f"<{type(value).__name__}>"


def _is_partial(value: object) -> TypeGuard[partial[Any]]:
    return isinstance(value, partial)


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def label_of(made: Any) -> str:
    """What an object is called: its own name, or its class's."""
    if _is_partial(made):
        return label_of(made.func)
    return str(getattr(made, "__name__", None) or type(made).__name__)
