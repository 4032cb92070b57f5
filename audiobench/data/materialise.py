"""Bring a data set into the cache once: rows without audio, clips as files. Later runs read `rows.jsonl` only."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import posixpath
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from audiobench.core.cache_place import cache_root
from audiobench.core.disk import replacing
from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object
from audiobench.data.archives import unpack
from audiobench.data.cache import CacheFolder, explained
from audiobench.data.hub import HubRepository, record_commit, recorded_commit
from audiobench.data.joining import join_rows, partners
from audiobench.data.layout import ROWS, files_of_split, is_archive, splits_of
from audiobench.data.manifests import BuiltinManifest, HubFile, HubManifest, LocalManifest
from audiobench.data.parquet import parquet_rows, without_audio
from audiobench.data.row_errors import RowError
from audiobench.data.rows import CLIPS, IMAGES, VIDEOS, ClipRecord, Progress, Row, Rows, name_files, read_text_rows
from audiobench.data.samples import choose_form, getter
from audiobench.media import made_sounds
from audiobench.media.raw import FileState
from audiobench.task.spec import TaskSpec

DOWNLOADS = 8
"""Files fetched at a time."""

Result = TypeVar("Result")


def _key(*parts: Any) -> str:
    return hashlib.sha256(orjson.dumps(parts, default=str)).hexdigest()[:8]


# ---- files on this machine -------------------------------------------------------------------------------------------


def local_parquet(path: Path, root: Path, files: Sequence[Path], task: TaskSpec, notes: list[str]) -> Rows:
    """The rows of parquet files on this machine; embedded clips go into the cache, once for each state of the files."""
    states = tuple((str(file.resolve()), FileState.of(file.stat())) for file in files)
    known = [[name, *state] for name, state in states]
    folder = CacheFolder(cache_root() / "local" / f"{task.task}-{_key(known, *filter(None, [task.file_column]))}")
    if not folder.complete:
        with folder.building():
            if not folder.complete:
                named = [(file.relative_to(root).as_posix(), file) for file in files]
                rows = (row for _, row in _rows_of_files(named, folder, task))
                folder.finish(rows, LocalManifest(source=str(path), files=states))
    rows = folder.rows()
    if not rows:
        raise UsageError(f"{files[0]}: no rows in it")
    for row in rows:  # clips lie in the cache, paths that the data set itself holds are relative to its own folder
        for value in row.values():
            _make_absolute(value, folder.path)
    return Rows(rows, files[0], root, (root, folder.path), str(path), notes=notes)


def _make_absolute(value: Any, folder: Path) -> None:
    if is_object(value) and "sha256" in value and str(value.get("path")).startswith("audio/"):
        value["path"] = f"{folder}/{value['path']}"
    elif is_object(value) or is_list(value):
        for item in value.values() if is_object(value) else value:
            _make_absolute(item, folder)


def _rows_of_files(files: Sequence[tuple[str, Path]], folder: CacheFolder, task: TaskSpec) -> Iterator[tuple[str, Row]]:
    """(name, row) for each row of the files, embedded audio stored, with a column `split` where there are several."""
    splits = splits_of(task)
    for name, path in files:
        if path.suffix == ".parquet":
            rows: Iterator[Row] = parquet_rows(path, folder.store)
        else:
            rows = (row for _, found in read_text_rows([path], task.list_column) for row in found)
        label = _split_label(name, splits)
        for row in rows:
            if label is not None:
                row.setdefault("split", label)
            name_files([row], task.file_column, name)
            yield name, row


def _split_label(name: str, splits: list[str]) -> str | None:
    if len(splits) < 2:
        return None
    return max((split for split in splits if split in name), key=len, default=None)


# ---- builtin sets ----------------------------------------------------------------------------------------------------


def builtin_rows(task: TaskSpec, task_file: Path, progress: Progress | None) -> Rows:
    """The rows of a generated set; clips are made once for each state of the generator and its arguments. The revision is
    a digest of the rows and their sound, so that results stay comparable where the generator's text alone has changed.

    Raises:
        UsageError: no such builtin set, or arguments that its generator does not take.
    """
    name = task.dataset_path.removeprefix("builtin:")
    if name not in ("listening", "made_sounds"):
        raise UsageError(
            f"{task_file}: dataset_path {task.dataset_path}: builtin sets are builtin:listening and builtin:made_sounds"
        )
    arguments = {key: value for key, value in task.dataset_kwargs.items() if key != "unmatched_targets"}
    sources = sorted((Path(__file__).resolve().parent / name).glob("*.py"))
    if name == "made_sounds":
        sources = [Path(made_sounds.__file__)]
    state = hashlib.sha256(orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS))
    for source in sources:
        state.update(source.read_bytes())
    folder = CacheFolder(cache_root() / "builtin" / f"{name}-{state.hexdigest()[:16]}")
    manifest = folder.manifest(BuiltinManifest)
    if manifest is None:
        with folder.building():
            manifest = folder.manifest(BuiltinManifest)  # another process may have been faster
            if manifest is None:
                rows = list(_generated(name, arguments, folder, task_file, progress))
                manifest = BuiltinManifest(
                    source=task.dataset_path, content_sha256=_content_sha256(rows), arguments=arguments
                )
                folder.finish(rows, manifest)
    path = folder.path
    return Rows(folder.rows(), path / "rows.jsonl", path, (path,), task.dataset_path, manifest.content_sha256)


def _content_sha256(rows: Iterable[Row]) -> str:
    """Hex digest of rows, whose clips stand in them with the sha256 of their bytes; the order of columns does not matter."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def _generated(
    name: str, arguments: dict[str, Any], folder: CacheFolder, task_file: Path, progress: Progress | None
) -> Iterator[Row]:
    from audiobench.data import listening

    try:
        rows = (made_sounds if name == "made_sounds" else listening).rows(**arguments)
        for number, row in enumerate(rows, 1):
            if progress:
                progress("making clips", number, 0)
            yield {column: without_audio(value, folder.store) for column, value in row.items()}
    except (TypeError, ValueError) as error:
        raise UsageError(f"{task_file}: dataset_kwargs {arguments}: {error}") from None


