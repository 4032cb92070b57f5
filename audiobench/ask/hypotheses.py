"""External hypotheses: what another system answered, for protocols that show it to the model (`--external`).

RUN[:CONDITION]     another run's journal; its epochs, in order, are the n-best
column:NAME         a column of the data set: a text, or a list of them, the best first
FILE.jsonl          lines {id, hypotheses: [...]} or {id, text}
model:NAME          a model that is asked first, under <run>/external, once an n-best place
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_sequence
from audiobench.core.types import Condition, Sample
from audiobench.files import run_info
from audiobench.files.run_spec import RunSpec
from audiobench.model.registry import find_model, sha256_of
from audiobench.results import cost
from audiobench.results.runs import Run, Scored, TaskRun
from audiobench.results.selection import chosen, split
from audiobench.task.spec import TaskSpec

Hypotheses = Mapping[str, tuple[str, ...]]
"""Sample id -> what another system answered, the best first."""
FOLDER = "external"
"""Of the run of a model that is asked first, inside of the run directory."""
_COLUMN, _MODEL = "column:", "model:"


@dataclass(frozen=True, slots=True)
class External:
    """What another system answered."""

    texts: Hypotheses
    identity: str
    """Of the source, for a fingerprint: start of the sha256 of all that a run or a file holds, or of the model that is asked
    first; the name of a column, whose content is the data set's.
    """


def find(external: str, task: TaskSpec, samples: Sequence[Sample], folder: Path) -> External:
    """The hypotheses for a task's samples; those of a model that was not asked yet are empty.

    Raises:
        UsageError: the source is not there, or holds none for any of the samples.
    """
    if asks_a_model(external):
        asked, model = folder / FOLDER, find_model(external.removeprefix(_MODEL))
        known = (asked / run_info.FILE).is_file()
        return External(_of_run(str(asked), task, required=False) if known else {}, sha256_of(model)[:8])
    if external.startswith(_COLUMN):
        name = external.removeprefix(_COLUMN)
        found, identity = _of_column(name, task, samples), name
    else:
        found = _of_file(Path(external)) if external.endswith((".jsonl", ".json")) else _of_run(external, task)
        identity = hashlib.sha256(orjson.dumps(sorted(found.items()))).hexdigest()[:8]
    if samples and not any(sample.id in found for sample in samples):
        raise UsageError(
            f"--external {external}: holds no hypothesis for any sample of task {task.task}, such as {samples[0].id}"
        )
    return External(found, identity)


def asks_a_model(external: str | None) -> bool:
    """Whether `--external` names a model, which is asked before the one under test."""
    return external is not None and external.startswith(_MODEL)


def asked_first(options: RunSpec, folder: Path, nbest: int) -> RunSpec | None:
    """The run of a model that is asked before this one, within the same limit of cost; None where `--external` names none."""
    if options.external is None or not asks_a_model(options.external):
        return None
    model = find_model(options.external.removeprefix(_MODEL), base_url=options.external_base_url)
    return RunSpec(
        max_cost=options.max_cost if cost.is_known(model) else None,
        model=options.external.removeprefix(_MODEL), tasks=options.tasks, limit=options.limit, ids=options.ids,
        shard=options.shard, data=options.data, allow_links=options.allow_links, epochs=nbest, seed=options.seed,
        base_url=[options.external_base_url] if options.external_base_url else [], out=folder / FOLDER,
        max_concurrency=options.max_concurrency, attempts=options.attempts, timeout=options.timeout, quiet=options.quiet,
    )  # fmt: skip


def _of_column(name: str, task: TaskSpec, samples: Sequence[Sample]) -> Hypotheses:
    found: dict[str, tuple[str, ...]] = {}
    for sample in samples:
        if name not in sample.doc:
            known = ", ".join(map(str, sample.doc)) or "none"
            raise UsageError(
                f"--external column:{name}: task {task.task}: sample {sample.id} has no such column; it has: {known}"
            )
        if texts := _texts(sample.doc[name]):
            found[sample.id] = texts
    return found


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if is_sequence(value) else [value]
    return tuple(str(text) for text in listed if text is not None and str(text).strip())


def _of_file(path: Path) -> Hypotheses:
    found: dict[str, tuple[str, ...]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"--external {path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
            texts = _texts(row["hypotheses"] if "hypotheses" in row else row["text"])
            if texts:
                found[str(row["id"])] = texts
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise UsageError(
                f"{path}:{number}: a line is a JSON object with `id` and `hypotheses` (a list), or `text`"
            ) from None
    return found


def _of_run(text: str, task: TaskSpec, *, required: bool = True) -> Hypotheses:
    path, wanted = split(text)
    run = Run.open(path)
    if task.task not in run.tasks:
        if not required:
            return {}
        raise UsageError(f"--external {text}: has no task {task.task}; it has: {', '.join(run.tasks) or 'none'}")
    task_run = run.tasks[task.task]
    kept = [how for how in task_run.conditions if chosen(how, wanted) and how.option_order == 0]
    if len(kept) != 1:
        have = "; ".join(how.label for how in task_run.conditions)
        raise UsageError(f"--external {text}: name one of its conditions, as RUN:think=on,audio=full; it has: {have}")
    found: dict[str, dict[int, str]] = {}
    for scored in _answered(task_run, kept[0]):
        found.setdefault(scored.id, {})[scored.epoch] = _answer(scored)
    return {sample: tuple(text for _, text in sorted(by_epoch.items())) for sample, by_epoch in found.items()}


def _answered(task_run: TaskRun, condition: Condition) -> Iterable[Scored]:
    return (
        scored
        for scored in task_run.scored(condition)
        if scored.record.response is not None and scored.record.text.strip()
    )


def _answer(scored: Scored) -> str:
    """The option that was chosen, by its text; else what was written."""
    index, choices = scored.outcome.extracted.index, scored.shown.choices
    option = choices[index] if index is not None and index < len(choices) else None
    return option if option is not None else scored.record.text.strip()
