"""What a list needs of a task or group file, without its whole declaration: names, tags, number of rows, licence.

A hundred files are listed in a tenth of a second because only these keys are parsed, with those of the files that they
include; whether a file is valid, `audiobench.task.find.read_task` says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from audiobench.core.narrow import is_list, is_object

_KEYS = ("task", "group", "include", "tag", "task_alias", "group_alias", "expected_rows", "scorer", "needs",
         "aggregate_metric_list", "dataset_path", "dataset_revision", "license")  # fmt: skip
_BLOCK = re.compile(
    rb"^(?:%s):.*(?:\n(?:[ \t]+|-[ \t]).*)*|^source:[ \t]*\{.*|^[ ]+license:.*" % "|".join(_KEYS[:-1]).encode(),
    re.MULTILINE,
)
"""A key at the top with what is indented below it, and the licence in `source`."""


_WORD = rb"(?:(?!(?i:null|true|false)\b)[A-Za-z][\w\-]*|\"[\w\-./ ]*\")"
_SIMPLE = re.compile(
    rb'(\w+): *(?:"([^"\\\n]*)"|(0|[1-9]\d{0,15})|\[(%b(?:, *%b)*)\]|((?!(?i:null|true|false)\b)[A-Za-z_](?:(?:[\w\-./() ,;\x27]|:(?=\S))*[\w\-./()])?|[0-9](?=[0-9a-f]*[a-df])[0-9a-f]{39}))[ ]*(?:[ ]#.*)?'
    % (_WORD, _WORD)
)
"""A key on one line whose value is a quoted text, a number, a list of words, a plain text or a commit, which needs no parser."""

DEEPEST = 10
"""Files that include one another; a circle is told by `read_task`."""


def glance(path: Path, depth: int = 0) -> dict[str, Any]:
    """Those of `_KEYS` that the file or one that it includes declares; empty where it cannot be read."""
    try:
        found = _parsed([block.lstrip(b" ") for block in _BLOCK.findall(path.read_bytes())])
    except (OSError, ValueError):
        return {}
    if is_object(source := found.pop("source", None)) and "license" in source:
        found["license"] = source["license"]
    included = found.pop("include", None)
    for name in reversed(included if is_list(included) else [included] if included else []):
        file = path.parent / str(name)
        if file.is_file() and depth < DEEPEST:
            found = {**_shared(file, file.stat().st_mtime_ns, depth + 1), **found}
    return found


def _parsed(blocks: Sequence[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rest: list[bytes] = []
    for block in blocks:
        match = _SIMPLE.fullmatch(block)
        if match is None:
            rest.append(block)
            continue
        key, quoted, number, words, plain = match.groups()
        text = quoted if quoted is not None else plain
        found[key.decode()] = (
            text.decode()
            if text is not None
            else int(number)
            if number
            else [w.strip(' "') for w in words.decode().split(",")]
        )
    if rest:
        import yaml

        try:
            more = yaml.load(b"\n".join(rest), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            return {}
        found |= more if is_object(more) else {}
    return found


@lru_cache(maxsize=256)
def _shared(path: Path, changed: int, depth: int) -> dict[str, Any]:
    """What many files include, read once for each state of it."""
    del changed
    return glance(path, depth)


def listed(value: Any) -> list[str]:
    """A key that takes one text or a list of them, as a list."""
    return [str(item) for item in value] if is_list(value) else [] if value is None else [str(value)]