# ---- the Hub ---------------------------------------------------------------------------------------------------------


def hub_folder(task: TaskSpec) -> tuple[Path, str, CacheFolder | None]:
    """(the repository's place in the cache, revision asked for, the folder at its commit if that is known)."""
    place = cache_root() / task.dataset_path.replace("/", "--")
    revision = task.dataset_revision or "main"
    commit = recorded_commit(place, revision)
    return place, revision, None if commit is None else _folder_at(task, place, commit)


def _folder_at(task: TaskSpec, place: Path, commit: str) -> CacheFolder:
    forms = (task, *task.forms)
    audio = [form.doc_to_audio for form in forms]
    audio += [template for form in forms for template in (form.doc_to_image, form.doc_to_video) if template]
    key = _key(
        task.dataset_name,
        splits_of(task),
        task.data_files,
        task.audio_files,
        audio,
        *([task.join.model_dump()] if task.join else []),
        *([task.file_column] if task.file_column else []),
        *([task.list_column] if task.list_column else []),
        *([task.repeat] if _by_repetition(task) else []),
    )
    label = "+".join(splits_of(task))[:60].replace("/", "_")
    return CacheFolder(place / commit / f"{label}-{key}")


def _by_repetition(task: TaskSpec) -> bool:
    """Whether which clips a row has, or their order, depends on how often it was asked."""
    return any(column in (task.doc_to_audio or "") for column in task.repeat)


