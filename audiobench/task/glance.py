"""What a list needs of a task or group file, without its whole declaration: names, tags, number of rows, licence.

A hundred files are listed in a tenth of a second because only these keys are parsed, with those of the files that they
include; whether a file is valid, `audiobench.task.find.read_task` says.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

_KEYS = ("task", "group", "include", "tag", "task_alias", "group_alias", "expected_rows", "scorer", "needs",
         "aggregate_metric_list", "dataset_path", "dataset_revision", "license")  # fmt: skip
_BLOCK = re.compile(
    rb"^(?:%s):.*(?:\n(?:[ \t]+|-[ \t]).*)*|^source:[ \t]*\{.*|^[ ]+license:.*" % "|".join(_KEYS[:-1]).encode(),
    re.MULTILINE,
)
"""A key at the top with what is indented below it, and the licence in `source`."""


DEEPEST = 10
"""Files that include one another; a circle is told by `read_task`."""


def glance(path: Path, depth: int = 0) -> dict[str, Any]:
    """Those of `_KEYS` that the file or one that it includes declares; empty where it cannot be read."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        blocks = _BLOCK.findall(path.read_bytes())
        found = yaml.load(b"\n".join(block.lstrip(b" ") for block in blocks), loader) if blocks else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    if not isinstance(found, dict):
        return {}
    if isinstance(source := found.pop("source", None), dict) and "license" in source:
        found["license"] = source["license"]
    included = found.pop("include", None)
    for name in reversed(included if isinstance(included, list) else [included] if included else []):
        file = path.parent / str(name)
        if file.is_file() and depth < DEEPEST:
            found = {**_shared(file, file.stat().st_mtime_ns, depth + 1), **found}
    return found


@lru_cache(maxsize=256)
def _shared(path: Path, changed: int, depth: int) -> dict[str, Any]:
    """What many files include, read once for each state of it."""
    del changed
    return glance(path, depth)


def listed(value: Any) -> list[str]:
    """A key that takes one text or a list of them, as a list."""
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]
