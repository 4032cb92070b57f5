"""Sample logs of other harnesses as predictions: `{"id", "output", "finish_reason", question, choices, answer, ...}`.

    Inspect     `.eval` (zip) and `.json`        audiobench.importers.logs.inspect_ai
    lm-eval     `samples_<task>_<date>.jsonl`    audiobench.importers.logs.lm_eval
    lmms-eval   `<date>_samples_<task>.jsonl`    audiobench.importers.logs.lmms_eval

Which harness wrote a file is told by its content. An `output` of None with an `error` is a request that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from audiobench.importers.logs import inspect_ai, lm_eval, lmms_eval
from audiobench.importers.logs.entries import Entry


def read_whole(path: Path) -> Iterator[tuple[int, Entry]] | None:
    """(number from 1, prediction) of a log that is one document (Inspect); None where `path` is not one.

    Raises:
        UsageError: it is one and cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4096).lstrip()
    if head.startswith(b"PK\x03\x04"):
        return enumerate(inspect_ai.read_eval(path), 1)
    if head.startswith(b"{") and b'"version"' in head and b'"eval"' in head and b'"eval_id"' in head:
        return enumerate(inspect_ai.read_json(path), 1)
    return None


def convert(lines: Sequence[tuple[int, Any]], path: Path) -> Iterator[tuple[int, Entry]] | None:
    """(line number, prediction) of the lines of an lm-eval or lmms-eval sample log; None where they are neither.

    Raises:
        UsageError: a line does not fit the format of the first one.
    """
    first = lines[0][1] if lines else None
    if not isinstance(first, dict) or "doc_id" not in first or "output" in first:
        return None
    for reader in (lm_eval, lmms_eval):
        if reader.is_line(first):
            return reader.convert(lines, path)
    return None
