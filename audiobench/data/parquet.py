"""Rows of parquet files with the embedded audio taken out, a few rows in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from audiobench.core.errors import UsageError
from audiobench.core.narrow import is_list, is_object
from audiobench.core.plain import check_plain
from audiobench.data.rows import ClipRecord, Row
from audiobench.media.container import sniff

Store = Callable[[bytes], ClipRecord]
_BATCH = 16


def parquet_rows(path: Path, store: Store) -> Iterator[Row]:
    """The rows, each embedded clip ({bytes, path} or plain bytes) replaced by what `store` gives for its bytes.

    Raises:
        UsageError: not a parquet file, or broken.
    """
    for row in rows_as_stored(path, _BATCH):  # what cannot be stored is not the file's fault
        yield {column: without_audio(value, store) for column, value in row.items()}


def rows_as_stored(path: Path, batch: int, columns: list[str] | None = None) -> Iterator[Row]:
    """The rows as they are, `batch` in memory at a time; `columns`: only these, for a join.

    Raises:
        UsageError: not a parquet file, or broken, or without one of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        check_plain(path)
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            names = file.schema_arrow.names
            if missing := [column for column in columns or () if column not in names]:
                raise UsageError(f"{path}: join: no column {missing[0]!r}; columns: {', '.join(names)}")
            for rows in file.iter_batches(batch_size=batch, use_threads=False, columns=columns):
                yield from rows.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: not a readable parquet file: {str(error).splitlines()[0]}") from None


def without_audio(value: Any, store: Store) -> Any:
    """`value` with embedded audio stored; bytes that are no audio become None, {bytes: null, path} becomes the path."""
    if isinstance(value, bytes | bytearray):
        return store(bytes(value)) if sniff(bytes(value[: 1 << 16])) else None
    if is_list(value):
        return [without_audio(item, store) for item in value]
    if is_object(value):
        if "bytes" in value and set(value) <= {"bytes", "path", "sampling_rate"}:
            data = value["bytes"]
            return value.get("path") if data is None else store(bytes(data))
        return {key: without_audio(item, store) for key, item in value.items()}
    return value
