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
from typing import Any

from audiobench.core.disk import write_json
from audiobench.files import journal
from audiobench.files.records import Record
from audiobench.results.runs import read_json

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


@dataclass(slots=True)
class Job:
    """One job of a run."""

    folder: Path
    state: dict[str, Any]
    """api, token, options, requests, state (planned | submitted | collected | failed | dropped), job, times, message."""

    @classmethod
    def plan(cls, run: Path, api: str, options: str, records: Sequence[Submitted]) -> Job:
        """Write a new job down, before it is sent. `options`: what distinguishes the run's options from others."""
        token = f"audiobench-{secrets.token_hex(8)}"
        folder = run / "batch" / token
        journal.write_lines(folder / "records.jsonl", records)
        state = {"api": api, "token": token, "options": options, "requests": len(records), "planned": time.time()}
        job = cls(folder, state)
        job.note("planned")
        return job

    def note(self, state: str, **facts: Any) -> None:
        """Replace job.json."""
        self.state.update(state=state, **facts)
        write_json(self.folder / "job.json", self.state)

    @property
    def is_open(self) -> bool:
        """Still to be waited for."""
        return self.state["state"] in OPEN

    @property
    def name(self) -> str:
        """The provider's name of it, or our token."""
        return self.state.get("job") or self.state["token"]

    def records(self) -> list[Submitted]:
        """What was submitted, in the order of the requests."""
        return list(journal.read(self.folder / "records.jsonl", Submitted))


def jobs(run: Path) -> Iterator[Job]:
    """Every job of a run's folder, oldest first."""
    found = [Job(path.parent, read_json(path)) for path in (run / "batch").glob("*/job.json")]
    yield from sorted(found, key=lambda job: job.state["planned"])