def hub_rows(task: TaskSpec, task_file: Path, progress: Progress | None = None, refresh: bool = False) -> Rows:
    """The rows of a Hub data set; fetched at the first use, from the cache afterwards, without any network.

    `refresh` asks the Hub again what a branch or tag points to.

    Raises:
        UsageError: no such repository, revision or file; access refused; files that do not fit the task.
        IncompleteError: the Hub cannot be reached, or the cache cannot be written.
    """
    place, revision, folder = hub_folder(task)
    manifest = folder.manifest(HubManifest) if folder is not None and not refresh else None
    if folder is None or manifest is None:
        repository = HubRepository(task.dataset_path, task.task)
        commit = None if refresh else recorded_commit(place, revision)
        commit, files = repository.resolve(commit or revision)
        if commit != revision:
            with explained(place):
                record_commit(place, revision, commit)
        folder = _folder_at(task, place, commit)
        with folder.building():
            manifest = folder.manifest(HubManifest)
            manifest = manifest or _fetch(task, repository, revision, commit, files, folder, progress)
    notes: list[str] = []
    if manifest.revision != task.dataset_revision:
        notes.append(
            f"dataset_revision is {task.dataset_revision or 'not pinned'}: {manifest.requested} was resolved to "
            f"{manifest.revision} and stays that on this machine"
        )
    if task.join is not None and manifest.unjoined:
        notes.append(
            f"{manifest.unjoined} rows are left out: configuration {task.join.dataset_name} has no such {task.join.on}"
        )
    path = folder.path
    return Rows(folder.rows(), path / "rows.jsonl", path, (path,), task.dataset_path, manifest.revision, True, notes)


def _fetch(
    task: TaskSpec,
    repository: HubRepository,
    revision: str,
    commit: str,
    files: list[HubFile],
    folder: CacheFolder,
    progress: Progress | None,
) -> HubManifest:
    listing = {file.path: file for file in files}
    chosen = _row_files(task, list(listing))
    used = list(dict.fromkeys(chosen))
    local = _in_parallel(lambda name: (name, repository.download(name, commit)), used, "downloading", progress)
    rows, bases = list[Row](), list[str]()
    for name, row in _rows_of_files(local, folder, task):
        rows.append(row)
        bases.append(posixpath.dirname(name))
        if progress and len(rows) % 100 == 0:
            progress("reading rows", len(rows), 0)
    if not rows:
        raise UsageError(f"Hub data set {task.dataset_path}: no rows in {', '.join(used)}")
    unjoined = 0
    if task.join is not None:
        where = f"Hub data set {task.dataset_path}"
        other = [
            n for split in splits_of(task) for n in files_of_split(list(listing), split, task.join.dataset_name, where)
        ]
        there = _in_parallel(lambda name: repository.download(name, commit), other, "downloading", progress)
        joined = join_rows(task.join, rows, partners(task.join, there), where)
        bases = [base for base, row in zip(bases, joined, strict=True) if row is not None]
        rows = [row for row in joined if row is not None]
        unjoined = len(joined) - len(rows)
        used += other
    audio = _AudioFiles(task, repository, commit, listing, folder, progress)
    used += audio.attach(rows, bases)
    return folder.finish(
        rows,
        HubManifest(
            repo=task.dataset_path,
            config=task.dataset_name,
            split=task.test_split,
            requested=revision,
            revision=commit,
            files=tuple(listing[name] for name in used),
            unjoined=unjoined,
        ),
    )


def _in_parallel(
    work: Callable[[str], Result], names: Sequence[str], what: str, progress: Progress | None
) -> list[Result]:
    from concurrent.futures import ThreadPoolExecutor

    results: list[Result] = []
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        for result in pool.map(work, names):
            results.append(result)
            if progress:
                progress(what, len(results), len(names))
    return results


def _row_files(task: TaskSpec, names: list[str]) -> list[str]:
    where = f"Hub data set {task.dataset_path}"
    if task.data_files:
        found: list[str] = []
        for split in splits_of(task):
            for pattern in task.data_files:
                pattern = pattern.replace("{split}", split)
                found += [name for name in sorted(names) if fnmatch.fnmatch(name, pattern) and name.endswith(ROWS)]
        if not found:
            shown = ", ".join([name for name in sorted(names) if name.endswith(ROWS)][:8]) or "none"
            raise UsageError(
                f"{where}: data_files {task.data_files} match nothing; candidates: {shown}; "
                f"correct data_files, or use a local copy: --data {task.task}=PATH"
            )
        return found
    return [name for split in splits_of(task) for name in files_of_split(names, split, task.dataset_name, where)]


