"""Trace judges as a stage; every reply goes into `<task>/traces.jsonl`, an append-only file beside the journal.

Responses that have a line of this judge, this template and enough runs are not asked about again; lines with a failed
call are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiobench.ask.judge import digest, questions, text_of, turns
from audiobench.ask.stage import Reply, Stage, responses
from audiobench.core.types import Request
from audiobench.files import journal
from audiobench.files.annotations import TraceVerdict
from audiobench.files.records import Record
from audiobench.model.registry import sha256_of
from audiobench.model.spec import ModelSpec
from audiobench.scorers.base import Judge

Verdicts = dict[tuple[str, str, str, str], TraceVerdict]
"""(measure, judge, sample id, journal key) -> line."""


@dataclass(frozen=True, slots=True)
class Job:
    """One response to be judged by one measure."""

    folder: Path
    """Of the task."""
    measure: Judge
    record: Record
    runs: int


def read(folder: Path) -> Verdicts:
    """What was said so far about the traces of a task; a later line wins."""
    return {(x.measure, x.judge, x.id, x.key): x for x in journal.read(folder / TraceVerdict.FILE, TraceVerdict)}


class TraceStage(Stage[Job]):
    """The jobs that this judge has not done."""

    def __init__(self, judge: ModelSpec, jobs: Iterable[Job]) -> None:
        super().__init__(judge)
        self.who = f"judge {judge.name}"
        self.jobs = list(jobs)

    def open(self) -> Iterator[Job]:
        """Those without a line of this judge and template, or with fewer replies than runs are wanted."""
        known = {folder: read(folder) for folder in {job.folder for job in self.jobs}}
        for job in self.jobs:
            line = known[job.folder].get((job.measure.name, self.model.name, job.record.id, job.record.key))
            same = line is not None and line.template_sha256 == job.measure.template_sha256
            # version 0.1 did not say which settings a judge's name stood for
            same = same and line.judge_sha256 in ("", sha256_of(self.model)) if line else False
            if line is None or not same or len(line.replies) < job.runs:
                yield job

    def path(self, item: Job) -> Path:
        """The task's traces.jsonl."""
        return item.folder / TraceVerdict.FILE

    def requests(self, item: Job) -> list[Request]:
        """The measure's question, as often as runs are wanted."""
        return questions(item.measure, item.record, item.runs)

    def line(self, item: Job, replies: Sequence[Reply]) -> TraceVerdict:
        """What came, read; failed calls are counted."""
        said, measure, record = responses(replies), item.measure, item.record
        texts = [text_of(response, self.model) for response in said]
        return TraceVerdict(
            record.id,
            record.key,
            measure.name,
            self.model.name,
            judge_sha256=sha256_of(self.model),
            served_models=sorted({response.served_model for response in said if response.served_model}),
            template_sha256=measure.template_sha256,
            prompt_sha256=digest(turns(measure, record)),
            replies=texts,
            verdicts=[measure.read(0, text, record.shown(), record.reasoning) for text in texts],
            failed=len(replies) - len(said),
        )
