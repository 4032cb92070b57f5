"""What `audiobench doctor` looks at with PyTorch: `python -m audiobench.doctor.probe MODULE ... [--golden] [--model M]`.

One process for all of it, because PyTorch and transformers load slowly, and not doctor's own, so that a wheel that does
not load, or takes the interpreter with it, is a line of the table. Each finding is a line of stdout of its own: what was
found stays found if a later step crashes or takes too long.
"""

from __future__ import annotations

import argparse
import gc
import importlib

import msgspec

from audiobench.doctor.checkpoint import of_checkpoint
from audiobench.model.checks import Check
from audiobench.model.registry import FAMILIES, family, find_model

MARK = "@@"
"""What a line of findings begins with; whatever else modules print is passed over."""


class Module(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A module that was imported. `error`: why it could not be."""

    name: str
    version: str = "?"
    cuda: str | None = None
    """The CUDA that this PyTorch is built for; None for a CPU build."""
    devices: int = 0
    """How many CUDA devices this PyTorch sees."""
    error: str = ""


class Golden(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The check of the golden clip. `error`: why there is none."""

    check: Check | None = None
    error: str = ""


class Checkpoint(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The checks of the model's checkpoint. `error`: why there are none."""

    checks: list[Check] = []
    error: str = ""


Finding = Module | Golden | Checkpoint


def _imported(name: str) -> Module:
    try:
        module = importlib.import_module(name)
        version = str(getattr(module, "__version__", "?"))
        if name != "torch":
            return Module(name, version)
        devices = module.cuda.device_count() if module.cuda.is_available() else 0
        return Module(name, version, module.version.cuda, devices)
    except BaseException as error:  # a broken wheel raises anything, SystemExit included
        return Module(name, error=_told(error))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:240]


def _golden() -> Golden:
    try:
        known = family(next(iter(FAMILIES)))
        assert known is not None
        return Golden(known.golden_clip())
    except Exception as error:  # whatever the front end raises is the finding
        return Golden(error=_told(error))


def _checkpoint(model: str) -> Checkpoint:
    try:
        return Checkpoint(of_checkpoint(find_model(model)))
    except Exception as error:  # whatever reading a foreign checkpoint raises is the finding
        return Checkpoint(error=_told(error))


def read(line: str) -> Finding | None:
    """The finding that a line of the probe's output holds; None for what modules print."""
    return msgspec.json.decode(line.removeprefix(MARK), type=Finding) if line.startswith(MARK) else None


def main() -> None:
    """Print what was found, a line for each step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--model")
    args = parser.parse_args()
    gc.disable()  # modules stay to the end: collecting while they load finds nothing and takes an eighth of the time

    def say(found: Finding) -> None:
        print(MARK + msgspec.json.encode(found).decode(), flush=True)

    broken = False
    for name in args.modules:
        found = _imported(name)
        broken |= name == "torch" and bool(found.error)
        say(found)
    if broken:
        return
    if args.golden:
        say(_golden())
    if args.model is not None:
        say(_checkpoint(args.model))


if __name__ == "__main__":
    main()
