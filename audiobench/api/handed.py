"""Models, scorers and tasks of the caller's own, handed over as Python objects."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import PrivateAttr, ValidationError

from audiobench.core import given
from audiobench.core.errors import UsageError
from audiobench.model.from_python import FromPython
from audiobench.model.spec import ModelSpec
from audiobench.scorers import find_scorer
from audiobench.scorers import own as own_scorers
from audiobench.task.find import find_task
from audiobench.task.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class Task:
    """A task whose file was changed in Python; goes into the `tasks` of a run."""

    name: str
    """By which it is found in this process."""
    spec: TaskSpec

    def __repr__(self) -> str:
        return f"Task({self.spec.task}, scorer={self.spec.scorer})"


class _OwnModel(ModelSpec):
    """A declaration that knows its object: another of the same name may have been handed over since."""

    _made: FromPython | None = PrivateAttr(None)

    def give(self, made: Any = None) -> None:
        """Let its object, from now on `made` where that is said, be the one of this name."""
        if made is not None:
            self._made = FromPython(self, made)
        given.give("model", self.adapter, self._made)


def own_model(made: Any, *, name: str | None = None, **declared: Any) -> ModelSpec:
    """A model that is a function, or an object with a method `generate`.

    It is called as `made(request)`, or `await`ed where it is async, with a `Request` (`request.text`, `request.audio[0].data`
    as an encoded file) and returns the answer as text, or as a `Response`. A plain function is called in threads, as many at
    once as `max_concurrency` allows.

    Args:
        made: the function or object. Its own source code, its attribute `version` where it has one, and the texts and numbers
            that a function was made with are part of its identity: a changed function is asked anew. What it calls and what
            the object holds are not seen; change `version` when these change.
        name: of the model in results; default: the function's or class's name.
        declared: what a model file can say: `audio={"formats": ["wav"], "sample_rate": 16000}`, `thinking={...}`.

    Returns:
        Its declaration, to be handed to `run`.

    Raises:
        UsageError: it cannot be called, its source cannot be read, or the declaration is not valid.
    """
    if not callable(getattr(made, "generate", made)):
        raise UsageError(f"model {given.label_of(made)}: must be a function, or an object with a method `generate`")
    label = name or given.label_of(made)
    digest = given.digest_of(made)
    told = orjson.dumps([digest, label, declared], option=orjson.OPT_SORT_KEYS, default=str)
    key = given.name_of(label, hashlib.sha256(told).hexdigest())
    document = {"name": given.label_in(key), "served_model": label, "max_concurrency": 16, **declared, "adapter": key}
    document["options"] = {**declared.get("options", {}), "code_sha256": digest}
    try:
        spec = _OwnModel.model_validate(document)
    except ValidationError as error:
        raise UsageError(f"model {label}: {_first(error)}") from None
    spec.give(made)
    return spec


def own_task(named: str | os.PathLike[str], *, scorer: Any = None, **changes: Any) -> Task:
    """A task with some of its keys changed, or scored by a function or object of one's own.

    Args:
        named: name of a task, or path of a task file.
        scorer: a function of (text of the response, sample) that returns a number from 0 to 1, a subclass of
            `audiobench.Metric` with a method `score`, or the name of a scorer.
        changes: keys of a task file with their new values (`chance=0.25`). A new `task` gives it a name of its own.

    Raises:
        UsageError: no such task, the scorer does not work, or a value is not valid.
    """
    spec, file = find_task(os.fspath(named))
    if scorer is not None:
        changes["scorer"] = scorer if isinstance(scorer, str) else _scorer(scorer)
        for follows in ("extraction", "metric_list"):  # by default what the scorer says
            changes.setdefault(follows, None)
    kept = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document = {key: value for key, value in {**kept, **changes}.items() if value is not None}
    try:
        changed = TaskSpec.model_validate(document)
    except ValidationError as error:
        raise UsageError(f"task {spec.task}: {_first(error)}") from None
    told = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    name = given.name_of(changed.task, told)
    given.give("task", name, (changed, file))
    return Task(name, changed)


def model_name(wanted: Any) -> str:
    """What `RunSpec.model` says of a model, given by name, path, declaration or as an object."""
    if isinstance(wanted, str | os.PathLike):
        return os.fspath(wanted)
    if isinstance(wanted, _OwnModel):
        wanted.give()
        return wanted.adapter
    if isinstance(wanted, ModelSpec):
        if given.find("model", wanted.adapter) is None:
            raise UsageError(f"model {wanted.name}: name it, or give the path of its file")
        return wanted.adapter
    return own_model(wanted).adapter


def task_names(wanted: str | os.PathLike[str] | Task | Sequence[str | os.PathLike[str] | Task]) -> list[str]:
    """What `RunSpec.tasks` says of tasks and groups, given by name, path or from `own_task`."""
    if isinstance(wanted, str):
        return wanted.split(",")
    several = [wanted] if isinstance(wanted, os.PathLike | Task) else wanted
    return [one.name if isinstance(one, Task) else os.fspath(one) for one in several]


def _scorer(made: Any) -> str:
    name = given.name_of(given.label_of(made), given.digest_of(made))
    given.give("scorer", name, made)
    own_scorers.find.cache_clear()
    find_scorer.cache_clear()
    find_scorer(name)  # says what is wrong with it
    return name


def _first(error: ValidationError) -> str:
    found: Mapping[str, Any] = error.errors()[0]  # type: ignore[assignment]
    place = ".".join(map(str, found["loc"]))
    return f"{place}: {found['msg']}" if place else str(found["msg"])
