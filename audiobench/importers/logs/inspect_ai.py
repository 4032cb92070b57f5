"""Inspect's logs: `.eval` (a zip whose entries are zstd-compressed) and `.json`.

Format: https://inspect.aisi.org.uk/eval-logs.html; checked with inspect_ai 0.3.285. Read here: each sample's id, input,
choices, target, metadata and the output's text and stop reason. Reasoning is a part of its own there and no answer.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_object
from audiobench.importers.logs.entries import Entry, loads, settled

MAX_BYTES = 2**29
"""Of one sample, unpacked."""
FINISH = {"max_tokens": "length", "model_length": "length", "content_filter": "content_filter"}
"""Inspect's stop reasons that are not a plain end."""


def read_eval(path: Path) -> Iterator[Entry]:
    """Predictions of an `.eval` file, one sample in memory at a time, in the order of the archive.

    Raises:
        UsageError: not such an archive, or a sample that cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            names = [entry for entry in archive.infolist() if entry.filename.startswith("samples/")]
            if not any(entry.filename == "header.json" for entry in archive.infolist()) and not names:
                raise UsageError(f"{path}: a zip file, but no log of Inspect (no samples/ in it)")
            for entry in names:
                where = f"{path}: {entry.filename}"
                yield _entry(loads(_content(file, entry, where), where), where)
    except zipfile.BadZipFile as error:
        raise UsageError(f"{path}: not a complete zip file: {error}") from None


def read_json(path: Path) -> Iterator[Entry]:
    """Predictions of a `.json` log.

    Raises:
        UsageError: not JSON, or a log without samples.
    """
    log = loads(path.read_bytes(), str(path))
    samples = log.get("samples")
    if not samples:
        raise UsageError(f"{path}: a log of Inspect without samples (status {log.get('status')!r})")
    for number, sample in enumerate(samples, 1):
        yield _entry(sample, f"{path}: sample {number}")


def _content(file: Any, entry: zipfile.ZipInfo, where: str) -> bytes:
    """An entry's bytes; Python's zipfile knows zstd from 3.14 on only."""
    file.seek(entry.header_offset + 26)
    name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    file.seek(entry.header_offset + 30 + name + extra)
    packed = file.read(entry.compress_size)
    match entry.compress_type:
        case zipfile.ZIP_STORED:
            return packed
        case zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-15).decompress(packed, MAX_BYTES + 1)
        case 93:  # zstd (APPNOTE 4.4.5)
            import pyarrow

            try:
                data = pyarrow.CompressedInputStream(pyarrow.BufferReader(packed), "zstd").read(MAX_BYTES + 1)
            except OSError as error:
                raise UsageError(f"{where}: {error}") from None
        case _:
            raise UsageError(f"{where}: compressed by method {entry.compress_type}; known: stored, deflate, zstd")
    if len(data) > MAX_BYTES:
        raise UsageError(f"{where}: more than {MAX_BYTES} bytes")
    return data


def _entry(sample: Any, where: str) -> Entry:
    try:
        return _prediction(sample, where)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        raise UsageError(f"{where}: not a sample of Inspect (id, input, choices, target, output)") from None


def _prediction(sample: Mapping[str, Any], where: str) -> Entry:
    entry: Entry = {**(sample.get("metadata") or {}), "id": sample["id"], "question": _text(sample.get("input"))}
    choices, target = sample.get("choices"), sample.get("target")
    if choices:
        entry["choices"] = choices
        entry["answer"] = settled(choices, target, where)
    elif target not in (None, "", []):
        entry["answer"] = target
    output: Mapping[str, Any] = sample["output"] or {}
    said: list[Any] = output.get("choices") or []
    if sample.get("error") or not said:
        failure = sample.get("error") or sample["output"].get("error") or "no output"
        message = failure.get("message", failure) if is_object(failure) else failure
        return {**entry, "output": None, "error": str(message)}
    entry["output"] = _text(said[0]["message"]["content"])
    entry["finish_reason"] = FINISH.get(said[0].get("stop_reason"), "stop")
    return entry


def _text(content: Any) -> str:
    """The text of a string, of content parts, or of the user's turns of a chat."""
    if isinstance(content, str) or content is None:
        return content or ""
    if content and "role" in content[0]:
        return "\n".join(_text(turn["content"]) for turn in content if turn["role"] == "user")
    return "\n".join(part["text"] for part in content if part.get("type") == "text")
