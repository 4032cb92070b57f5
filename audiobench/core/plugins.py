"""Plug-ins: code of other people, as `FILE.py:NAME` or as an entry point of an installed package.

Every kind is found in this one way: scorer (and with it its metric), normalizer, extractor, protocol, annotator. What a
plug-in must be able to do is checked by the module that uses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from audiobench.core.errors import UsageError, suggestion
from audiobench.core.own_code import load_file

Kind = Literal["scorer", "normalizer", "extractor", "protocol", "annotator"]
"""Entry points of a kind stand in the group of its plural: `audiobench.scorers`."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a name stands for."""

    made: Any
    name: str
    """Without the folder: `own_scorer.py:MacroF1`, or the name of the entry point."""
    where: str
    """For messages."""
    code: str
    """Version of the code, to be joined to the plug-in's own: `+` and the start of a file's sha256, or the version of a
    package whose plug-in has no attribute `version`. Changed code is another scorer, protocol, and so on."""


def find(kind: Kind, name: str) -> Plugin | None:
    """The plug-in of that name; None where there is none.

    Raises:
        UsageError: it is there and cannot be loaded.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        try:
            module = load_file(path)
            code = Path(path).read_bytes()
        except (ImportError, AttributeError, OSError) as error:
            raise UsageError(f"{kind} {name}: {error}") from error
        if (made := getattr(module, attribute, None)) is None:
            raise UsageError(f"{kind} {name}: {Path(path).name} has no attribute {attribute!r}")
        return Plugin(made, f"{Path(path).name}:{attribute}", name, f"+{hashlib.sha256(code).hexdigest()[:8]}")
    from importlib.metadata import entry_points

    for point in entry_points(group=f"audiobench.{kind}s", name=name):
        try:
            made = point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(f"{kind} {name}: entry point {point.value}: {error}") from error
        package = f"+{point.dist.version}" if point.dist and not hasattr(made, "version") else ""
        return Plugin(made, name, f"{name} ({point.value})", package)
    return None


def unknown(kind: str, name: str, known: Iterable[str], own: str) -> str:
    """What is said of a name that nothing has; `own`: how one's own is named, such as `FILE.py:Class`."""
    names = sorted(known)
    hint = suggestion(name, names, f"allowed: {', '.join(names)}, or {own}")
    return f"unknown {kind} {name!r}; {hint}"
