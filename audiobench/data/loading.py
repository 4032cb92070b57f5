"""Load a task's samples from wherever its data is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
from msgspec import structs

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list
from audiobench.core.types import Sample
from audiobench.data.joining import check_local
from audiobench.data.layout import is_archive
from audiobench.data.local import local_data, read_local
from audiobench.data.manifests import HubManifest
from audiobench.data.materialise import builtin_rows, hub_folder, hub_rows
from audiobench.data.row_errors import RowError
from audiobench.data.rows import Progress, Row, Rows
from audiobench.data.samples import SampleBuilder, getter
from audiobench.data.selection import select
from audiobench.data.shots import pool
from audiobench.media.contents import contents
from audiobench.task.spec import LOCAL, TaskSpec


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one task that a run uses."""

    samples: list[Sample]
    total: int
    """Rows of the whole data set, before ids, limit and shard."""
    source: str
    """Path, Hub repository or `builtin:NAME`."""
    revision: str | None
    """Resolved commit on the Hub; for a builtin set a digest of its rows and their sound."""
    form: str
    """Which published form the rows have: `main` or a form's name."""
    content_sha256: str
    """Hex digest of (id, targets, question, choices, turns) of the samples, in the order of their ids."""
    notes: list[str] = field(default_factory=list[str])
    """What a reader should know: file taken, tokens neutralised, revision resolved, clips missing."""
    ids: Sequence[str] = ()
    """Of the whole data set."""
    pool: tuple[Sample, ...] = ()
    """Candidates for the answered examples before an item (`num_fewshot`)."""


def load(
    task: TaskSpec,
    task_file: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    ids: Sequence[str] | None = None,
    shard: tuple[int, int] | None = None,
    seed: int = 0,
    shots_seed: int = 0,
    progress: Progress | None = None,
    audio_required: bool = True,
    refresh: bool = False,
    allow_links: bool = False,
) -> Dataset:
    """The samples of `task`, in the data set's order.

    Looks at `data`, AUDIOBENCH_DATA, a local `dataset_path`, `builtin:NAME`, the Hub, in this order. `ids` picks exact
    ids, `limit` a seeded and nested random subset, `shard` (i, n; from 1) one of n disjoint parts of what is left.
    `shots_seed` draws the examples of a task with `num_fewshot`.
    Clips that are not there are a note, and an error when all are missing, unless `audio_required` is False (scoring).
    `refresh` asks the Hub again what an unpinned revision is; `allow_links` follows links out of the data set's folder.

    Raises:
        UsageError: no such data, a row that does not fit the task's columns, an unknown id.
        IncompleteError: the Hub cannot be reached, or its files are not what the task expects.
    """
    rows = only(task, read_rows(task, task_file, data, progress, refresh))
    builder = SampleBuilder(task, rows, allow_links or not audio_required)
    all_ids = builder.ids()
    notes = list(rows.notes)
    if problem := other_size(task, rows):
        if rows.from_hub:
            raise UsageError(f"{problem}; correct dataset_revision or expected_rows in {task_file}")
        notes.append(problem)
    chosen = select(all_ids, ids=ids, limit=limit, shard=shard, seed=seed)
    built: dict[int, Sample] = {}

    def build(number: int) -> Sample:
        if number not in built:  # a row's audio is taken out of it
            built[number] = builder.build(number, all_ids[number])
        return built[number]

    samples = [build(number) for number in chosen]
    candidates = pool(all_ids, task.num_fewshot, shots_seed, build) if task.num_fewshot else ()
    _check_missing(builder, samples, rows, notes, audio_required)
    if builder.neutralised:
        notes.append(f"special tokens in the text of {builder.neutralised} samples were made harmless (`< |x| >`)")
    if builder.unmatched:
        notes.append(f"{len(builder.unmatched)} targets are none of the choices: {', '.join(builder.unmatched)}")
    samples = with_clusters(samples)
    digest = content_sha256(samples)
    return Dataset(samples, len(all_ids), rows.source, rows.revision, builder.form, digest, notes, all_ids, candidates)


def at_hand(task: TaskSpec, task_file: Path, data: Path | None = None) -> bool:
    """Whether the task's rows can be read without a download."""
    local = local_data(task, task_file, data) is not None
    if task.dataset_path.startswith(LOCAL):
        return local
    return local or task.dataset_path.startswith("builtin:") or manifest(task) is not None


def other_size(task: TaskSpec, rows: Rows) -> str | None:
    """What is said of data that has another number of rows than the task expects."""
    if task.expected_rows is None or len(rows.rows) == task.expected_rows:
        return None
    return f"{rows.source}: {len(rows.rows)} rows, the task expects {task.expected_rows}"


def read_rows(
    task: TaskSpec, task_file: Path, data: Path | None, progress: Progress | None, refresh: bool = False
) -> Rows:
    """All rows of the task's data, wherever it is."""
    local = local_data(task, task_file, data)
    if local is not None:
        rows = read_local(local, task)
        check_local(task, rows.rows, str(local))
        return rows

    if task.dataset_path.startswith("builtin:"):
        return builtin_rows(task, task_file, progress)
    if task.dataset_path.startswith(LOCAL):
        raise UsageError(
            f"task {task.task}: no public loader has its data ({task.dataset_path.removeprefix(LOCAL).strip()}); "
            f"give your copy: --data {task.task}=PATH"
        )
    return hub_rows(task, task_file, progress, refresh)


