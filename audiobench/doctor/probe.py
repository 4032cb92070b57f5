"""What `audiobench doctor` looks at with PyTorch: `python -m audiobench.doctor.probe MODULE ... [--golden] [--model M]`.

One process for all of it, because PyTorch and transformers load slowly, and not doctor's own, so that a wheel that does
not load, or takes the interpreter with it, is a line of the table. Each finding is a line of stdout of its own: what was
found stays found if a later step crashes or takes too long.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
from dataclasses import asdict
from typing import Any

from audiobench.doctor.checkpoint import of_checkpoint
from audiobench.model.registry import FAMILIES, family, find_model

MARK = "@@"
"""What a line of findings begins with; whatever else modules print is passed over."""


def _imported(name: str) -> dict[str, Any]:
    try:
        module = importlib.import_module(name)
        found: dict[str, Any] = {"version": getattr(module, "__version__", "?")}
        if name == "torch":
            available = bool(module.cuda.is_available())
            devices = module.cuda.device_count() if available else 0
            found |= {"cuda": module.version.cuda, "available": available, "devices": devices}
        return found
    except BaseException as error:  # a broken wheel raises anything, SystemExit included
        return {"error": _told(error)}


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:240]


def _golden() -> dict[str, Any]:
    try:
        known = family(next(iter(FAMILIES)))
        assert known is not None
        return asdict(known.golden_clip())
    except Exception as error:  # whatever the front end raises is the finding
        return {"error": _told(error)}


def _checkpoint(model: str) -> dict[str, Any]:
    try:
        return {"checks": [asdict(check) for check in of_checkpoint(find_model(model))]}
    except Exception as error:  # whatever reading a foreign checkpoint raises is the finding
        return {"error": _told(error)}


def main() -> None:
    """Print what was found, a line for each step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--model")
    args = parser.parse_args()
    gc.disable()  # modules stay to the end: collecting while they load finds nothing and takes an eighth of the time

    def say(name: str, found: dict[str, Any]) -> None:
        print(MARK + json.dumps({name: found}), flush=True)

    broken = False
    for name in args.modules:
        found = _imported(name)
        broken |= name == "torch" and "error" in found
        say(name, found)
    if broken:
        return
    if args.golden:
        say("golden", _golden())
    if args.model is not None:
        say("checkpoint", _checkpoint(args.model))


if __name__ == "__main__":
    main()
