"""Join the shards of a run: an idempotent union of their journals, whatever the order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import convert, structs, to_builtins

from audiobench.core.disk import write_whole
from audiobench.core.errors import NotComparableError, UsageError
from audiobench.core.narrow import is_mapping
from audiobench.core.types import Condition
from audiobench.data.loading import content_sha256
from audiobench.files import embeddings, journal, records, run_info, summary_entry, turns
from audiobench.files import plan as plans
from audiobench.files.annotations import Annotation, Judgement, Measured, Note, Reading, Slot, Transcript
from audiobench.files.plan import DataFacts
from audiobench.files.records import Record
from audiobench.files.run_info import RunInfo
from audiobench.files.summary_entry import SummaryEntry
from audiobench.files.turns import AnsweredTurn
from audiobench.results.runs import Run, TaskRun
from audiobench.results.submission import write_submission
from audiobench.results.summary import summarise

COMMAND = ["audiobench", "merge"]
"""`command` in the run.json of a merged run."""
_ALIKE = ("fingerprint", "protocols", "epochs", "seed", "overrides")


class Merged(NamedTuple):
    """What a merge came to."""

    summaries: list[SummaryEntry]
    missing: dict[str, list[str]]
    """Task -> shards that no run held (`2/4`), for tasks that are not whole."""


def merge(runs: Sequence[Run], out: Path) -> Merged:
    """Write the union of `runs` to the run directory `out`.

    Merging in any order, or again, or a merged run with further shards, gives the same files: records are ordered by
    sample id, condition and epoch, and where two runs answered the same, the later answer stays. `shard` in the plan
    is None once every shard is there, else `[[the shards that are], count]`.

    Raises:
        NotComparableError: the runs differ in model, prompt, extraction, scorer, data, conditions, epochs or in the
            number of shards.
        UsageError: `out` holds something else than the result of an earlier merge.
    """
    first = runs[0]
    for other in runs[1:]:
        if other.info.model.sha256 != first.info.model.sha256:
            raise NotComparableError(f"{other.folder}: another model than {first.folder} (model sha256 differs)")
    names = sorted({name for run in runs for name in run.tasks})
    parts = {name: [run.tasks[name] for run in runs if name in run.tasks] for name in names}
    for found in parts.values():
        _check_alike(found)
    held = {name: _held(found) for name, found in parts.items()}
    _check_out(out, names)
    out.mkdir(parents=True, exist_ok=True)
    lock = journal.RunLock(out)
    try:
        summaries: list[SummaryEntry] = []
        for name in names:
            merged = _merge_task(parts[name], held[name], out / name)
            entries = summarise(merged)
            summary_entry.write(merged.folder, entries)
            summaries.extend(entries)
            if merged.task.answers_withheld:
                write_submission(merged)
        run_info.write(out, _info([run.info for run in runs], out, names))
    finally:
        lock.release()
    missing = {}
    for name, (shards, count) in held.items():
        absent = [f"{shard}/{count}" for shard in range(1, count + 1) if shard not in shards]
        if absent:
            missing[name] = absent
    return Merged(summaries, missing)


def _check_alike(parts: Sequence[TaskRun]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for key in _ALIKE:
            here, there = getattr(part.plan, key), getattr(first.plan, key)
            if here != there:
                if is_mapping(here):
                    name = min(n for n in {*here, *there} if here.get(n) != there.get(n))
                    key, here, there = f"{key}: {name}", here.get(name), there.get(name)
                raise NotComparableError(f"{part.folder}: {key} differs from {first.folder}: {here} and {there}")
        left, right = ([how for how in run.conditions if not how.option_order] for run in (part, first))
        if left != right:
            here, there = ("; ".join(how.label for how in side) for side in (left, right))
            raise NotComparableError(f"{part.folder}: conditions differ from {first.folder}: {here} and {there}")


def _check_out(out: Path, names: Sequence[str]) -> None:
    if not (out / run_info.FILE).is_file():
        return
    if run_info.read(out).command != COMMAND:
        raise UsageError(f"--out {out}: holds a run of its own; name a new directory, or one that a merge has written")
    others = sorted({path.parent.name for path in out.glob("*/plan.json")} - set(names))
    if others:
        raise UsageError(f"--out {out}: holds a merge of other tasks ({', '.join(others)}); name a new directory")


def _held(parts: Sequence[TaskRun]) -> tuple[set[int], int]:
    """Which shards the runs hold, and of how many; a run that is no shard is the whole, ({1}, 1).

    Raises:
        NotComparableError: they are shards of different numbers.
    """
    shards: set[int] = set()
    counts: dict[int, Path] = {}
    for part in parts:
        if part.plan.shard is not None:
            index, count = part.plan.shard
            counts.setdefault(count, part.folder)
            shards |= {index} if isinstance(index, int) else set(index)
    if len(counts) > 1:
        shown = ", ".join(f"{folder} is one of {count}" for count, folder in sorted(counts.items()))
        raise NotComparableError(f"shards of different numbers do not make one run: {shown}")
    if not counts or any(part.plan.shard is None for part in parts):
        return {1}, 1
    return shards, next(iter(counts))


def _merge_task(parts: Sequence[TaskRun], held: tuple[set[int], int], folder: Path) -> TaskRun:
    first = parts[0]
    shards, count = held
    widest = max(parts, key=lambda part: len(part.conditions))  # a shard has as many option orders as its items allow
    answered = _latest(parts, widest.conditions)
    ids = sorted({sample for part in parts for sample in part.plan.ids})
    plan = structs.replace(
        min((part.plan for part in parts), key=lambda plan: _canonical(plan.task)),
        ids=ids,
        conditions=widest.conditions,
        fewer_orders=_fewer_orders(parts),
        shard=None if len(shards) == count else (sorted(shards), count),
    )
    if plan.dataset is not None:
        data = _joined([to_builtins(part.plan.dataset) for part in parts if part.plan.dataset is not None])
        plan.dataset = convert({**data, "content_sha256": _content_sha256(answered, ids)}, DataFacts)
    plans.write(folder, plan)
    journal.write_lines(folder / records.FILE, answered)
    for kind, lines_of in (
        (Judgement, TaskRun.judgements),
        (Transcript, TaskRun.transcripts),
        (Reading, TaskRun.readings),
    ):
        lines = _union(parts, lines_of)
        if lines or (folder / kind.FILE).exists():
            journal.write_lines(folder / kind.FILE, lines)
    open_turns = _open_turns(parts, answered)
    if open_turns or (folder / turns.FILE).exists():
        journal.write_lines(folder / turns.FILE, open_turns)
    columns = sorted({name for part in parts for name in part.notes()})
    if notes := [line for name in columns for line in _union(parts, _notes_of(name))]:
        journal.write_lines(folder / Note.FILE, notes)
    measures = sorted({name for part in parts for name in part.measurements().by_measure})
    if measured := [line for name in measures for line in _union(parts, _measured_by(name))]:
        journal.write_lines(folder / Measured.FILE, measured)
        _link([part.folder / embeddings.FOLDER for part in parts], folder / embeddings.FOLDER)
    if first.task.protocol == "realtime" or first.task.answer == "audio":
        _link([part.folder.parent / "answers" for part in parts], folder.parent / "answers")
    return TaskRun(folder, plan, first.task)


def _open_turns(parts: Iterable[TaskRun], answered: Iterable[Record]) -> list[AnsweredTurn]:
    """Answered turns of exchanges that no run has finished, each once, ordered."""
    finished = {record.slot for record in answered if record.response is not None}
    lines = {
        _canonical(line): line
        for part in parts
        for line in turns.read(part.folder)
        if (line.id, line.condition, line.epoch) not in finished
    }
    return [line for _, line in sorted(lines.items(), key=lambda entry: (entry[1].id, entry[1].number, entry[0]))]


def _fewer_orders(parts: Sequence[TaskRun]) -> dict[str, int]:
    """Option orders of the samples that have fewer than the whole: those of their shard, unless they have fewer still."""
    orders: dict[str, int] = {}
    for part in parts:
        of_shard = 1 + max(condition.option_order for condition in part.conditions)
        orders |= {sample: part.plan.fewer_orders.get(sample, of_shard) for sample in part.plan.ids}
    most = max(orders.values(), default=1)
    return {sample: count for sample, count in sorted(orders.items()) if count < most}


def _latest(parts: Iterable[TaskRun], conditions: Sequence[Condition]) -> list[Record]:
    """One record a slot, ordered: one with a response before one without, then the later one."""
    best: dict[tuple[str, int, int], tuple[Any, Record]] = {}
    places = {condition: place for place, condition in enumerate(conditions)}
    for part in parts:
        for record in part.records():
            slot = (record.id, places[record.condition], record.epoch)
            rank = (record.response is not None, record.time, _canonical(record))
            if slot not in best or rank > best[slot][0]:
                best[slot] = (rank, record)
    return [best[slot][1] for slot in sorted(best)]


def _content_sha256(answered: Iterable[Record], ids: Sequence[str]) -> str | None:
    """The data set's own digest of these samples; None unless every sample was asked in its published order."""
    shown = {r.id: r for r in answered if r.sample and not r.condition.option_order}
    return content_sha256([record.shown() for record in shown.values()]) if len(shown) == len(ids) else None


