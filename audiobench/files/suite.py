"""Suites: one YAML that says models x tasks x conditions, as a table in a paper has them.

    models:
      - step-audio-r1
      - {model: gemini-2.5-pro, think: default, max_cost: 20}
    tasks: [mmau, mmsu, {task: wildspeech, judge: gpt-5.4-mini}]
    think: [on, off]

Every other key is an option of `audiobench run`, by the name of its flag. At the top it holds for every run; in an
entry of `tasks` or `models` for that entry alone. Tasks that a model runs with the same options make one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from audiobench.core import strict_yaml
from audiobench.core.errors import UsageError, suggestion
from audiobench.core.narrow import is_list, is_object
from audiobench.core.strict_yaml import KeyPath
from audiobench.files.run_spec import RunSpec, options

ENTRIES = {"models": "model", "tasks": "task"}
"""Key of the file -> key that an entry with options of its own names itself by."""
_MERGED = ("gen", "data")


def read(file: Path, given: Mapping[str, Any]) -> list[RunSpec]:
    """The runs of a suite, models in order.

    Paths in the file are relative to the file, but for `out`: the runs' directories are `<out>/<model>/<run>`.

    Args:
        file: the YAML.
        given: options from the command line, which win over the file's.

    Raises:
        UsageError: `file:line: key: what is wrong; what would be right`.
    """
    return _Suite(file).runs(given)


class _Suite:
    """A suite file that is being read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.options = {option.name: option for option in options() if option.name not in ("model", "tasks")}
        self.data, self.lines = strict_yaml.load(file)
        if not isinstance(self.data, dict):
            raise UsageError(f"{file}:1: a suite has the keys models and tasks, found {type(self.data).__name__}")

    def runs(self, given: Mapping[str, Any]) -> list[RunSpec]:
        """Every run: for each model, its tasks by equal options."""
        common = self._read({key: item for key, item in self.data.items() if key not in ENTRIES}, (), tuple(ENTRIES))
        models, tasks = self._entries("models"), self._entries("tasks")
        found: list[RunSpec] = []
        for model, own in models:
            groups: dict[bytes, tuple[dict[str, Any], list[str]]] = {}
            for task, of_task in tasks:
                values = _joined(common, of_task, own, given)
                groups.setdefault(_digest(values), (values, []))[1].append(task)
            found += [RunSpec(model=model, tasks=names, **values) for values, names in groups.values()]
        return found

    def _entries(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """(name, own options) of each model or task."""
        entries = self.data.get(key)
        if entries is None:
            raise self._wrong((key,), "required key is missing" if key not in self.data else "must be a list of names")
        if not is_list(entries) or not entries:
            raise self._wrong((key,), f"{_shown(entries)}: must be a list of names")
        kind = next(option.kind for option in options() if option.name == ("model" if key == "models" else "tasks"))
        found: list[tuple[str, dict[str, Any]]] = []
        for index, entry in enumerate(entries):
            at: KeyPath = (key, index)
            own: dict[str, Any] = {}
            if is_object(entry):
                name = entry.get(ENTRIES[key])
                if name is None:
                    raise self._wrong(at, f"an entry with options of its own needs the key {ENTRIES[key]}")
                own = self._read({k: v for k, v in entry.items() if k != ENTRIES[key]}, at, (ENTRIES[key],))
            else:
                name = entry
            if not isinstance(name, str) or not name.strip() or (key == "tasks" and "," in name):
                raise self._wrong(at, f"{_shown(name)}: must be one name")
            name = (
                kind.rebased(name, self.file.parent) if key == "models" else kind.rebased([name], self.file.parent)[0]
            )
            if any(name == other and (key == "tasks" or own == others) for other, others in found):
                raise self._wrong(at, f"{name}: stands here twice")
            found.append((name, own))
        return found

    def _read(self, values: Mapping[str, Any], at: KeyPath, also: tuple[str, ...]) -> dict[str, Any]:
        """Options in their one form."""
        found: dict[str, Any] = {}
        for key, value in values.items():
            if key not in self.options:
                allowed = [*also, *self.options]
                hint = suggestion(key, allowed, f"allowed: {', '.join(allowed)}")
                raise self._wrong((*at, key), f"unknown key; {hint}")
            try:
                found[key] = self.options[key].kind.read_in(value, self.file.parent)
            except ValueError as error:
                raise self._wrong((*at, key), str(error)) from error
        return found

    def _wrong(self, at: KeyPath, message: str) -> UsageError:
        known = at
        while known and known not in self.lines:
            known = known[:-1]
        return UsageError(f"{self.file}:{self.lines.get(known, 1)}: {'.'.join(map(str, at))}: {message}")


def _joined(*levels: Mapping[str, Any]) -> dict[str, Any]:
    """The levels' options, a later level's winning; parameters and data are joined key by key."""
    found: dict[str, Any] = {}
    for level in levels:
        for key, value in level.items():
            found[key] = {**found.get(key, {}), **value} if key in _MERGED else value
    return found


def _digest(values: Mapping[str, Any]) -> bytes:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS, default=str)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
