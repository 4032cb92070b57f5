"""What `audiobench run` can be told. Each option is declared once, as a field of `RunSpec`.

The command line, a suite file, run.json, the Python API and the lm-eval bridge all make a `RunSpec`; a field is read and
checked by its kind, whoever gives it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec

from audiobench.errors import UsageError
from audiobench.limits import ATTEMPTS, BATCH_POLL_SECONDS, TIMEOUT_SECONDS

_FILE = re.compile(r"\.ya?ml\Z|\.py(?::|\Z)")


class Kind:
    """How the value of an option is given, and what it must be."""

    repeatable = False
    """Whether the flag may be given several times; its words come as a list."""
    word: Callable[[str], Any] | None = None
    """Makes the value of a word of the command line, where that is not the word itself."""

    def read(self, value: Any) -> Any:
        """`value`, from the command line, YAML, JSON or Python, in its one form.

        Raises:
            ValueError: the value and what would be right.
        """
        raise NotImplementedError

    def rebased(self, value: Any, folder: Path) -> Any:
        """`value`, read, with the relative paths in it taken from `folder`."""
        del folder
        return value

    def read_in(self, value: Any, folder: Path) -> Any:
        """As `read`, with relative paths taken from `folder`.

        Raises:
            ValueError: as `read`.
        """
        return self.rebased(self.read(value), folder)


class Text(Kind):
    """Text that is not empty."""

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{value!r}: must be text")
        return value


class Model(Text):
    """A model: its name, or a path (`model.yaml`, `code.py:Class`)."""

    def rebased(self, value: Any, folder: Path) -> Any:
        return str(folder / value) if _FILE.search(value) else value


class Names(Kind):
    """A list of names, each once: separated by commas, or a list."""

    def read(self, value: Any) -> list[str]:
        found = self.split(value) if isinstance(value, str) else value
        if isinstance(found, int | float) and not isinstance(found, bool):
            found = [found]
        if not isinstance(found, list | tuple) or not all(isinstance(item, str | int | float) for item in found):
            raise ValueError(f"{value!r}: must be a list of names")
        names = [text for item in found if (text := str(item).strip())]
        if not names and (isinstance(value, str) or found):
            raise ValueError(f"{value!r}: names nothing, so there is nothing to run")
        return list(dict.fromkeys(names))

    def split(self, text: str) -> list[str]:
        """The names in one text."""
        return text.split(",")

    def rebased(self, value: Any, folder: Path) -> Any:
        return [str(folder / name) if _FILE.search(name) and ":" not in name else name for name in value]


class Ids(Names):
    """Sample ids, separated by commas, or `@FILE` with one a line."""

    def split(self, text: str) -> list[str]:
        if not text.startswith("@"):
            return super().split(text)
        try:
            return Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ValueError(f"{text}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{text}: not a text file: {error}") from error

    def rebased(self, value: Any, folder: Path) -> Any:
        return value

    def read_in(self, value: Any, folder: Path) -> Any:
        if isinstance(value, str) and value.startswith("@"):
            value = f"@{folder / value[1:]}"
        return self.read(value)


class Whole(Kind):
    """A whole number of at most 64 bits."""

    def __init__(self, least: int | None = None) -> None:
        self.least = least
        self.word = _whole

    def read(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{value!r}: must be a whole number")
        if self.least is not None and value < self.least:
            raise ValueError(f"{value}: must be at least {self.least}")
        return value


class Number(Kind):
    """A positive number."""

    def __init__(self) -> None:
        self.word = _number

    def read(self, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{value!r}: must be a positive number")
        if not 0 < value < float("inf"):
            raise ValueError(f"{value:g}: must be a positive number")
        return float(value)


class Switch(Kind):
    """True where the flag is given."""

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r}: must be true or false")
        return value


class Addresses(Kind):
    """One URL or several."""

    repeatable = True

    def read(self, value: Any) -> list[str]:
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list | tuple) or not all(isinstance(url, str) and url for url in found):
            raise ValueError(f"{value!r}: must be a URL or a list of URLs")
        return list(found)


class Parameters(Kind):
    """Generation parameters: a mapping, or words NAME=VALUE with YAML values."""

    repeatable = True

    def read(self, value: Any) -> dict[str, Any]:
        from audiobench.task import generation

        if isinstance(value, list | tuple):
            value = dict(_parameter(word) for word in value)
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r}: must be names and values, such as temperature: 0")
        for name, item in value.items():
            if problem := generation.wrong(name, item):
                raise ValueError(f"{name}: {problem}")
        return dict(value)


class Data(Kind):
    """Local copies of data sets: a mapping from tasks to paths, or words TASK=PATH."""

    repeatable = True

    def read(self, value: Any) -> dict[str, Path]:
        if isinstance(value, list | tuple):
            value = dict(_pair(str(word), "TASK=PATH") for word in value)
        if not isinstance(value, Mapping) or not all(isinstance(path, str | Path) for path in value.values()):
            raise ValueError(f"{value!r}: must be tasks and paths, such as mmau: mmau-test-mini.json")
        return {str(task): Path(path) for task, path in value.items()}

    def rebased(self, value: Any, folder: Path) -> Any:
        return {task: folder / path for task, path in value.items()}


class Shard(Kind):
    """I/N: the I-th of N parts."""

    def read(self, value: Any) -> tuple[int, int]:
        try:
            index, count = (int(part) for part in (value.split("/") if isinstance(value, str) else value))
        except (TypeError, ValueError):
            raise ValueError(f"{value}: expected I/N, such as 1/4") from None
        if not 1 <= index <= count:
            raise ValueError(f"{value}: I must lie between 1 and N")
        return index, count


class Folder(Kind):
    """A directory, relative to where the command runs."""

    def read(self, value: Any) -> Path:
        if not isinstance(value, str | Path) or not str(value):
            raise ValueError(f"{value!r}: must be a directory")
        return Path(value)


class Option(msgspec.Struct, frozen=True):
    """What is declared of an option beside its name, type and default."""

    kind: Kind
    help: str
    """`{default}` stands for the default."""
    metavar: str | None = None
    recorded: bool = True
    """Whether run.json holds it; False where it is about one command and not about the run."""


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:  # also: more digits than Python reads
        number = 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{text:.40}: must be a whole number of at most 64 bits")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text:.40}: must be a number") from None


def _pair(word: str, form: str) -> tuple[str, str]:
    name, equals, text = word.partition("=")
    if not equals:
        raise ValueError(f"{word}: expected {form}")
    return name, text


def _parameter(word: Any) -> tuple[str, Any]:
    import orjson
    import yaml

    from audiobench.task import generation

    name, text = _pair(str(word), "NAME=VALUE")
    try:
        value = yaml.safe_load(text)
        orjson.dumps(value)
    except (yaml.YAMLError, ValueError, TypeError) as error:  # TypeError: what JSON cannot hold
        raise ValueError(f"{word}: not a value: {error}") from error
    if name in generation.NUMBERS and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)  # YAML 1.1 takes 1e-3 for text
    return name, value


class RunSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One run: a model, tasks, conditions, and how they are run.

    Raises:
        UsageError: a value is not what its option takes.
    """

    model: Annotated[str, Option(Model(), "declared model, model YAML, adapter:served-name, or FILE.py:Class", "M")]
    tasks: Annotated[list[str], Option(Names(), "tasks, groups, task YAMLs or lm_eval:NAME, comma-separated", "A,B")]
    limit: Annotated[
        int | None, Option(Whole(1), "seeded random subset of N samples a task; a larger N includes a smaller one", "N")
    ] = None
    ids: Annotated[
        list[str] | None, Option(Ids(), "only these sample ids, comma-separated or @FILE with one a line", "A,B")
    ] = None
    shard: Annotated[
        tuple[int, int] | None,
        Option(Shard(), "only the I-th of N parts (1-based); join them with `audiobench merge`", "I/N"),
    ] = None
    prompt: Annotated[str | None, Option(Text(), "which of the task's prompts (default: its first)", "NAME")] = None
    epochs: Annotated[int, Option(Whole(1), "run every sample K times", "K")] = 1
    think: Annotated[
        list[str],
        Option(Names(), "think modes: off, on, default, budget:N; comma-separated (default: default)", "MODES"),
    ] = msgspec.field(default_factory=lambda: ["default"])
    audio: Annotated[
        list[str], Option(Names(), "full,none,silence,noise,swap,reverse,transcript (default: full)", "CONDS")
    ] = msgspec.field(default_factory=lambda: ["full"])
    option_order: Annotated[int, Option(Whole(1), "run under K rotations of the options", "K")] = 1
    data: Annotated[dict[str, Path], Option(Data(), "local copy of a task's data", "TASK=PATH")] = {}
    base_url: Annotated[list[str], Option(Addresses(), "server; repeat for several replicas", "URL")] = []
    max_concurrency: Annotated[
        int | None, Option(Whole(1), "fixed number of requests at once (default: adaptive)", "N")
    ] = None
    out: Annotated[
        Path | None, Option(Folder(), "run directory (default: results/<model>/<run>)", "DIR", recorded=False)
    ] = None
    judge: Annotated[str | None, Option(Model(), "text model that judges tasks which need a judge", "M")] = None
    judge_base_url: Annotated[str | None, Option(Text(), "server of the judge", "URL")] = None
    judge_batch: Annotated[
        bool, Option(Switch(), "send the judge's requests as batch jobs: half the price, within a day")
    ] = False
    asr: Annotated[
        str | None, Option(Model(), "model that transcribes spoken answers (speech-to-speech tasks)", "M")
    ] = None
    asr_base_url: Annotated[str | None, Option(Text(), "server of the recogniser", "URL")] = None
    gen: Annotated[dict[str, Any], Option(Parameters(), "override a generation parameter (temperature=0)", "K=V")] = {}
    seed: Annotated[int, Option(Whole(), "base seed; epoch k uses seed + k (default {default})", "N")] = 0
    allow_approx: Annotated[bool, Option(Switch(), "allow think modes that the model has only approximately")] = False
    batch: Annotated[
        bool, Option(Switch(), "batch jobs of OpenAI or Gemini: half the price, within a day; resumable")
    ] = False
    batch_poll: Annotated[float, Option(Number(), "seconds between looks at a batch job (default {default})", "S")] = (
        BATCH_POLL_SECONDS
    )
    max_cost: Annotated[
        float | None,
        Option(
            Number(),
            "stop cleanly once the model's answers have cost this much, earlier starts included (a judge's and a "
            "recogniser's calls are not counted)",
            "USD",
        ),
    ] = None
    allow_other_model: Annotated[bool, Option(Switch(), "continue if the server reports a different model")] = False
    attempts: Annotated[int, Option(Whole(1), "calls a request may take (default {default})", "N")] = ATTEMPTS
    timeout: Annotated[float, Option(Number(), "seconds one call may take (default {default})", "S")] = TIMEOUT_SECONDS
    quiet: Annotated[bool, Option(Switch(), "no plan, no progress", recorded=False)] = False

    def __post_init__(self) -> None:
        for option in options():
            value = getattr(self, option.name)
            if value is None and option.default is None:
                continue
            try:
                value = option.kind.read(value)
            except ValueError as error:
                raise UsageError(f"{option.flag} {error}") from error
            msgspec.structs.force_setattr(self, option.name, value)

    def rebased(self, folder: Path) -> RunSpec:
        """The same with its relative paths taken from `folder` (but for `out`); itself where that is where we are."""
        if folder.resolve() == Path.cwd():
            return self
        changed = {}
        for option in options():
            value = getattr(self, option.name)
            if value is not None:
                changed[option.name] = option.kind.rebased(value, Path(os.path.normpath(folder)))
        return msgspec.structs.replace(self, **changed)

    def recorded(self) -> RunSpec:
        """What run.json holds: without what is about one command only."""
        dropped = {option.name: option.default for option in options() if not option.declared.recorded}
        return msgspec.structs.replace(self, **dropped)


class Named(msgspec.Struct, frozen=True):
    """An option with its name and default."""

    name: str
    """As in YAML and Python."""
    declared: Option
    default: Any
    """`msgspec.NODEFAULT` where there is none."""

    @property
    def flag(self) -> str:
        """As on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def kind(self) -> Kind:
        """How its value is read."""
        return self.declared.kind

    @property
    def help(self) -> str:
        """What it does, in a line."""
        shown = f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
        return self.declared.help.replace("{default}", shown)


@lru_cache(maxsize=1)
def options() -> tuple[Named, ...]:
    """Every option of `audiobench run`, in order."""
    return tuple(Named(field.name, get_args(field.type)[1], field.default) for field in msgspec.structs.fields(RunSpec))


def names(without: Iterable[str] = ()) -> list[str]:
    """The options' names, as in YAML and Python."""
    return [option.name for option in options() if option.name not in without]
