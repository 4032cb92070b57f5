"""Find task files by name: shipped ones, a user's own path, and other packages' by entry point."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiobench.core import given
from audiobench.core.errors import UsageError, suggestion
from audiobench.core.narrow import is_list
from audiobench.task.glance import glance, listed

if TYPE_CHECKING:
    from audiobench.task.spec import TaskSpec

_NAME = re.compile(rb"^(task|group):[ \t]*[\"']?([A-Za-z0-9_][A-Za-z0-9_\-]*)", re.MULTILINE)


def task_roots() -> list[Path]:
    """Folders that hold task files: the checkout's `tasks/`, else the wheel's copy, then entry points."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "tasks"
    shipped = checkout if (package.parent / "pyproject.toml").is_file() and checkout.is_dir() else package / "_tasks"
    return [shipped, *_entry_point_roots()]


def _entry_point_roots() -> Iterator[Path]:
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    for point in entry_points(group="audiobench.tasks"):
        found = find_spec(point.value.split(":")[0])
        for folder in (found.submodule_search_locations if found else None) or []:
            yield Path(folder)


@lru_cache(maxsize=1)
def _files() -> tuple[dict[str, Path], dict[str, Path]]:
    """(tasks, groups): name -> file. Reads only the name line of each file; one without is there to be included."""
    found: dict[str, dict[str, Path]] = {"task": {}, "group": {}}
    for root in task_roots():
        for path in sorted(root.rglob("*.yaml")):
            if named := _named(path):
                kind, name = named
                found[kind].setdefault(name, path)
    return found["task"], found["group"]


def _named(path: Path) -> tuple[str, str] | None:
    """("task" or "group", its name), from the lines alone; None for a file that is there to be included."""
    lines = dict(_NAME.findall(path.read_bytes()))
    kind = b"group" if b"group" in lines else b"task"
    return (kind.decode(), lines[kind].decode()) if kind in lines else None


def task_files() -> dict[str, Path]:
    """Task name -> file, for every shipped and registered task."""
    return _files()[0]


def group_files() -> dict[str, Path]:
    """Group name -> file, for every shipped and registered group."""
    return _files()[1]


def task_name(path: Path) -> str | None:
    """The name that a task file declares; None where it declares none."""
    named = _named(path)
    return named[1] if named and named[0] == "task" else None


def find_task(name: str) -> tuple[TaskSpec, Path]:
    """The task of that name, of that YAML path, or lm-eval's own (`lm_eval:NAME`).

    Raises:
        UsageError: no such task, or its file is not valid.
    """
    if (handed := given.find("task", name)) is not None:
        return handed
    if name.startswith("lm_eval:"):
        from audiobench.task.lm_eval import translate

        return translate(name.removeprefix("lm_eval:"))
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"{name}: no such task file")
    else:
        files = task_files()
        if name not in files:
            tags = {tag for path in files.values() for tag in (*task_tags(path), path.parent.name)}
            hint = suggestion(name, {*files, *group_files(), *tags}, "see `audiobench tasks list`", most=3)
            raise UsageError(f"task {name}: no such task; {hint}")
        path = files[name]
    return read_task(path), path


def read_task(path: Path) -> TaskSpec:
    """The task of a file; a Python file beside it, of a scorer, a normaliser or an extraction rule, gets its whole path.

    Raises:
        UsageError: it is not valid; one line a finding.
    """
    from audiobench.core import strict_yaml  # a list of names needs no pydantic
    from audiobench.task.spec import TaskSpec

    def located(document: strict_yaml.Document) -> dict[str, Any]:
        def beside(value: Any, key: str) -> Any:
            file, _, name = str(value).rpartition(":")
            said_in, _ = document.places.get((key,), (path, 0))
            place = (said_in.parent / file).resolve()
            return f"{place}:{name}" if file.endswith(".py") and place.is_file() else value

        data = document.data
        found = {key: beside(data[key], key) for key in ("scorer", "normalizer") if key in data}
        if is_list(rules := data.get("extraction")):
            found["extraction"] = [beside(rule, "extraction") for rule in rules]
        return {**data, **found}

    return strict_yaml.validate(TaskSpec, path, located)


def expand(names: list[str]) -> list[str]:
    """Task names with groups replaced by their tasks. A group is a file with the key `group` (by name or path), else a
    folder of tasks (`listening`), else a tag (`audio_reasoning`).

    Raises:
        UsageError: a group holds itself.
    """
    return list(dict.fromkeys(task for name in names for task in _expanded(name, ())))


def _expanded(name: str, above: tuple[str, ...]) -> list[str]:
    if name in above:
        raise UsageError(f"group {name}: a circle: {' holds '.join((*above[above.index(name) :], name))}")
    if name.endswith((".yaml", ".yml")) or "/" in name:
        file, members = Path(name), listed(glance(Path(name)).get("task"))
        if not file.is_file() or "group" not in glance(file):
            return [name]
    elif name in task_files():
        return [name]
    elif name in group_files():
        members = listed(glance(group_files()[name]).get("task"))
    else:
        tagged = [task for task, path in task_files().items() if path.parent.name == name]
        return tagged or [task for task, path in task_files().items() if name in task_tags(path)] or [name]
    return [task for member in members for task in _expanded(member, (*above, name))]


def find_tasks(names: list[str]) -> list[tuple[TaskSpec, Path, str]]:
    """The tasks that `--tasks` names: each with its file and the name (or path) that it goes by in a list of its own.

    A file that is named more than once, however its path is spelled, is one task.

    Raises:
        UsageError: no such task, or two files declare the same name: the results of both would lie in one folder.
    """
    found: dict[str, tuple[TaskSpec, Path, str]] = {}
    for name in expand(names):
        task, file = find_task(name)
        before, other, _ = found.setdefault(task.task, (task, file, name))
        if not file.samefile(other) or task != before:
            raise UsageError(
                f"--tasks {','.join(names)}: {other} and {file} both declare task: {task.task}; give one of them "
                "another name, or run them apart"
            )
    return list(found.values())


def task_tags(path: Path) -> list[str]:
    """The tags that a task file declares or includes."""
    return listed(glance(path).get("tag"))