def _notes_of(column: str) -> Callable[[TaskRun], Mapping[Slot, Note]]:
    return lambda part: part.notes().get(column, {})


def _measured_by(measure: str) -> Callable[[TaskRun], Mapping[Slot, Measured]]:
    return lambda part: part.measurements().by_measure.get(measure, {})


def _union(parts: Iterable[TaskRun], lines_of: Callable[[TaskRun], Mapping[Slot, Annotation]]) -> list[Annotation]:
    """One line a slot, ordered; of two, one with a value."""
    best: dict[Slot, tuple[Any, Annotation]] = {}
    for part in parts:
        for slot, line in lines_of(part).items():
            rank = (getattr(line, "value", None) is not None, _canonical(line))
            if slot not in best or rank > best[slot][0]:
                best[slot] = (rank, line)
    return [best[slot][1] for slot in sorted(best)]


def _info(infos: Sequence[RunInfo], out: Path, names: Sequence[str]) -> RunInfo:
    """run.json of the union; run id and served models (answers of each) are made from the merged journals."""
    digest = hashlib.sha256()
    served: Counter[str] = Counter()
    for name in names:
        for record in records.read(out / name / records.FILE):
            digest.update(_canonical(record))
            served.update([record.response.served_model] if record.response and record.response.served_model else [])
    return RunInfo(
        schema_version=run_info.SCHEMA_VERSION,
        run_id=digest.hexdigest()[:16],
        name=infos[0].name if len({info.name for info in infos}) == 1 else "",
        created=0.0,
        updated=0.0,
        versions=_joined([info.versions for info in infos]),
        model=min((info.model for info in infos), key=lambda model: _canonical(model.declared)),
        tasks=list(names),
        base_urls=sorted({url for info in infos for url in info.base_urls}),
        command=COMMAND,
        host=_joined([info.host for info in infos]),
        served_models=dict(sorted(served.items())),
    )


def _joined(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One mapping of several: lists are joined, texts that differ stand beside each other."""
    found: dict[str, Any] = {}
    for key in sorted({key for value in values for key in value}):
        held = [value[key] for value in values if key in value]
        if all(item == held[0] for item in held):
            found[key] = held[0]
        elif all(isinstance(item, Mapping) for item in held):
            found[key] = _joined(held)
        elif all(isinstance(item, list) for item in held):
            found[key] = sorted({text for item in held for text in item}, key=str)
        elif all(isinstance(item, str) for item in held):
            found[key] = ", ".join(sorted({text for item in held for text in item.split(", ")}))
        else:
            found[key] = max(held, key=_canonical)
    return found


def _link(folders: Sequence[Path], out: Path) -> None:
    """Files that are named by what is in them (answers in sound, vectors): linked where the file system can, else copied."""
    for folder in folders:
        for file in folder.glob("*.*"):
            target = out / file.name
            if target.exists():
                continue
            target.parent.mkdir(exist_ok=True)
            try:
                target.hardlink_to(file)
            except OSError:
                write_whole(target, file.read_bytes())


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
