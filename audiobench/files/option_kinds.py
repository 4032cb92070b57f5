"""How the values of options are given: words of the command line, YAML, JSON or Python; and what they must be."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiobench.core.narrow import is_mapping, is_sequence
from audiobench.core.plain import plain_bytes
from audiobench.task import generation

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


class Label(Text):
    """A name that can stand in a file's."""

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", value):
            raise ValueError(f"{value!r}: must be letters, digits, dots, dashes and underscores")
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
        if not is_sequence(found) or not all(isinstance(item, str | int | float) for item in found):
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


class Protocols(Names):
    """Protocols, each with its settings: `NAME`, `NAME:setting=value`, `FILE.py:function`."""

    def rebased(self, value: Any, folder: Path) -> Any:
        return [str(folder / name) if _FILE.search(name) else name for name in value]


class External(Text):
    """Where external hypotheses come from: a run, a file, `column:NAME` or `model:NAME`."""

    def rebased(self, value: Any, folder: Path) -> Any:
        if value.startswith("column:"):
            return value
        model = value.removeprefix("model:")
        if model != value:
            return f"model:{Model().rebased(model, folder)}"
        return str(folder / value)


class Ids(Names):
    """Sample ids, separated by commas, or `@FILE` with one a line."""

    def split(self, text: str) -> list[str]:
        if not text.startswith("@"):
            return super().split(text)
        try:
            return plain_bytes(Path(text[1:])).decode().splitlines()
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
    """A positive number; also 0 with `zero`."""

    def __init__(self, *, zero: bool = False) -> None:
        self.zero = zero
        self.word = _number

    def read(self, value: Any) -> float:
        kind = "number that is not negative" if self.zero else "positive number"
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{value!r}: must be a {kind}")
        if not (0 < value < float("inf") or (self.zero and value == 0)):
            raise ValueError(f"{value:g}: must be a {kind}")
        return float(value)


class Choice(Text):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, value: Any) -> str:
        if value not in self.words:
            raise ValueError(f"{value!r}: must be {' or '.join(self.words)}")
        return str(value)


class Least(Kind):
    """How many: N, or A:B for at least A and at most B."""

    def read(self, value: Any) -> tuple[int, int]:
        words = value.split(":") if isinstance(value, str) else value if is_sequence(value) else [str(value)]
        try:
            least, most = (int(word) for word in (words if len(words) > 1 else [1, *words]))
        except (TypeError, ValueError):
            raise ValueError(f"{value}: expected N or A:B, such as 8 or 2:16") from None
        if not 1 <= least <= most:
            raise ValueError(f"{least}:{most}: at least 1, and no fewer at most than at least")
        return least, most


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
        if not is_sequence(found) or not all(isinstance(url, str) and url for url in found):
            raise ValueError(f"{value!r}: must be a URL or a list of URLs")
        return [url.strip() for url in found]


class Parameters(Kind):
    """Generation parameters: a mapping, or words NAME=VALUE with YAML values."""

    repeatable = True

    def read(self, value: Any) -> dict[str, Any]:
        if is_sequence(value):
            value = dict(_parameter(word) for word in value)
        if not is_mapping(value):
            raise ValueError(f"{value!r}: must be names and values, such as temperature: 0")
        for name, item in value.items():
            if problem := generation.wrong(name, item):
                raise ValueError(f"{name}: {problem}")
        return dict(value)


class Data(Kind):
    """Local copies of data sets: a mapping from tasks to paths, or words TASK=PATH."""

    repeatable = True

    def read(self, value: Any) -> dict[str, Path]:
        if is_sequence(value):
            value = dict(_pair(str(word), "TASK=PATH") for word in value)
        if not is_mapping(value) or not all(isinstance(path, str | Path) for path in value.values()):
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