def only(task: TaskSpec, rows: Rows) -> Rows:
    """The rows of the task: the items that they hold (`nested`), each as often as `repeat` says, with what is `derived`,
    and of these what `doc_filter` keeps.
    """
    rows = _repeated(task, _items(task, rows))
    _derive(task, rows)
    if task.doc_filter is None:
        return rows
    keeps = getter(task.doc_filter)
    try:
        kept = [place for place, row in enumerate(rows.rows) if keeps(row)]
    except RowError as error:
        raise UsageError(f"{rows.file}: doc_filter: {error}") from None
    if not kept:
        raise UsageError(f"{rows.file}: doc_filter {task.doc_filter!r} keeps none of the {len(rows.rows)} rows")
    return replace(rows, rows=[rows.rows[place] for place in kept], numbers=[rows.number(place) for place in kept])


def _items(task: TaskSpec, rows: Rows) -> Rows:
    nested = task.nested
    if nested is None:
        return rows
    for column in (nested.item, nested.number):
        if rows.rows and column in rows.rows[0]:
            raise UsageError(f"{rows.file}: nested: the data set has a column {column!r} already")
    read = getter(nested.list)
    items: list[Row] = []
    numbers: list[int] = []
    for place, row in enumerate(rows.rows):
        try:
            found = read(row)
        except RowError as error:
            raise UsageError(f"{rows.file}: row {rows.number(place) + 1}: nested: {error}") from None
        if not is_list(found):
            raise UsageError(
                f"{rows.file}: row {rows.number(place) + 1}: nested: {nested.list!r} must be a list, found {found!r:.80}"
            )
        items += [{**row, nested.item: item, nested.number: number} for number, item in enumerate(found)]
        numbers += [rows.number(place)] * len(found)
    return replace(rows, rows=items, numbers=numbers)


def _derive(task: TaskSpec, rows: Rows) -> None:
    for column, text in task.derived.items():
        if rows.rows and column in rows.rows[0]:
            raise UsageError(f"{rows.file}: derived: the data set has a column {column!r} already")
        read = getter(text)
        for place, row in enumerate(rows.rows):
            try:
                row[column] = read(row)
            except RowError as error:
                raise UsageError(f"{rows.file}: row {rows.number(place) + 1}: derived.{column}: {error}") from None


def _repeated(task: TaskSpec, rows: Rows) -> Rows:
    for column, values in task.repeat.items():
        if rows.rows and column in rows.rows[0]:
            raise UsageError(f"{rows.file}: repeat: the data set has a column {column!r} already")
        places = [(place, value) for place in range(len(rows.rows)) for value in values]
        repeated = [{**rows.rows[place], column: value} for place, value in places]
        rows = replace(rows, rows=repeated, numbers=[rows.number(place) for place, _ in places])
    return rows


def _check_missing(
    builder: SampleBuilder, samples: list[Sample], rows: Rows, notes: list[str], audio_required: bool
) -> None:
    missing = builder.finder.missing
    if not missing:
        return
    example = f"{missing[0]} ({rows.file}: looked for in {rows.base})"
    count = sum(
        len(sample.clips) + len(sample.images) + len(sample.videos) + (sample.reference is not None)
        for sample in samples
    )
    if len(missing) == count and audio_required:
        packed = sorted(path.name for path in rows.base.iterdir() if is_archive(path.name))
        hint = f"; unpack {', '.join(packed)} there" if packed else ""
        raise UsageError(f"no audio: none of the {len(missing)} clips exists, such as {example}{hint}")
    notes.append(f"{len(missing)} of {count} clips are missing, such as {example}")


def with_clusters(samples: list[Sample]) -> list[Sample]:
    """The samples, where several share a clip (its bytes, under whatever path) and the data set says no cluster, with the
    clip's sha256 or path as cluster.
    """
    media = [(*sample.clips, *sample.videos) for sample in samples]
    known = contents(clip for clips in media for clip in clips)
    keys = [
        "\n".join(known[clip.path] for clip in clips) if clips and sample.cluster is None else None
        for sample, clips in zip(samples, media, strict=True)
    ]
    uses = Counter(key for key in keys if key is not None)
    if not uses or max(uses.values()) < 2:
        return samples
    return [
        structs.replace(sample, cluster=clips[0].sha256 or key) if key is not None and uses[key] > 1 else sample
        for sample, clips, key in zip(samples, media, keys, strict=True)
    ]


def content_sha256(samples: Sequence[Sample]) -> str:
    """Hex digest of (id, target, question, choices, turns, spans) of the samples; their order does not matter."""
    digest = hashlib.sha256()
    for sample in sorted(samples, key=lambda sample: sample.id):
        turns = [[[turn.role, turn.text, len(turn.clips)] for turn in sample.turns]] if sample.turns else []
        spans = [[clip.span for clip in sample.clips]] if any(clip.span for clip in sample.clips) else []
        digest.update(orjson.dumps([sample.id, sample.target, sample.question, sample.choices, *turns, *spans]))
        digest.update(b"\n")
    return digest.hexdigest()


def manifest(task: TaskSpec) -> HubManifest | None:
    """The cache manifest of a Hub data set; None before its fetch."""
    folder = hub_folder(task)[2]
    return folder.manifest(HubManifest) if folder else None
