"""The Hub: which commit, which files, and the files themselves; every failure as one line that says what to do.

`huggingface_hub` does the talking: it honours HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE, tries again where a
connection breaks and keeps its own cache of whole files. The token is never stored or shown here.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from audiobench.core.disk import replace_file
from audiobench.core.errors import DISK, IncompleteError, UsageError
from audiobench.data.manifests import HubFile


class HubRepository:
    """One data set repository."""

    def __init__(self, name: str, task: str) -> None:
        self.name = name
        self._task = task

    def resolve(self, revision: str) -> tuple[str, list[HubFile]]:
        """(full commit, files) of a branch, tag or commit; from the Hub library's own cache where the Hub is out of reach.

        Raises:
            UsageError: no such repository or revision, or access is refused.
            IncompleteError: the Hub cannot be reached.
        """
        try:
            with self._explained(revision):
                from huggingface_hub import HfApi

                api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
                info = api.dataset_info(self.name, revision=revision, files_metadata=True, timeout=30)
        except IncompleteError:
            cached = self._cached(revision)
            if cached is None:
                raise
            return cached
        files = [
            HubFile(file.rfilename, file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
            for file in info.siblings or []
        ]
        if not info.sha:
            raise IncompleteError(f"Hub data set {self.name}: the Hub did not say which commit {revision} is")
        return info.sha, files

    def _cached(self, revision: str) -> tuple[str, list[HubFile]] | None:
        from huggingface_hub import constants

        cache = Path(os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE)
        place = cache / f"datasets--{self.name.replace('/', '--')}"
        reference = place / "refs" / revision
        commit = reference.read_text("utf-8").strip() if reference.is_file() else revision
        snapshot = place / "snapshots" / commit
        if not snapshot.is_dir():
            return None
        files = [p for p in sorted(snapshot.rglob("*")) if p.is_file()]
        return commit, [HubFile(p.relative_to(snapshot).as_posix(), p.stat().st_size, None, None) for p in files]

    def download(self, path: str, commit: str) -> Path:
        """A file of the repository at `commit`, in the Hub library's own cache.

        Raises:
            UsageError: no such file, or access is refused.
            IncompleteError: the Hub cannot be reached.
        """
        with self._explained(commit, path):
            from huggingface_hub import hf_hub_download

            found = hf_hub_download(
                self.name,
                path,
                repo_type="dataset",
                revision=commit,
                endpoint=os.environ.get("HF_ENDPOINT"),
                cache_dir=os.environ.get("HF_HUB_CACHE"),
            )
        return Path(found)

    @contextmanager
    def _explained(self, revision: str, path: str | None = None) -> Generator[None]:
        from huggingface_hub import errors

        what = f"Hub data set {self.name}" + (f", {path}" if path else "")
        own = f"use a local copy: --data {self._task}=PATH"
        try:
            yield
        except errors.GatedRepoError:
            raise UsageError(
                f"{what}: gated; accept its terms at https://huggingface.co/datasets/{self.name} and set HF_TOKEN, "
                f"or {own}"
            ) from None
        except errors.RevisionNotFoundError:
            raise UsageError(f"{what}: has no revision {revision}; correct dataset_revision, or {own}") from None
        except errors.EntryNotFoundError as error:
            if isinstance(error, errors.LocalEntryNotFoundError):
                raise self._unreachable(what, error, own) from None
            raise UsageError(f"{what}: no such file at {revision[:12]}; correct data_files, or {own}") from None
        except errors.RepositoryNotFoundError:
            raise UsageError(f"{what}: not there, or private; set HF_TOKEN if it is yours, or {own}") from None
        except errors.HFValidationError as error:
            raise UsageError(f"dataset_path {self.name}: no file here and no Hub repository: {error}") from None
        except errors.HfHubHTTPError as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status in (401, 403):
                raise UsageError(f"{what}: access refused (HTTP {status}); set a valid HF_TOKEN, or {own}") from None
            raise IncompleteError(f"{what}: the Hub answered HTTP {status}; try again, or {own}") from None
        except ValueError as error:  # a proxy's or a portal's page under HTTP 200
            endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
            raise IncompleteError(
                f"{what}: {endpoint} answered with what is not the Hub's ({type(error).__name__}): is a proxy or a log-in page "
                f"in between? {own[0].upper() + own[1:]}"
            ) from None
        except OSError as error:  # OfflineModeIsEnabled is one
            if error.filename is not None or error.errno in DISK:
                raise  # a full disk or a cache folder that cannot be written: the caller knows what to say
            raise self._unreachable(what, error, own) from None
        except Exception as error:
            if type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3")):
                raise self._unreachable(what, error, own) from None
            raise

    @staticmethod
    def _unreachable(what: str, error: BaseException, own: str) -> IncompleteError:
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return IncompleteError(f"{what}: {endpoint} cannot be reached ({type(error).__name__}); {own}")


class _Resolved(msgspec.Struct, frozen=True):
    """What a branch or tag was when it was first used here."""

    commit: str
    resolved: str
    """When: ISO 8601, UTC."""


def _resolved(place: Path) -> dict[str, _Resolved]:
    try:
        return msgspec.json.decode((place / "revisions.json").read_bytes(), type=dict[str, _Resolved])
    except (OSError, msgspec.DecodeError):
        return {}


def recorded_commit(place: Path, revision: str) -> str | None:
    """The commit that a branch or tag was resolved to when it was first used here; a full commit is itself."""
    if len(revision) == 40 and all(c in "0123456789abcdef" for c in revision):
        return revision
    found = _resolved(place).get(revision)
    return None if found is None else found.commit


def record_commit(place: Path, revision: str, commit: str) -> None:
    """Remembers what `revision` was resolved to, so that later runs use the same commit, offline too.

    Raises:
        OSError: it cannot be written.
    """
    known = _resolved(place) | {revision: _Resolved(commit, datetime.now(UTC).isoformat(timespec="seconds"))}
    replace_file(place / "revisions.json", msgspec.json.format(msgspec.json.encode(known), indent=2))
