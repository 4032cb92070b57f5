"""Vectors of sounds: Parquet files in a task's `embeddings/`, each written once, under a digest of what is in it.

A row holds what a measure's network made of one answer and of its reference: `vector`, `reference_vector`, `logits`,
`reference_logits`, each a list of float32 or null. Lines of measures.jsonl name file, row and a checksum; a file that no line
names (a process was killed in between) is harmless.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from audiobench.core.disk import write_whole
from audiobench.core.errors import IncompleteError

if TYPE_CHECKING:
    import numpy as np

FOLDER = "embeddings"
COLUMNS = ("vector", "reference_vector", "logits", "reference_logits")
Arrays = Mapping[str, "np.ndarray"]
"""Names of `COLUMNS` -> float32, shape (d,); a name that is absent is null in the file."""


def write(folder: Path, measure: str, rows: Sequence[Arrays]) -> str:
    """Write the rows into a new file of a task's folder and return its name.

    Raises:
        IncompleteError: the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = [name for name in COLUMNS if any(name in row for row in rows)]
    listed = [{name: row[name].tolist() if name in row else None for name in kept} for row in rows]
    schema = pa.schema([(name, pa.list_(pa.float32())) for name in kept])
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(listed, schema=schema), out, compression="zstd")
    data = out.getvalue()
    name = f"{measure}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    file = folder / FOLDER / name
    if not file.exists():
        write_whole(file, data)
    return name


def checksum(row: Arrays) -> int:
    """CRC-32 of a row's vectors, in the order of `COLUMNS`."""
    found = 0
    for name in COLUMNS:
        if (values := row.get(name)) is not None:
            found = crc32(values.astype("<f4").tobytes(), found)
    return found


def read(folder: Path, name: str) -> list[dict[str, np.ndarray]]:
    """The rows of a file of a task's folder.

    Raises:
        IncompleteError: it is gone, or no Parquet file any more.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / FOLDER / name
    try:
        listed = pq.read_table(io.BytesIO(file.read_bytes())).to_pylist()
    except OSError as error:
        raise IncompleteError(f"{file}: {error.strerror or error}; measures.jsonl names it") from error
    except pa.ArrowException as error:
        raise IncompleteError(f"{file}: not a Parquet file: {error}") from error
    return [
        {name: np.asarray(values, dtype=np.float32) for name, values in row.items() if values is not None}
        for row in listed
    ]