class _AudioFiles:
    """Fetches the audio that rows name by path: loose files of the repository, or members of its archives."""

    def __init__(
        self,
        task: TaskSpec,
        repository: HubRepository,
        commit: str,
        listing: dict[str, HubFile],
        folder: CacheFolder,
        progress: Progress | None,
    ) -> None:
        self._task = task
        self._repository = repository
        self._commit = commit
        self._listing = listing
        self._folder = folder
        self._progress = progress

    def attach(self, rows: list[Row], bases: list[str]) -> list[str]:
        """Adds columns of clip records to rows whose sound, images or videos are paths; returns the repository's files used."""
        _, columns, _ = choose_form(self._task, rows[0])
        media = ((CLIPS, columns.doc_to_audio), (IMAGES, columns.doc_to_image), (VIDEOS, columns.doc_to_video))
        used = [self._attach(template, column, rows, bases) for column, template in media if template is not None]
        return list(dict.fromkeys(name for names in used for name in names))

    def _attach(self, template: str, column: str, rows: list[Row], bases: list[str]) -> list[str]:
        audio = getter(template)
        by_repetition = column == CLIPS and _by_repetition(self._task)
        repeated = [{name: value} for name, values in self._task.repeat.items() for value in values if by_repetition]
        wanted: list[list[str]] = []
        for number, row in enumerate(rows):
            try:
                found = [audio({**row, **more}) for more in repeated] if repeated else [audio(row)]
            except RowError as error:
                raise UsageError(f"Hub data set {self._task.dataset_path}: row {number + 1}: {error}") from None
            values = [item for value in found for item in (value if is_list(value) else [value])]
            wanted.append([item for item in values if isinstance(item, str)])
        if not any(wanted):
            return []
        places = {
            (base, text): self._candidates(base, text)
            for base, texts in zip(bases, wanted, strict=True)
            for text in texts
        }
        loose = {next((c for c in found if c in self._listing), None) for found in places.values()} - {None}
        used = sorted(name for name in loose if name)
        archives = self._archives() if len(used) < len(places) else []
        self._download(used)
        for number, name in enumerate(archives):
            self._unpack(name, number, len(archives))
        folders = ["", *dict.fromkeys(posixpath.dirname(name) for name in archives)]
        known: dict[tuple[str, str], ClipRecord] = {}
        for row, base, texts in zip(rows, bases, wanted, strict=True):
            for text in texts:
                if (base, text) not in known:
                    known[base, text] = self._record(places[base, text], folders)
            if texts:
                row[column] = (
                    {text: known[base, text] for text in texts} if repeated else [known[base, t] for t in texts]
                )
        return used + archives

    def _candidates(self, base: str, text: str) -> list[str]:
        name = posixpath.normpath(text)
        if "://" in text or name.startswith(("/", "..")):
            raise UsageError(f"Hub data set {self._task.dataset_path}: audio {text!r} leads outside of the repository")
        return list(dict.fromkeys([posixpath.join(base, name), name]))

    def _record(self, candidates: list[str], folders: list[str]) -> ClipRecord:
        names = [f"files/{posixpath.join(folder, name)}" for folder in folders for name in candidates]
        return self._folder.record(next((n for n in names if (self._folder.path / n).is_file()), names[0]))

    def _archives(self) -> list[str]:
        archives = [name for name in sorted(self._listing) if is_archive(name)]
        if self._task.audio_files:
            return [name for name in archives if any(fnmatch.fnmatch(name, g) for g in self._task.audio_files)]
        if len(archives) > 1:
            raise UsageError(
                f"Hub data set {self._task.dataset_path}: several archives could hold the audio "
                f"({', '.join(archives[:8])}); set audio_files in the task"
            )
        return archives

    def _download(self, names: list[str]) -> None:
        def fetch(name: str) -> None:
            target = self._folder.path / "files" / name
            size = self._listing[name].size
            if target.is_file() and size in (None, target.stat().st_size):
                return
            source = self._repository.download(name, self._commit).resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as partial:
                try:
                    os.link(source, partial)
                except OSError:
                    shutil.copyfile(source, partial)

        _in_parallel(fetch, names, "downloading audio", self._progress)

    def _unpack(self, name: str, number: int, count: int) -> None:
        if self._progress:
            self._progress(f"downloading {name}", number, count)
        archive = self._repository.download(name, self._commit)
        if self._progress:
            self._progress(f"unpacking {name}", number, count)
        unpack(archive, name, self._folder.path / "files" / posixpath.dirname(name))
