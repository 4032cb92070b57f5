"""Read YAML that people write: safe, small, and with errors that name file, line and key.

No tag runs code: lm-eval's `!function module.name` is kept as an inert string, any other tag is refused. Duplicate
keys, alias bombs and endless nesting are refused too. `validate` turns pydantic's findings into one line each.

A file takes over what others say by `include: FILE` (or a list of them, beside it), as in lm-eval: key by key at the top
level, a later file's over an earlier one's, its own over all. What it sets to null it does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from audiobench.core.errors import UsageError, suggestion
from audiobench.core.narrow import is_list, is_object
from audiobench.core.plain import plain_bytes

MAX_BYTES = 1_000_000
MAX_ALIASES = 100
MAX_DEPTH = 50
MAX_EXPANDED = 2 * MAX_BYTES
"""Characters and values, those of an alias counted each time that it stands; without aliases no file can exceed it."""

Model = TypeVar("Model", bound=BaseModel)
KeyPath = tuple[str | int, ...]


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """Safe loader that knows one inert tag, and names the line of a value that is none of its type."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        kind = str(node.tag).rsplit(":", 1)[-1]
        base: Any = super()
        try:
            value = base.construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            said = f"{_short(node.value)} is no {kind} ({error}); put it in quotes if it is text"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from error
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            said = f"{_short(node.value)}: a number of more than 64 bits; put it in quotes if it is text"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        return value


def _short(value: Any) -> str:
    return repr(value) if len(str(value)) <= 40 else f"{str(value)[:37]!r}..."


