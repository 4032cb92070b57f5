"""run.json: what a run was made with. This module owns the format: its structs, its one writer and its one reader."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

import audiobench
from audiobench.core.errors import IncompleteError, UsageError
from audiobench.core.narrow import is_object
from audiobench.core.plain_text import one_line
from audiobench.core.redact import is_redacted, redacted
from audiobench.files import sealed
from audiobench.files.records import Count, Seconds
from audiobench.files.run_spec import RunSpec, options
from audiobench.model.registry import sha256_of
from audiobench.model.spec import NAME, ModelSpec
from audiobench.replicas.told import EngineUsed

SCHEMA_VERSION = 1
"""Files of audiobench 0.1 have the same version and no `starts`."""
FILE = "run.json"


class RecordedModel:
    """The model as it was declared when the run was made."""

    __slots__ = ("declared", "name", "sha256")

    def __init__(self, name: str, sha256: str | None, declared: Mapping[str, Any]) -> None:
        self.name = name
        self.sha256 = sha256
        self.declared = declared
        """As in its file, name included; secrets are taken out."""

    @classmethod
    def of(cls, model: ModelSpec) -> RecordedModel:
        """What is written of a model."""
        return cls(model.name, sha256_of(model), model.model_dump(mode="json"))

    @property
    def spec(self) -> ModelSpec:
        """The declaration, as a model file holds it."""
        return ModelSpec.model_validate(self.declared)


class Start(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One command that ran tasks of this run, as far as no later one ran them again."""

    tasks: list[str]
    """Names of the tasks, one for each of `spec.tasks`."""
    cwd: str
    """Where the command ran: the relative paths in `spec` are taken from there."""
    spec: RunSpec

    def of(self, names: Sequence[str]) -> Start | None:
        """The same for those of its tasks that are in `names`; None where there are none."""
        kept = [(name, given) for name, given in zip(self.tasks, self.spec.tasks, strict=True) if name in names]
        if not kept:
            return None
        spec = msgspec.structs.replace(self.spec, tasks=[given for _, given in kept])
        return Start(tasks=[name for name, _ in kept], cwd=self.cwd, spec=spec)

    def located(self) -> RunSpec:
        """The specification with its paths as of this working directory; a `cwd` that is gone is taken for this one."""
        return self.spec.rebased(Path(self.cwd)) if Path(self.cwd).is_dir() else self.spec


class RunInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run.json."""

    schema_version: Annotated[int, msgspec.Meta(ge=0)] | None = None
    run_id: str = ""
    name: str = ""
    """What `--name` calls the run: a checkpoint, a date."""
    created: Seconds | None = None
    updated: Seconds | None = None
    versions: dict[str, str] = {}
    model: RecordedModel
    tasks: list[str] = []
    base_urls: list[str] = []
    command: list[str] = []
    """Of the last start."""
    host: dict[str, str] = {}
    server: dict[str, list[str]] = {}
    """What the server says of the model: fields of its entry in the list of models, and `system_fingerprint`."""
    served_models: dict[str, Count] = {}
    """Answers by the name under which the server gave them."""
    engines: list[EngineUsed] = []
    """What ran on the replicas of a cluster, a start or stage after the other; empty where all ran on one machine."""
    starts: list[Start] = []
    """Empty for runs of audiobench 0.1, merged runs and those that another harness drove."""

    @property
    def title(self) -> str:
        """The model and, where it has one, the run's own name."""
        return titled(self.model.name, self.name)

    @property
    def moment(self) -> float:
        """Time of the last change in seconds since 1970; 0.0 where it is not known."""
        return self.updated or self.created or 0.0

    def starts_of(self, tasks: Sequence[str], file: Path) -> list[Start]:
        """What ran these tasks, one start or several.

        Raises:
            UsageError: `file`, a run.json, does not say how one of them was run.
        """
        if not self.starts:
            made_by = f" (`{shlex.join(self.command)}`)" if self.command else ""
            raise UsageError(
                f"{file}: cannot be repeated: it holds no run specification (key starts), because audiobench 0.1, "
                f"`audiobench merge` or another harness wrote it{made_by}. If that was an `audiobench run` of version "
                "0.1, rerun it with this version: it keeps every response and adds the specification"
            )
        held = [name for start in self.starts for name in start.tasks]
        if missing := [name for name in tasks if name not in held]:
            raise UsageError(f"{file}: no task {', '.join(missing)}; it has: {', '.join(held)}")
        return [part for start in self.starts if (part := start.of(tasks))]


