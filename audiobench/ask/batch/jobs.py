"""What a run's folder keeps of its batch jobs: `<run>/batch/<token>/job.json` and `records.jsonl`.

The records (journal lines without their answers) and the state `planned` are on disk before anything is sent, and the
provider gets the token with the job. So a process may die at any moment: a planned job is looked for at the provider
by its token, a submitted one is polled on, and no request is paid for twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from audiobench.core.disk import write_json
from audiobench.core.errors import UsageError
from audiobench.core.plain import plain_bytes
from audiobench.files import journal
from audiobench.files.records import Record

OPEN = ("planned", "submitted")
"""States of a job that is still to be waited for."""


class Submitted(Record):
    """One request of a job: the record that its answer completes."""

    task: str = ""
    number: int = 0
    """Which of several requests about one response."""

    def record(self) -> Record:
        """The record alone."""
        return Record(**{name: getattr(self, name) for name in Record.__struct_fields__})


class State(msgspec.Struct, omit_defaults=True):
    """job.json: how far a job is."""

    api: str
    """The provider's, as `BatchApi.name`."""
    token: str
    """Ours, which the provider gets with the job."""
    options: str
    """What distinguishes the run's options from others."""
    requests: int
    planned: float
    """When: seconds since 1970, as the other times."""
    state: Literal["planned", "submitted", "collected", "failed", "dropped"]
    job: str = ""
    """The provider's name of it."""
    submitted: float | None = None
    collected: float | None = None
    word: str = ""
    """How it ended, in the provider's word."""
    unanswered: int = 0
    """Requests that it ended without a result for."""
    message: str = ""
    """Why it failed or was dropped."""


@dataclass(slots=True)
class Job:
    """One job of a run."""

    folder: Path
    state: State

    @classmethod
    def plan(cls, run: Path, api: str, options: str, records: Sequence[Submitted]) -> Job:
        """Write a new job down, before it is sent; `options` as in `State`."""
        token = f"audiobench-{secrets.token_hex(8)}"
        folder = run / "batch" / token
        journal.write_lines(folder / "records.jsonl", records)
        job = cls(folder, State(api, token, options, len(records), time.time(), "planned"))
        job.write()
        return job

    def write(self) -> None:
        """Replace job.json by what `state` is now."""
        write_json(self.folder / "job.json", self.state)

    def submitted(self, job: str, at: float | None) -> None:
        """The provider has it, under the name `job`; `at`: when it was sent, None where that is not known."""
        self.state.state, self.state.job, self.state.submitted = "submitted", job, at
        self.write()

    def collected(self, word: str, unanswered: int) -> None:
        """Its results are in the journal; `word` and `unanswered` as in `State`."""
        self.state.state, self.state.collected = "collected", time.time()
        self.state.word, self.state.unanswered = word, unanswered
        self.write()

    def ended(self, state: Literal["failed", "dropped"], message: str) -> None:
        """Nothing will come of it."""
        self.state.state, self.state.message = state, message
        self.write()

    @property
    def is_open(self) -> bool:
        """Still to be waited for."""
        return self.state.state in OPEN

    @property
    def name(self) -> str:
        """The provider's name of it, or our token."""
        return self.state.job or self.state.token

    def records(self) -> list[Submitted]:
        """What was submitted, in the order of the requests."""
        return list(journal.read(self.folder / "records.jsonl", Submitted))


def jobs(run: Path) -> Iterator[Job]:
    """Every job of a run's folder, oldest first.

    Raises:
        UsageError: a job.json cannot be read.
    """
    found = [Job(path.parent, _read(path)) for path in (run / "batch").glob("*/job.json")]
    yield from sorted(found, key=lambda job: job.state.planned)


def _read(path: Path) -> State:
    try:
        return msgspec.json.decode(plain_bytes(path), type=State)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}") from error
