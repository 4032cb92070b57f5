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

from audiobench.core.errors import UsageError
from audiobench.core.json_values import decode

Entry = dict[str, Any]


def read_whole(path: Path) -> Iterator[tuple[int, Entry]] | None:
    """(number from 1, prediction) of a log that is one document (Inspect); None where `path` is not one.

    Raises:
        UsageError: it is one and cannot be read.
    """
    from audiobench.importers.logs import inspect_ai

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
    from audiobench.importers.logs import lm_eval, lmms_eval

    first = lines[0][1] if lines else None
    if not isinstance(first, dict) or "doc_id" not in first or "output" in first:
        return None
    for reader in (lm_eval, lmms_eval):
        if reader.is_line(first):
            return reader.convert(lines, path)
    return None


def settled(choices: Sequence[str], target: Any, where: str) -> str:
    """The right option's text, from its letter, its number, or its text in another case.

    Raises:
        UsageError: it is none of the options.
    """
    if isinstance(target, list | tuple) and len(target) == 1:
        target = target[0]
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
        return choices[target]
    text = str(target)
    if text in choices:
        return text
    letter = text.strip().strip("().")
    if len(letter) == 1 and letter.isascii() and letter.isupper() and ord(letter) - 65 < len(choices):
        return choices[ord(letter) - 65]
    near = [choice for choice in choices if choice.split() == text.split() or choice.casefold() == text.casefold()]
    if len(near) != 1:
        raise UsageError(f"{where}: target {target!r} is none of its choices: {', '.join(map(repr, choices))}")
    return near[0]


def loads(raw: bytes, where: str) -> Any:
    """The JSON document `raw`.

    Raises:
        UsageError: not JSON.
    """
    try:
        return decode(raw, errors="strict")
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