def titled(model: str, name: str) -> str:
    """How a run is called wherever results of several stand together: `my-model`, or with a name `my-model (step-200)`."""
    return f"{model} ({one_line(name)})" if name else model


def read(folder: Path, missing: str | None = None) -> RunInfo:
    """The run.json of a run directory.

    Raises:
        UsageError: missing; `missing` is said then.
        IncompleteError: changed after it was written, not JSON, or a field has not the type that it should.
    """
    file = folder / FILE
    try:
        return msgspec.json.decode(sealed.read(file), type=RunInfo, dec_hook=_decoded)
    except OSError as error:
        raise UsageError(missing or f"{file}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise IncompleteError(f"{file}: not a run.json that this version can read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IncompleteError(f"{file}: not JSON: {error}") from error
    except UsageError as error:
        raise IncompleteError(f"{file}: starts: {error}") from error


def write(folder: Path, info: RunInfo) -> None:
    """Replace the run.json of `folder`. No secret gets into it (`audiobench.core.redact`)."""
    plain = redacted(msgspec.to_builtins(info, enc_hook=_encoded))
    sealed.write(folder / FILE, plain)


def started(
    folder: Path, model: ModelSpec, tasks: Sequence[str], base_urls: Sequence[str], starts: Sequence[Start],
    server: Mapping[str, Sequence[str]] | None = None,
) -> RunInfo:  # fmt: skip
    """What run.json says from this start on. Earlier starts stay with the tasks that this one does not run."""
    now = time.time()
    before = read(folder) if (folder / FILE).is_file() else None
    created = before.created if before and before.created is not None else now
    earlier = before.starts if before else []
    others = {name for start in earlier for name in start.tasks} - set(tasks)
    named = next((start.spec.name for start in starts if start.spec.name), before.name if before else "")
    return RunInfo(
        schema_version=SCHEMA_VERSION,
        run_id=hashlib.sha256(str(folder.resolve()).encode() + str(created).encode()).hexdigest()[:16],
        name=named,
        created=created,
        updated=now,
        versions={"audiobench": audiobench.__version__, "python": platform.python_version()},
        model=RecordedModel.of(model),
        tasks=list(tasks),
        base_urls=list(base_urls),
        command=command_line(),
        server=merged(before.server if before else {}, server or {}),
        host={"system": platform.system(), "machine": platform.machine(), "release": platform.release()},
        engines=before.engines if before else [],
        starts=[*(kept for start in earlier if (kept := start.of(sorted(others)))), *starts],
    )


def merged(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The values of both, each once."""
    return {name: sorted({*before.get(name, ()), *now.get(name, ())}) for name in sorted({*before, *now})}


def start(spec: RunSpec, tasks: Mapping[str, str]) -> Start:
    """This command's start; `tasks`: the name of each task -> how it is found (a name, or a path)."""
    recorded = msgspec.structs.replace(spec.recorded(), tasks=list(tasks.values()))
    return Start(tasks=list(tasks), cwd=os.getcwd(), spec=recorded)


def command_line() -> list[str]:
    """The command that is running; repeated, it continues what `--fresh` began."""
    name = Path(sys.argv[0]).name
    return ["audiobench" if name == "__main__.py" else name, *(word for word in sys.argv[1:] if word != "--fresh")]


def hidden_flags(spec: RunSpec) -> list[str]:
    """Flags of the options that a secret was taken out of, so that they must be given again."""
    plain: Mapping[str, Any] = msgspec.to_builtins(spec, enc_hook=_encoded)
    return [option.flag for option in options() if is_redacted(plain.get(option.name))]


def _encoded(value: Any) -> Any:
    if isinstance(value, RecordedModel):
        return {**value.declared, "name": value.name, "sha256": value.sha256}
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"run.json cannot hold {type(value).__name__}")


def _decoded(kind: Any, value: Any) -> Any:
    make: Callable[[Any], Any] = _model if kind is RecordedModel else Path
    return make(value)


def _model(value: Any) -> RecordedModel:
    if not is_object(value) or not isinstance(value.get("name"), str):
        raise ValueError("a model is an object with a name")
    name = one_line(value["name"])
    if not re.match(NAME, name):
        raise ValueError(f"model.name: {name[:80]!r}: must be letters, digits and `._-`, a letter or digit first")
    sha256 = value.get("sha256")
    if not isinstance(sha256, str | None):
        raise ValueError("sha256 must be text")
    return RecordedModel(name, sha256, {key: item for key, item in value.items() if key != "sha256"})
