"""The run directory: its name, whose run it holds, and how it makes room for a new one."""

from __future__ import annotations

import hashlib
import re
from itertools import count
from pathlib import Path

import orjson

from audiobench.ask.protocols import find_protocol
from audiobench.core.errors import UsageError
from audiobench.files import journal, run_info
from audiobench.files.run_spec import RunSpec
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec


def run_folder(model: ModelSpec, options: RunSpec) -> Path:
    """The run directory."""
    return options.out or Path("results") / model.name / run_name(model, options)


def run_name(model: ModelSpec, options: RunSpec) -> str:
    """Name of the run's directory: the same command finds its own journal again."""
    parts: list[object] = [
        sha256_of(model), options.prompt, options.think, options.audio, options.option_order,
        options.gen, options.seed, options.shard,
    ]  # fmt: skip
    label = "-".join(mode.replace(":", "") for mode in options.think)
    if options.audio != ["full"]:
        label += "_" + "-".join(options.audio)
    if options.num_fewshot is not None:
        parts.append({"num_fewshot": options.num_fewshot})
        label += f"_{options.num_fewshot}shot"
    for name, chosen in (("limit", options.limit), ("ids", options.ids)):
        if chosen is not None:
            parts.append({name: chosen})
            label += f"_{name}{chosen if isinstance(chosen, int) else len(chosen)}"
    if options.spoken:
        parts.append({"spoken": True})
        label += "_spoken"
    if options.external is not None:
        parts.append({"external": options.external})
    if options.protocol != ["single"]:
        protocols = [find_protocol(written) for written in options.protocol]
        parts.append({"protocol": [protocol.identity for protocol in protocols]})
        label += "_" + "-".join(re.sub(r"\W+", "-", p.written.rpartition(".py:")[2]) for p in protocols)
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
    return "_".join([label, digest, *([options.name] if options.name else [])])


def check_folder(folder: Path, model: ModelSpec) -> None:
    """Raise UsageError when `folder` holds a run of another model: its answers must not be taken for this one's."""
    if (folder / run_info.FILE).is_file():
        before = run_info.read(folder).model
        if before.sha256 != sha256_of(model):
            what = (
                f"model {before.name}, whose file, or the prompt that audiobench writes for it, was another then"
                if before.name == model.name
                else f"model {before.name}, not {model.name}"
            )
            raise UsageError(
                f"--out {folder}: contains a run of {what}; answers of the two are not mixed: use another --out"
            )


def set_aside(folder: Path) -> None:
    """Move a run out of the way of a new one, to `<folder>.earlier-1` (or -2, ...); nothing where there is none.

    Raises:
        UsageError: another process writes there.
    """
    if not (folder / run_info.FILE).is_file():
        return
    journal.RunLock(folder).release()
    number = next(n for n in count(1) if not folder.with_name(f"{folder.name}.earlier-{n}").exists())
    folder.rename(folder.with_name(f"{folder.name}.earlier-{number}"))
