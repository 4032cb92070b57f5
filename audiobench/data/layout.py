"""Which files of a repository hold the rows of a split, and which hold audio."""

from __future__ import annotations

import re
from collections.abc import Sequence

from audiobench.core.errors import UsageError
from audiobench.task.spec import ROW_FILES, TaskSpec

ROWS = (".parquet", *(suffix for suffix in ROW_FILES if suffix != ".parquet"))
"""Of the files of a repository: parquet is the Hub's own form, and comes first."""
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_NOT_ROWS = frozenset({"dataset_infos.json", "dataset_info.json", "state.json", "config.json", "package.json"})


def splits_of(task: TaskSpec) -> list[str]:
    """The task's splits, in order."""
    return [task.test_split] if isinstance(task.test_split, str) else list(task.test_split)


def files_of_split(names: Sequence[str], split: str, config: str | None, where: str) -> list[str]:
    """The files among `names` that hold `split` (of the configuration `config`), in order.

    Tried in this order, parquet before jsonl, json, csv and tsv: `<split>.EXT` and `<split>-00000-of-00001.EXT`; files in a
    folder `<split>/`; names that hold the split as a word (`test_mini.parquet` for `test`); a sole file.

    Raises:
        UsageError: nothing fits, or several files do that are not parts of one whole; names the candidates.
    """
    rows = [name for name in sorted(names) if name.endswith(ROWS) and name.rsplit("/", 1)[-1] not in _NOT_ROWS]
    if config:
        rows = [name for name in rows if config in name.split("/")[:-1] or name.rsplit("/", 1)[-1].startswith(config)]
    word = re.escape(split)
    patterns = (
        rf"(^|/){word}(-\d+-of-\d+[^/]*)?\.\w+$",
        rf"(^|/){word}/[^/]+$",
        rf"(^|[-_./ ]){word}([-_./ ][^/]*)?\.\w+$",
    )
    for suffix in ROWS:
        kind = [name for name in rows if name.endswith(suffix)]
        for pattern in patterns:
            found = [name for name in kind if re.search(pattern, name)]
            if found and (len(found) == 1 or _parts_of_one(found)):
                return found
    for suffix in ROWS:
        kind = [name for name in rows if name.endswith(suffix)]
        if len(kind) == 1 or (kind and _parts_of_one(kind)):
            return kind
    shown = ", ".join(rows[:8]) or "none"
    raise UsageError(f"{where}: no file is plainly split {split!r}; candidates: {shown}; set data_files in the task")


def _parts_of_one(names: list[str]) -> bool:
    """True for `x-00000-of-00002` and its siblings, or `0000.parquet` and its siblings in one folder."""
    stems = {re.sub(r"-\d+-of-\d+|(?:(?<=/)|^)\d+(?=\.\w+$)", "#", name) for name in names}
    return len(stems) == 1 and len(names) > 1


def is_archive(name: str) -> bool:
    """True for a tar or zip file name."""
    return name.lower().endswith(ARCHIVES)
