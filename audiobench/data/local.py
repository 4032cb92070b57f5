"""Rows from files on this machine: a .jsonl, .json, .parquet, .csv or .tsv file, or a folder that holds one."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

from audiobench.core.errors import UsageError
from audiobench.data.layout import files_of_split, splits_of
from audiobench.data.materialise import local_parquet
from audiobench.data.rows import Row, Rows, name_files, read_text_rows
from audiobench.task.spec import LOCAL, ROW_FILES, TaskSpec

USUAL = ("items.jsonl", "metadata.jsonl")


def local_data(task: TaskSpec, task_file: Path, data: Path | None) -> Path | None:
    """The local copy to read, or None when the data comes from elsewhere.

    In this order: `data` (a file, a folder, or a folder with an entry named like the task), the entry named like the
    task in the folder AUDIOBENCH_DATA, `dataset_path` where it names a file or folder beside the task file.

    Raises:
        UsageError: `data` or AUDIOBENCH_DATA does not exist, or `dataset_path` looks like a file and is not there.
    """
    if data is not None:
        if not data.exists():
            raise UsageError(f"--data {task.task}={data}: no such file or folder")
        return (_entry(data, task.task) if data.is_dir() else None) or data
    folder = os.environ.get("AUDIOBENCH_DATA")
    if folder:
        if not Path(folder).is_dir():
            raise UsageError(f"AUDIOBENCH_DATA={folder}: no such folder")
        found = _entry(Path(folder), task.task)
        if found:
            return found
    if task.dataset_path.startswith(("builtin:", LOCAL)):
        return None
    path = task_file.resolve().parent / task.dataset_path
    if path.exists():
        return path
    if path.suffix in ROW_FILES or task.dataset_path.startswith((".", "/", "~")) or task.dataset_path.count("/") > 1:
        raise UsageError(f"{task_file}: dataset_path {task.dataset_path}: no such file or folder ({path})")
    return None


def _entry(folder: Path, name: str) -> Path | None:
    for candidate in (folder / name, *(folder / f"{name}{suffix}" for suffix in ROW_FILES)):
        if candidate.exists():
            return candidate
    return None


def find_rows(folder: Path, task: TaskSpec) -> list[Path]:
    """The file(s) of a folder that hold the rows: the task's `data_files`, else items.jsonl or metadata.jsonl, else the
    only .jsonl, else the only .json, else the .parquet files of the split, else the only .csv or .tsv.

    Raises:
        UsageError: none, or several that could be meant.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix in ROW_FILES and p.is_file() and not _hidden(p, folder))
    named = [p for p in files if any(fnmatch.fnmatch(p.relative_to(folder).as_posix(), g) for g in task.data_files)]
    if named:
        return named
    top = [p for p in files if p.parent == folder]
    usual = [p for p in top if p.name in USUAL]
    parquet = [p for p in files if p.suffix == ".parquet"]
    suffixes = (".jsonl", ".json") if parquet else (".jsonl", ".json", ".csv", ".tsv")
    for tier in (usual, *([p for p in top if p.suffix == suffix] for suffix in suffixes)):
        if len(tier) == 1:
            return tier
        if tier:
            splits = _of_splits(tier, folder, task)
            if splits and len(splits) == len(splits_of(task)):
                return splits
            names = ", ".join(p.name for p in tier[:8])
            raise UsageError(
                f"{folder}: several files could hold the rows ({names}): name one, --data {task.task}=FILE"
            )
    if parquet:
        names = {p.relative_to(folder).as_posix(): p for p in parquet}
        return [
            names[name]
            for split in splits_of(task)
            for name in files_of_split(list(names), split, task.dataset_name, str(folder))
        ]
    raise UsageError(f"{folder}: no {', '.join(ROW_FILES)} file with rows in it")


def _of_splits(files: list[Path], folder: Path, task: TaskSpec) -> list[Path]:
    return [p for split in splits_of(task) for p in files if p.stem == split]


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)


def read_local(path: Path, task: TaskSpec) -> Rows:
    """The rows of a local copy.

    Raises:
        UsageError: no rows file, an ambiguous one, or one that cannot be parsed.
    """
    notes: list[str] = []
    if path.is_dir():
        files = find_rows(path, task)
        shown = ", ".join(p.relative_to(path).as_posix() for p in files[:3]) + (", …" if len(files) > 3 else "")
        notes.append(f"rows are taken from {shown} in {path}")
        root = path
    else:
        if path.suffix not in ROW_FILES:
            raise UsageError(f"{path}: must be a folder or a file of {', '.join(ROW_FILES)}")
        files, root = [path], path.parent
    if any(p.suffix == ".parquet" for p in files):
        return local_parquet(path, root, files, task, notes)
    splits = splits_of(task)
    rows: list[Row] = []
    bases: set[Path] = set()
    for file, found in read_text_rows(files, task.list_column):
        if len(splits) > 1 and file.stem in splits:
            for row in found:
                row.setdefault("split", file.stem)
        name_files(found, task.file_column, file.relative_to(root).as_posix())
        rows.extend(found)
        bases.add(file.parent)
    if not rows:
        raise UsageError(f"{files[0]}: no rows in it")
    return Rows(rows, files[0], files[0].parent if len(bases) == 1 else root, (root,), str(path), notes=notes)
