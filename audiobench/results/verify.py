"""Whether the files of a run directory are what was written: each damage with its file and line, and their repair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from audiobench.core.disk import write_whole
from audiobench.core.errors import AudiobenchError
from audiobench.files import journal, plan, records, run_info, sealed, summary_entry
from audiobench.files.annotations import KINDS as ANNOTATIONS
from audiobench.files.records import Record
from audiobench.files.summary_entry import SummaryEntry
from audiobench.files.turns import AnsweredTurn
from audiobench.results.runs import Run
from audiobench.results.summary import summarise

KINDS: dict[str, tuple[type[msgspec.Struct], journal.Fault | None]] = {
    records.FILE: (Record, records.fault),
    **{kind.FILE: (kind, None) for kind in (*ANNOTATIONS, AnsweredTurn)},
}
"""Append-only files by name."""
SET_ASIDE = ".set_aside"
"""Added to the name of the file that takes the lines which `repair` removes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where."""

    file: Path
    line: int | None
    """From 1; None where it is the file as a whole."""
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.problem}"


@dataclass(slots=True)
class Verified:
    """What a look through a run directory found."""

    folder: Path
    problems: list[Problem] = field(default_factory=list[Problem])
    lines: int = 0
    unchecked: int = 0
    """Lines without a checksum, as version 0.1 wrote them."""
    unsealed: list[Path] = field(default_factory=list[Path])
    """run.json and plans without one."""


def verify(folder: Path) -> Verified:
    """Look through a run directory: run.json, the plans, every line of every append-only file, spoken answers' files,
    files that a killed process left half-written, and whether each summary.json is what the journals come to.
    """
    found = Verified(folder)
    for read, file in ((_declaration, folder), *((plan.read, file) for file in sorted(folder.glob(f"*/{plan.FILE}")))):
        try:
            read(file)
        except AudiobenchError as error:
            found.problems.append(_told(error))
    sealable = [folder / run_info.FILE, *sorted(folder.glob(f"*/{plan.FILE}"))]
    found.unsealed = [file for file in sealable if file.is_file() and not sealed.is_sealed(file.read_bytes())]
    for file in _append_only(folder):
        if file.name == records.FILE and not (file.parent / plan.FILE).is_file():
            found.problems.append(Problem(file.parent / plan.FILE, None, "missing"))
        found.problems += [Problem(file, number, problem) for number, _, problem in _bad_lines(file, found)]
    found.problems += [
        Problem(file, None, "left half-written by a killed process") for file in journal.left_over(folder)
    ]
    if not found.problems:
        found.problems += [*_answers(folder), *_summaries(folder)]
    return found


def repair(folder: Path) -> list[Problem]:
    """Set aside each damaged line, cut off a torn last one and remove half-written files; returns what was done.

    A line that is set aside goes to a file beside its own, so that nothing is lost; what it answered is asked again by
    the next start of the run.

    Raises:
        UsageError: a run is writing there.
    """
    done: list[Problem] = []
    left = journal.left_over(folder)
    lock = journal.RunLock(folder)  # which removes them
    try:
        done += [Problem(file, None, "removed: a killed process left it half-written") for file in left]
        for file in _append_only(folder):
            bad = {number: (line, problem) for number, line, problem in _bad_lines(file, Verified(folder))}
            if not bad:
                continue
            aside = file.with_name(file.name + SET_ASIDE)
            before = aside.read_bytes() if aside.is_file() else b""
            write_whole(aside, before + b"".join(line.rstrip(b"\n") + b"\n" for line, _ in bad.values()))
            write_whole(file, b"".join(line for number, line in journal.lines(file) if number not in bad))
            done += [
                Problem(file, number, f"set aside in {aside.name}: {problem}") for number, (_, problem) in bad.items()
            ]
    finally:
        lock.release()
    return done


def _declaration(folder: Path) -> None:
    """Raises what reading run.json and its model raises."""
    _ = Run(folder, run_info.read(folder), {}).spec


def _append_only(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*/*.jsonl")) if file.name in KINDS]


def _bad_lines(file: Path, found: Verified) -> Iterator[tuple[int, bytes, str]]:
    """(number, line, problem) of each line that cannot be used; what is read is counted in `found`."""
    kind, fault = KINDS[file.name]
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            found.lines += 1
            if not line.endswith(b"\n"):
                yield number, line, "torn: its end is missing"
                continue
            found.unchecked += journal.CRC not in line[-32:]
            problem = journal.decoded(line, kind, fault)
            if isinstance(problem, str):
                yield number, line, problem


def _told(error: AudiobenchError) -> Problem:
    file, _, problem = str(error).partition(": ")
    return Problem(Path(file), None, problem)


def _answers(folder: Path) -> Iterator[Problem]:
    """Spoken answers whose files are gone or changed."""
    from hashlib import file_digest

    for task_run in Run.open(folder).tasks.values():
        for record in task_run.records():
            for part in record.response.parts if record.response else ():
                if part.path is None:
                    continue
                path = folder / part.path
                if not path.is_file():
                    yield Problem(path, None, f"missing: the spoken answer of sample {record.id}")
                    continue
                with path.open("rb") as file:
                    if file_digest(file, "sha256").hexdigest() != part.sha256:
                        yield Problem(path, None, f"was changed: the spoken answer of sample {record.id}")


def _summaries(folder: Path) -> Iterator[Problem]:
    """Entries of summary.json whose numbers the journals do not give, though the rules are the same."""
    for task_run in Run.open(folder, anew=True).tasks.values():
        file = task_run.folder / "summary.json"
        if not file.is_file():
            continue
        try:
            stored = {repr(entry.condition): entry for entry in summary_entry.read(file)}
            for entry in summarise(task_run):
                kept = stored.get(repr(entry.condition))
                if kept is None or _rules(kept) != _rules(entry):
                    continue
                here, there = _numbers(kept), _numbers(entry)
                for name in (name for name in there if here.get(name) != there[name]):
                    yield Problem(file, None, f"{name} is {here.get(name)}, the journal gives {there[name]}")
        except AudiobenchError as error:
            yield _told(error)


def _rules(entry: SummaryEntry) -> list[str | None]:
    return [entry.fingerprint.get(part) for part in ("extraction_version", "scorer_version", "scorer", "extraction")]


def _numbers(entry: SummaryEntry) -> dict[str, Any]:
    return {"n": entry.n, "counts": entry.counts, **{name: made.value for name, made in entry.metrics.items()}}