_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_Loader.yaml_implicit_resolvers = {
    first: [
        *([("tag:yaml.org,2002:str", _BASE_60)] if first in tuple("-+0123456789") else []),
        *((tag, regex) for tag, regex in resolvers if tag != "tag:yaml.org,2002:bool" or first in ("t", "T", "f", "F")),
    ]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
"""As in YAML 1.2, only true and false are booleans: `on`, `off`, `yes` and `no` are words (think modes, answers); and `2:16`
is no number in base 60 (136).
"""


def _function(loader: Any, node: yaml.Node) -> str:
    return f"!function {loader.construct_scalar(node)}"


_Loader.add_constructor("!function", _function)
_PREFIX = "tag:yaml.org,2002:"
for _kind in ("binary", "set", "omap", "pairs"):  # nothing that JSON could not hold
    _Loader.yaml_constructors.pop(_PREFIX + _kind, None)


def load(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """Parse `path`; also returns the line (1-based) of each key.

    Raises:
        UsageError: unreadable, too large, not YAML, a tag that would build an object, a duplicate key, too many aliases.
    """
    try:
        raw = plain_bytes(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: {len(raw)} bytes; a declaration is at most {MAX_BYTES} bytes")
    lines: dict[KeyPath, int] = {}
    try:
        _check_events(raw, path)
        loader = _Loader(raw)
        try:
            node = loader.get_single_node()
            if node is None:
                raise UsageError(f"{path}: empty file")
            _note_lines(node, (), lines, path, {})
            data = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}" if mark else ""
        keys = [key for key, line in lines.items() if key and mark and line == mark.line + 1]
        named = f" {'.'.join(map(str, keys[0]))}:" if keys else ""
        if isinstance(error, yaml.constructor.ConstructorError) and "constructor for the tag" in str(error.problem):
            tag = str(error.problem).split("'")[1].replace(_PREFIX, "!!")
            raise UsageError(f"{path}{where}:{named} the tag {tag} is not allowed; only plain values are") from error
        problem = str(error.problem or error.context)
        if "maximum nesting depth" in problem:  # libyaml's own limit comes before ours where it looks far ahead
            problem = f"nested more than {MAX_DEPTH} levels deep"
        raise UsageError(f"{path}{where}:{named} {problem}") from error
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return data, lines


@dataclass(frozen=True, slots=True)
class Document:
    """Keys and values of a file and of what it includes, and where each stands."""

    path: Path
    data: Mapping[str, Any]
    places: Mapping[KeyPath, tuple[Path, int]]
    """(file, line) of each key."""

    def where(self, key: KeyPath) -> str:
        """`file:line` of the key, or of the nearest one above it."""
        known = key
        while known and known not in self.places:
            known = known[:-1]
        file, line = self.places.get(known, (self.path, 1))
        return f"{file}:{line}"


def read(path: Path, *, _above: tuple[Path, ...] = ()) -> Document:
    """The keys and values of `path` with those of the files that it includes.

    Raises:
        UsageError: what `load` refuses, in any of the files; no keys; an included file that is missing or includes its
            includer.
    """
    data, lines = load(path)
    if not is_object(data):
        raise UsageError(f"{path}:1: expected keys and values, found {type(data).__name__}")
    included = data.pop("include", None)
    above, where = (*_above, path.resolve()), f"{path}:{lines.get(('include',), 1)}: include"
    names = included if is_list(included) else list[Any]() if included is None else [included]
    merged: dict[str, Any] = {}
    places: dict[KeyPath, tuple[Path, int]] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"{where}: {_short(name)} is no file name")
        file = path.parent / name
        if not file.is_file():
            raise UsageError(f"{where}: {name}: no such file beside {path.name}")
        if file.resolve() in above:
            chain = " includes ".join(one.name for one in (*above[above.index(file.resolve()) :], file))
            raise UsageError(f"{where}: {name}: a circle: {chain}")
        other = read(file, _above=above)
        merged |= other.data
        places = _over(places, other.places, other.data)
    own = {key: (path, line) for key, line in lines.items()}
    found = {key: value for key, value in {**merged, **data}.items() if value is not None or key not in merged}
    return Document(path, found, _over(places, own, data))


def _over(
    below: Mapping[KeyPath, tuple[Path, int]], above: Mapping[KeyPath, tuple[Path, int]], said: Mapping[str, Any]
) -> dict[KeyPath, tuple[Path, int]]:
    """The places of both, without those below of keys that are `said` anew above."""
    return {key: place for key, place in below.items() if not key or key[0] not in said} | dict(above)


def _events(raw: Any) -> Iterator[Any]:
    loader: Any = _Loader(raw)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _check_events(raw: bytes, path: Path) -> None:
    """Counts aliases and depth before anything is built."""
    aliases = depth = 0
    for event in _events(raw):
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise UsageError(f"{path}:{event.start_mark.line + 1}: nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    if aliases > MAX_ALIASES:
        raise UsageError(f"{path}: {aliases} aliases; at most {MAX_ALIASES} are allowed")


def _note_lines(node: Any, at: KeyPath, lines: dict[KeyPath, int], path: Path, sizes: dict[int, int]) -> int:
    """Notes the line of each key and makes keys text; returns what the node holds with aliases written out (`sizes`:
    the same by node, so that a shared node is visited once; 0 while a node is being visited).
    """
    line = node.start_mark.line + 1
    lines.setdefault(at, line)
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise UsageError(f"{path}:{line}: an alias inside of what it stands for")
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = _key(key, value, path)
            if name in seen:
                raise UsageError(f"{path}:{key.start_mark.line + 1}: {name}: key given twice")
            seen.add(name)
            lines.setdefault((*at, name), key.start_mark.line + 1)
            size += len(name) + _note_lines(value, (*at, name), lines, path, sizes)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_note_lines(item, (*at, index), lines, path, sizes) for index, item in enumerate(node.value))
    else:
        size += len(str(node.value))
    if size > MAX_EXPANDED:
        raise UsageError(f"{path}:{line}: grows beyond {MAX_EXPANDED} characters when its aliases are written out")
    sizes[id(node)] = size
    return size


def _key(key: Any, value: Any, path: Path) -> str:
    """The key's text; a key that YAML would take for a number, a date, true or null is text too, as in JSON."""
    where = f"{path}:{key.start_mark.line + 1}"
    if not isinstance(key, yaml.ScalarNode):
        raise UsageError(f"{where}: a key must be text, not a list or an object")
    if key.tag == f"{_PREFIX}merge" and isinstance(value, yaml.SequenceNode):
        raise UsageError(f"{where}: <<: takes one alias, not a list of them")
    if key.tag in [_PREFIX + kind for kind in ("int", "float", "bool", "null", "timestamp")]:
        key.tag = f"{_PREFIX}str"
    return str(key.value)


def validate(
    model: type[Model], path: Path, prepare: Callable[[Document], Mapping[str, Any]] = lambda document: document.data
) -> Model:
    """`path` with what it includes as a `model`; `prepare` may change what was read before it is checked.

    Raises:
        UsageError: one line a finding: `file:line: key: what is wrong; what would be right`.
    """
    document = read(path)
    try:
        return model.model_validate(prepare(document))
    except ValidationError as error:
        raise UsageError("\n".join(_explain(model, finding, document) for finding in _causes(error))) from error


def _causes(error: ValidationError) -> list[Any]:
    """The findings, without those that only say that a default depends on another one."""
    return [finding for finding in error.errors() if finding["type"] != "default_factory_not_called"]


def _explain(model: type[BaseModel], finding: Any, document: Document) -> str:
    location: KeyPath = tuple(finding["loc"])
    where = document.where(location)
    key = ".".join(str(part) for part in location) or "(top level)"
    kind, context = finding["type"], finding.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        hint = suggestion(str(location[-1]), allowed, f"allowed: {', '.join(sorted(allowed))}")
        return f"{where}: {key}: unknown key; {hint}"
    if kind == "missing":
        return f"{where}: {key}: required key is missing"
    if kind == "literal_error":
        return f"{where}: {key}: {finding['input']!r} is not allowed; allowed: {context.get('expected')}"
    shown = repr(finding["input"])
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    message = str(context["error"]) if kind == "value_error" and "error" in context else finding["msg"]
    return f"{where}: {key}: {message} (found {shown})"


def _fields_at(model: type[BaseModel], location: KeyPath) -> list[str]:
    """Names that are allowed at `location` inside `model`, as far as plain nesting tells."""
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        if _is_model(current):
            info = current.model_fields.get(part)
            annotation: Any = info.annotation if info else None
            is_mapping = getattr(annotation, "__origin__", None) is dict and _nested_model(annotation)
            current = annotation if is_mapping else _nested_model(annotation)
        else:  # a mapping, whose keys are anybody's
            current = _nested_model(current)
        if current is None:
            return []
    if not _is_model(current):
        return []
    return [info.alias or name for name, info in current.model_fields.items()]


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    if _is_model(annotation):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _nested_model(argument)
        if found is not None:
            return found
    return None
