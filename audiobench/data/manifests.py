"""manifest.json of a folder of the data cache: where its rows came from, and what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from audiobench.core.disk import replace_file
from audiobench.media.raw import FileState

FILE = "manifest.json"
SCHEMA = 1
"""Folders of another version are made anew."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What every folder says of itself; `CacheFolder.finish` fills it in."""

    schema: int = SCHEMA
    rows: int = 0
    rows_bytes: int = 0
    """Of rows.jsonl."""
    columns: tuple[str, ...] = ()
    created: str = ""
    """ISO 8601, UTC."""


class LocalManifest(Manifest, frozen=True, kw_only=True):
    """Of parquet files on this machine."""

    source: str
    files: tuple[tuple[str, FileState], ...]
    """Each with the state in which it was read."""


class BuiltinManifest(Manifest, frozen=True, kw_only=True):
    """Of a generated set."""

    source: str
    content_sha256: str
    """Of its rows, sound included: the revision, which a change of the generator's text alone leaves as it is."""
    arguments: dict[str, Any]
    """As `dataset_kwargs` has them."""


class HubFile(msgspec.Struct, frozen=True):
    """A file of a repository."""

    path: str
    size: int | None
    sha256: str | None
    """Of the content where the Hub knows it (large files), else None."""
    blob: str | None
    """Git's object id."""


class HubManifest(Manifest, frozen=True, kw_only=True):
    """Of a data set on the Hub."""

    repo: str
    config: str | None
    split: str | list[str]
    requested: str
    """The revision that the task named: a branch, tag or commit."""
    revision: str
    """The commit."""
    files: tuple[HubFile, ...]
    """Those of the repository that were used."""
    unjoined: int = 0
    """Rows that were left out because the joined configuration has no partner of theirs."""


AnyManifest = TypeVar("AnyManifest", bound=Manifest)


def read(folder: Path, kind: type[AnyManifest]) -> AnyManifest | None:
    """The folder's manifest; None where there is none that can be used."""
    try:
        found = msgspec.json.decode((folder / FILE).read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.schema == SCHEMA else None


def write(folder: Path, manifest: Manifest) -> None:
    """Write it; from now on the folder counts.

    Raises:
        OSError: it cannot be written.
    """
    replace_file(folder / FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
