"""Invented rows in the published form of a data set, as `tests/tasks/fixtures/<task>.yaml` declares them.

    repository: owner/name              # the task's dataset_path; absent where there is none (needs: [local])
    columns: {audio: audio, sentence: text, age: text?}
    files:
      data/test-00000-of-00001.parquet:
        - {sentence: She had your dark suit., age: null}
    archive: audio.tar.gz               # where clips lie that rows name by path (default: loose, beside the rows)

Every row has exactly these columns. Kinds: `audio` is a clip embedded in the row, `clip` one that it names by path and `film`
a video that it names by path, all made here; `audios` two embedded clips, `clips` a list of paths, `turns` a list of objects whose `content` is a path; text, int, float, bool, list, object; `?` where null occurs. What else a fixture
says is read by the test: `right` (a response that is right on every row, where the target is none), `verdict` (what a judge
replies about it), `entails` (the probability that an NLI model then gives), `best` and `official` (our and the official figure for right answers, where that is not the metric's best;
`unread` where the official rule does not read them), `kept` (samples that filter and repetition make, where it is not one a
row), `clips_in` (the folder below that of the rows in which clips lie that rows name without it), `objects` (each JSON file is
one row, not a list of them), `beside` (the path, made of a row's columns, of a clip that no column names: `{name}.wav`).
"""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.data.loopback_hub import tone
from tests.films import film

FOLDER = Path(__file__).parent / "fixtures"
KINDS = {
    "text": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "object": dict,
    "clip": str,
    "clips": list,
    "film": str,
    "turns": list,
}

Row = dict[str, Any]


@dataclass
class Published:
    """One fixture."""

    task: str
    repository: str | None
    columns: dict[str, str]
    files: dict[str, list[Row]]
    archive: str | None = None
    right: str | None = None
    verdict: str | None = None
    entails: float | None = None
    best: float | None = None
    official: float | str | None = None
    kept: int | None = None
    clips_in: str = ""
    objects: bool = False
    beside: str = ""

    @classmethod
    def of(cls, task: str) -> Published:
        """The fixture of a task."""
        declared = yaml.load(
            (FOLDER / f"{task}.yaml").read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        return cls(task=task, **{"repository": None, **declared})

    @property
    def rows(self) -> int:
        """Those that are the task's."""
        return sum(map(len, self.files.values())) if self.kept is None else self.kept

    def published(self) -> dict[str, bytes]:
        """File of the repository -> its bytes."""
        made: dict[str, bytes] = {}
        clips: dict[str, bytes] = {}
        number = 0
        for path, rows in self.files.items():
            filled = []
            for row in rows:
                number += 1
                filled.append(self._filled(path, row, number))
                for name in self._named(row):
                    made_of = 100 + len(clips)
                    clips.setdefault(name, film(4.0 * made_of) if name.endswith(".mp4") else tone(made_of))
                    if self.archive is None:
                        made[posixpath.normpath(posixpath.join(posixpath.dirname(path), name))] = clips[name]
            made[path] = json.dumps(filled[0]).encode() if self.objects else _WRITERS[path.rpartition(".")[2]](filled)
        if self.archive is not None:
            made[self.archive] = _packed(self.archive, clips)
        return made

    def write(self, folder: Path) -> Path:
        """The files in a folder of this machine; gives the one that holds the rows, or the folder where there are more."""
        for name, data in self.published().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder / next(iter(self.files)) if len(self.files) == 1 else folder

    def _filled(self, path: str, row: Row, number: int) -> Row:
        expected = {name for name, kind in self.columns.items() if kind not in ("audio", "audios")}
        assert set(row) == expected, (
            f"{self.task}: {path}: row {number} has {sorted(row)}, columns say {sorted(expected)}"
        )
        found: Row = {}
        for name, kind in self.columns.items():
            if kind == "audio":
                found[name] = {"bytes": tone(number), "path": f"{number}.wav"}
                continue
            if kind == "audios":
                found[name] = [{"bytes": tone(number + more), "path": f"{number}-{more}.wav"} for more in (0, 50)]
                continue
            value, null = row[name], kind.endswith("?")
            assert (value is None and null) or isinstance(value, KINDS[kind.rstrip("?")]), (
                f"{self.task}: {name}: {value!r}"
            )
            found[name] = value
        return found

    def _named(self, row: Row) -> list[str]:
        beside = [self.beside.format(**row)] if self.beside else []
        return beside + [
            posixpath.join(self.clips_in, clip)
            for name, kind in self.columns.items()
            if kind.rstrip("?") in ("clip", "clips", "film", "turns")
            for clip in (row[name] if isinstance(row[name], list) else [row[name]])
            for clip in ([clip["content"]] if kind == "turns" else [clip])
            if clip
        ]


def _parquet(rows: list[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def _lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _table(separator: str, rows: list[Row]) -> bytes:
    import csv

    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(rows[0])
    for row in rows:
        values = [value if isinstance(value, list) else ["" if value is None else value] for value in row.values()]
        writer.writerow([one for value in values for one in value])
    return out.getvalue().encode()


_WRITERS = {
    "parquet": _parquet,
    "jsonl": _lines,
    "json": lambda rows: json.dumps(rows, ensure_ascii=False).encode(),
    "csv": lambda rows: _table(",", rows),
    "tsv": lambda rows: _table("\t", rows),
}


def _packed(name: str, clips: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(out, "w") as archive:
            for path, data in clips.items():
                archive.writestr(posixpath.normpath(path), data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w:gz" if name.endswith("gz") else "w") as archive:
        for path, data in clips.items():
            member = tarfile.TarInfo(posixpath.normpath(path))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
